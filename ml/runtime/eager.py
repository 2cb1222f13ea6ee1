"""Networks on torch: half precision on CUDA, float32 on the CPU as the tests' reference."""

from typing import Literal

import numpy as np
import torch

from ml.runtime.network import Network


def compile_eager(
    module: torch.nn.Module, *, device: Literal["cuda", "cpu"], threads: int | None
) -> Network:
    """See `compile_network`."""
    if threads is not None and device == "cpu":
        torch.set_num_threads(threads)
    module = module.eval().to(device)

    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        with (
            torch.inference_mode(),
            torch.autocast(device, torch.float16, enabled=device == "cuda"),
        ):
            found = module(torch.from_numpy(np.ascontiguousarray(batch)).to(device))
        outputs = found if isinstance(found, tuple) else (found,)
        return tuple(output.float().cpu().numpy() for output in outputs)

    return run
