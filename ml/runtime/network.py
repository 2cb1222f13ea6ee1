"""Turns a torch module into a fast callable for the machine at hand."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ml.errors import DataError

if TYPE_CHECKING:
    import torch

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
    `threads` is the number of CPU threads, all cores by default.
    """
    chosen = pick_device(device)
    if chosen == "cpu":
        from ml.runtime.openvino import compile_openvino

        return compile_openvino(build, example, threads=threads, cache_dir=cache_dir, key=key)
    from ml.runtime.eager import compile_eager

    return compile_eager(build(), device="cuda" if chosen == "cuda" else "cpu", threads=threads)


def _cuda() -> bool:
    """Whether torch is a CUDA build with a GPU; a CPU build is told by its version, unimported."""
    if importlib.util.find_spec("torch") is None:
        return False
    from importlib.metadata import version

    if version("torch").endswith("+cpu"):
        return False
    import torch

    return torch.cuda.is_available()
