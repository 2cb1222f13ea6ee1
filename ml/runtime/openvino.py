"""Networks on OpenVINO, the fast way on a CPU."""

import functools
import hashlib
import math
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.runtime.network import Network, cores

if TYPE_CHECKING:
    import openvino
    import torch

# Part of every cache key: raise it when conversion changes.
_FORMAT = 2

# Pictures that one stream works on at a time: their activations fit a core's cache. A network also
# is only ever prepared for few lengths of a batch then, each of which costs tens of milliseconds.
_PART = 4
# Streams that share the threads; as many as there are parts in the batches of 16 that callers have.
_STREAMS = 4


def compile_openvino(
    build: "Callable[[], torch.nn.Module]",
    example: np.ndarray,
    *,
    threads: int | None,
    cache_dir: Path | None,
    key: str,
) -> Network:
    """See `compile_network`.

    The precision is bfloat16 where the CPU computes it natively and float32 elsewhere; OpenVINO
    would choose the same, but a result that is compared with stored ones should not depend on a
    library's default.
    """
    import openvino

    core = openvino.Core()
    settings = {}
    if cache_dir is None:
        model = converted(build(), example)
    else:
        cache_dir.mkdir(parents=True, exist_ok=True)
        settings["CACHE_DIR"] = str(cache_dir / "compiled")
        stored = _stored_path(cache_dir, key, example, openvino.__version__)
        if not stored.is_file():
            _store(converted(build(), example), stored)
        model = core.read_model(stored)
    return compiled(core, model, threads, native_precision(core), **settings)


def native_precision(core: "openvino.Core") -> str:
    """The hint "bf16" where the CPU computes it natively, else "f32"."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def compiled(
    core: "openvino.Core",
    model: "openvino.Model",
    threads: int | None,
    precision: str,
    **settings: Any,
) -> Network:
    """A callable for the model on the CPU; `precision` is OpenVINO's hint, "bf16" or "f32".

    Of few pictures all threads work on one after the other, layer by layer. Of more, streams take
    parts of the batch and wait for each other at the end only: on two cores 16 pictures cost a
    tenth (transformers) to a quarter (convolutions) less processor time, and the same numbers come
    out. That second way is made ready when it is first asked for.
    """
    threads = threads or cores()
    streams = min(threads, _STREAMS)
    settings |= {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
    together = core.compile_model(model, "CPU", {**settings, "PERFORMANCE_HINT": "LATENCY"})
    request = together.create_infer_request()
    outputs = range(len(together.outputs))

    @functools.cache
    def in_parts() -> "openvino.CompiledModel":
        shared = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": streams}
        return core.compile_model(model, "CPU", {**settings, **shared})

    requests: list[openvino.InferRequest] = []

    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        if len(batch) < 2 * streams or streams == 1:
            found = request.infer([np.ascontiguousarray(batch)], share_inputs=True)
            return tuple(np.asarray(found[place], np.float32) for place in outputs)
        count = streams * math.ceil(len(batch) / (_PART * streams))
        # Held until all are done: their memory is shared.
        parts = [np.ascontiguousarray(part) for part in np.array_split(batch, count)]
        while len(requests) < count:
            requests.append(in_parts().create_infer_request())
        going = requests[:count]
        for one, part in zip(going, parts, strict=True):
            one.start_async([part], share_inputs=True)
        for one in going:
            one.wait()
        return tuple(
            np.concatenate([one.get_output_tensor(place).data for one in going]).astype(
                np.float32, copy=False
            )
            for place in outputs
        )

    return run


def converted(module: "torch.nn.Module", example: np.ndarray) -> "openvino.Model":
    """The module as OpenVINO has it, for inputs like the example and batches of any length."""
    import openvino
    import torch

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer warns of every Python branch on a shape
        model = openvino.convert_model(
            module.eval(), example_input=torch.from_numpy(np.ascontiguousarray(example))
        )
    shape = openvino.PartialShape([-1, *example.shape[1:]])
    model.reshape(shape)
    return model


def _stored_path(cache_dir: Path, key: str, example: np.ndarray, version: str) -> Path:
    told = f"{_FORMAT}|{version}|{key}|{example.dtype}|{example.shape[1:]}"
    return cache_dir / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.xml"


def _store(model: "openvino.Model", path: Path) -> None:
    """Write .bin before .xml, each by an atomic rename: two workers may start at once."""
    import openvino

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        openvino.save_model(model, fresh, compress_to_fp16=True)
        os.replace(fresh.with_suffix(".bin"), path.with_suffix(".bin"))
        os.replace(fresh, path)
