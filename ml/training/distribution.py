"""Several processes at one training, as `torchrun` starts them, each with its share of a batch."""

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import distributed

Value = TypeVar("Value")

# Others wait while the first process cuts crops or validates.
_PATIENCE = datetime.timedelta(hours=12)


@dataclass(frozen=True)
class Processes:
    """This process among `count`; one alone needs no communication."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes, validates and speaks."""
        return self.rank == 0

    def sizes(self, places: int) -> list[int]:
        """How many of `places` each process takes, in the order of ranks."""
        whole, left = divmod(places, self.count)
        return [whole + (rank < left) for rank in range(self.count)]

    def own(self, places: int) -> slice:
        """The part of a batch of `places` that this process embeds."""
        sizes = self.sizes(places)
        start = sum(sizes[: self.rank])
        return slice(start, start + sizes[self.rank])

    def gathered(self, rows: torch.Tensor, places: int) -> torch.Tensor:
        """The rows (places, d) of the whole batch from each process's own; gradients go back.

        Every process computes the loss of the whole batch from them. The gradient that comes back
        to each is summed over processes, so that the mean which DistributedDataParallel takes over
        processes is the gradient of that one loss.
        """
        if self.count == 1:
            return rows
        sizes = self.sizes(places)
        most = max(sizes)
        padded = F.pad(rows, (0, 0, 0, most - len(rows)))
        parts = _Gathered.apply(padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    def told(self, value: Value) -> Value:
        """The first process's value, in all."""
        if self.count == 1:
            return value
        held: list[Any] = [value]
        distributed.broadcast_object_list(held, src=0)
        return held[0]

    def in_turn(self, work: Callable[[], Value]) -> Value:
        """What `work` gives, done by the first process before the others, which find it stored."""
        done = work() if self.first else None
        self.told(None)
        return work() if done is None else done


ALONE = Processes()


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The processes that `torchrun` has started, or this one alone. Leaves the group at the end."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Processes(distributed.get_rank(), count)
        # One that ends while another still talks to it can take it down.
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


class _Gathered(torch.autograd.Function):
    """All processes' tensors of one shape; backward sums what each has for ours."""

    @staticmethod
    def forward(ctx: Any, own: torch.Tensor) -> tuple[torch.Tensor, ...]:
        parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, own.contiguous())
        return tuple(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        summed = torch.stack(gradients)
        distributed.all_reduce(summed)
        return summed[distributed.get_rank()]
