"""Networks on torch: half precision on CUDA, float32 on the CPU as the tests' reference."""

from typing import Literal

import numpy as np
import torch

from ml.runtime.network import Network


def compile_eager(
    module: torch.nn.Module, *, device: Literal["cuda", "cpu"], threads: int | None
) -> Network:
    """See `compile_network`.

    On CUDA pixels leave from pinned memory, and cuDNN tries its algorithms on every new length of a
    batch and keeps the fastest. What either gains was not measured: no GPU was at hand.
    """
    if device == "cuda":
        torch.backends.cudnn.benchmark = True
    elif threads is not None:
        torch.set_num_threads(threads)
    module = module.eval().to(device)

    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.float16, enabled=device == "cuda"),
        ):
            pixels = torch.from_numpy(np.ascontiguousarray(batch))
            if device == "cuda":
                pixels = pixels.pin_memory().to(device, non_blocking=True)
            found = module(pixels)
        outputs = found if isinstance(found, tuple) else (found,)
        return tuple(output.float().cpu().numpy() for output in outputs)

    return run
