"""The loop that every training shares: resumes after any kill, stops early, refuses NaN."""

import math
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from ml.errors import DataError, ModelMismatch
from ml.training.distribution import ALONE, Processes
from ml.training.journal import Journal

Metrics = dict[str, float]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: linear warm-up, then a cosine to zero over all epochs.

    Training stops when `watch` (larger is better) has not risen for `patience` epochs.
    """

    epochs: int
    steps_per_epoch: int
    warm_up: float = 0.05
    patience: int = 5
    watch: str = "score"

    def factor(self, step: int) -> float:
        """The share of the full learning rate at a step, counted from 0 over all epochs."""
        total = max(1, self.epochs * self.steps_per_epoch)
        warm = max(1, round(self.warm_up * total))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))

    def improved(self, metrics: Metrics, best: Metrics) -> bool:
        """Whether metrics are better than the best so far, of which there may be none."""
        return not best or metrics[self.watch] > best[self.watch]


def fit(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: Schedule,
    *,
    batches: Callable[[int, int], Iterable[Any]],
    loss_of: Callable[[Any], torch.Tensor | Mapping[str, torch.Tensor]],
    validate: Callable[[], Metrics],
    out: Path,
    fingerprint: str,
    seed: int = 0,
    average: AveragedModel | None = None,
    scaler: torch.amp.GradScaler | None = None,
    processes: Processes = ALONE,
    checkpoint_minutes: float = 10.0,
) -> Metrics:
    """Train and leave the best weights in `module`; gives the best epoch's metrics.

    `batches(epoch, first)` gives the batches of one epoch from place `first` on, fixed by both.
    `loss_of` gives the loss, or several by name with their sum as "loss". With `average` the mean
    of the weights over steps is what is measured and kept.

    After each epoch and every `checkpoint_minutes` within it `out/last.pt` holds all that is needed
    to go on, and after each epoch `out/log.jsonl` gets a line of metrics. A run with the same
    `fingerprint` (hash of the configuration) goes on from there and ends as if nothing had been;
    another's, or one of another network, raises ModelMismatch. A loss or gradient that is not
    finite raises DataError and leaves the last good checkpoint. Of several `processes` the first
    validates and writes.
    """
    out.mkdir(parents=True, exist_ok=True)
    scaler = scaler or torch.amp.GradScaler(enabled=False)
    journal = Journal(out) if processes.first else None
    base_rates = [group["lr"] for group in optimiser.param_groups]
    at = _Progress(best_state=_copied(module))
    last = out / "last.pt"
    if last.is_file():
        at = _resume(last, fingerprint, module, optimiser, average, scaler)

    def save() -> None:
        if processes.first:
            state = {
                "fingerprint": fingerprint,
                "module": module.state_dict(),
                "optimiser": optimiser.state_dict(),
                "average": None if average is None else average.state_dict(),
                "scaler": scaler.state_dict(),
                "progress": vars(at),
            }
            _save_atomically(state, last)

    while at.epoch < schedule.epochs and at.waited <= schedule.patience:
        module.train()
        started, saved = time.monotonic() - at.seconds, time.monotonic()
        bar = tqdm(
            batches(at.epoch, at.place),
            f"epoch {at.epoch}",
            schedule.steps_per_epoch,
            initial=at.place,
            mininterval=5,
            disable=not processes.first,
        )
        for batch in bar:
            # So that a resumed run draws the same random numbers, with no state to keep.
            seed_everything(_mixed(seed, at.step, processes.rank))
            for group, rate in zip(optimiser.param_groups, base_rates, strict=True):
                group["lr"] = rate * schedule.factor(at.step)
            found = loss_of(batch)
            losses = found if isinstance(found, Mapping) else {"loss": found}
            _check_finite(losses["loss"], "loss", at)
            scaler.scale(losses["loss"]).backward()
            scaler.unscale_(optimiser)
            norm = nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            if not scaler.is_enabled():  # which skips such a step and lowers its scale
                _check_finite(norm, "gradient", at)
            scaler.step(optimiser)
            scaler.update()
            optimiser.zero_grad()
            if average is not None:
                average.update_parameters(module)
            for name, value in losses.items():
                at.sums[name] = at.sums.get(name, 0.0) + float(value.detach())
            at.place, at.step = at.place + 1, at.step + 1
            bar.set_postfix(loss=f"{at.sums['loss'] / at.place:.3f}", refresh=False)
            if time.monotonic() - saved >= 60 * checkpoint_minutes:
                at.seconds = time.monotonic() - started
                save()
                saved = time.monotonic()
        module.eval()
        trained = _copied(module)
        if average is not None:
            module.load_state_dict(average.module.state_dict())
        metrics = processes.told(validate() if processes.first else {})
        if schedule.improved(metrics, at.best):
            at.best_state, at.waited = _copied(module), 0
        else:
            at.waited += 1
        steps = max(1, at.place)
        metrics |= {"epoch": at.epoch} | {
            name if name == "loss" else f"loss/{name}": value / steps
            for name, value in at.sums.items()
        }
        metrics["seconds"] = round(time.monotonic() - started, 1)
        if at.waited == 0:
            at.best = dict(metrics)
        module.load_state_dict(trained)
        at.epoch, at.place, at.sums, at.seconds = at.epoch + 1, 0, {}, 0.0
        if journal is not None:
            journal.line(metrics)
        save()
    module.load_state_dict(at.best_state)
    module.eval()
    if journal is not None:
        journal.curves()
        journal.close()
    return at.best


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _copied(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


@dataclass
class _Progress:
    """Where a run is: next epoch, next place in it, steps so far, and the best so far."""

    best_state: dict[str, torch.Tensor]
    best: Metrics = field(default_factory=dict)
    epoch: int = 0
    place: int = 0
    step: int = 0
    waited: int = 0
    seconds: float = 0.0
    sums: Metrics = field(default_factory=dict)


def _resume(
    last: Path,
    fingerprint: str,
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: AveragedModel | None,
    scaler: torch.amp.GradScaler,
) -> _Progress:
    state = torch.load(last, weights_only=True, map_location="cpu")
    shapes = {name: value.shape for name, value in module.state_dict().items()}
    if {name: value.shape for name, value in state["module"].items()} != shapes:
        raise ModelMismatch(
            f"{last.parent} holds a checkpoint of another architecture or dimension. Choose "
            "another folder with --out, or the configuration it was made with."
        )
    if state["fingerprint"] != fingerprint:
        raise ModelMismatch(
            f"{last.parent} holds a run with another configuration. Choose another folder with "
            "--out."
        )
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
    if average is not None:
        average.load_state_dict(state["average"])
    scaler.load_state_dict(state["scaler"])
    return _Progress(**state["progress"])


def _check_finite(value: torch.Tensor, what: str, at: _Progress) -> None:
    if not torch.isfinite(value):
        raise DataError(
            f"The {what} is no longer a number, so training stopped. Lower the learning rate "
            "and start again: it goes on from the last good checkpoint.",
            f"epoch {at.epoch}, step {at.step}",
            code="loss_not_finite",
        )


def _save_atomically(state: Mapping[str, Any], path: Path) -> None:
    fresh = path.with_suffix(".tmp")
    torch.save(dict(state), fresh)
    os.replace(fresh, path)
