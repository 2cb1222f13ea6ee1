"""Turns a torch module into a fast callable for the machine at hand."""

import importlib.util
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ml.errors import DataError

if TYPE_CHECKING:
    import torch

# What a container sees of its own control group; at the root of a machine there is no such file.
_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")

Device = Literal["cpu", "cuda", "torch-cpu"]

# Takes arrays of the example's dtype, the batch first; gives one array per output.
Network = Callable[[np.ndarray], tuple[np.ndarray, ...]]


def pick_device(device: str = "auto") -> Device:
    """The device a name stands for; "auto" is a CUDA GPU where there is one, else the CPU.

    "cpu" runs through OpenVINO, "torch-cpu" through torch (slower; the reference for tests).
    """
    if device == "auto":
        return "cuda" if _cuda() else "cpu"
    if device == "cuda" and not _cuda():
        raise DataError("This machine has no CUDA GPU for torch. Use the device 'cpu'.")
    if device in ("cpu", "cuda", "torch-cpu"):
        return device  # type: ignore[return-value]
    raise DataError(f"There is no device '{device}'. Use auto, cpu, cuda or torch-cpu.")


def compile_network(
    build: "Callable[[], torch.nn.Module]",
    example: np.ndarray,
    *,
    device: str = "auto",
    threads: int | None = None,
    cache_dir: Path | None = None,
    key: str = "",
) -> Network:
    """A callable for the module that `build` gives: array in, tuple of float32 arrays out.

    `example` is one input with the batch first; the batch may have another length in every call,
    all else is fixed. `build` is only called where it is needed: on the CPU with a `cache_dir` that
    already holds the network `key`, neither it nor torch is touched, which makes a second start
    fast. `key` must name the weights and the code that made the network, for example a hash.
    `threads` is the number of CPU threads, by default `cores()`.
    """
    chosen = pick_device(device)
    if chosen == "cpu":
        from ml.runtime.openvino import compile_openvino

        return compile_openvino(build, example, threads=threads, cache_dir=cache_dir, key=key)
    from ml.runtime.eager import compile_eager

    return compile_eager(build(), device="cuda" if chosen == "cuda" else "cpu", threads=threads)


def cores() -> int:
    """How many cores this process may keep busy, at least 1.

    Those it may run on (a container may be given some of a machine's), or fewer where its control
    group has a quota of time: threads beyond that would only stop each other.
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, math.ceil(_quota(_CPU_MAX) or count)))


def _quota(path: Path) -> float | None:
    """Cores' worth of time in a file cpu.max (Linux, control group v2), None where unlimited."""
    try:
        allowed, period = path.read_text().split()
        return int(allowed) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None  # no such file, or "max"


def _cuda() -> bool:
    """Whether torch is a CUDA build with a GPU; a CPU build is told by its version, unimported."""
    if importlib.util.find_spec("torch") is None:
        return False
    from importlib.metadata import version

    if version("torch").endswith("+cpu"):
        return False
    import torch

    return torch.cuda.is_available()
