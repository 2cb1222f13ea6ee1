"""The embedder for other programs: ONNX, OpenVINO and int8, and what each costs and loses."""

import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from ml.networks.backbone import load_weights
from ml.networks.embedder import EmbedderNetwork
from ml.runtime import Network
from ml.runtime.openvino import compiled, converted, native_precision
from ml.spec import WEIGHTS, ModelSpec, weights_file

Runtime = Literal["ONNX Runtime", "OpenVINO"]

# The input and the two outputs of every file.
_INPUT = "pixels"
_OUTPUTS = ("vector", "features")
_OPSET = 17
# The convolutions next to the pixels that int8 leaves alone.
_FLOAT_CONVOLUTIONS = 4
_BATCH = 8


@dataclass(frozen=True)
class Files:
    """What an export writes; the weights of `openvino` are beside it, in a file .bin."""

    onnx: Path
    openvino: Path
    int8: Path


def build(spec: ModelSpec, directory: Path = WEIGHTS) -> EmbedderNetwork:
    """The embedder with its weights, ready to run; raises ModelMissing or ModelMismatch."""
    module = EmbedderNetwork.of(spec.embedder)
    load_weights(module, weights_file(spec.embedder, directory))
    return module.eval()


def export_embedder(
    module: torch.nn.Module, pixels: np.ndarray, folder: Path, told: dict[str, str]
) -> Files:
    """Write float32 ONNX, float16 OpenVINO and int8 ONNX into `folder`.

    `module` maps uint8 (n, H, W, 3) to a unit vector and features; so does each file, for any n.
    `pixels` (m, H, W, 3) uint8 are the crops that int8 is calibrated on; `told` is kept in the
    files as their metadata.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(*(folder / f"embedder{end}" for end in (".onnx", ".xml", "-int8.onnx")))
    write_onnx(module, pixels[:1], files.onnx, told)
    model = converted(module, pixels[:1])
    for place, name in enumerate(_OUTPUTS):
        model.output(place).get_tensor().set_names({name})
    model.input(0).get_tensor().set_names({_INPUT})
    for key, value in told.items():
        model.set_rt_info(value, key)
    openvino.save_model(model, files.openvino, compress_to_fp16=True)
    write_int8(files.onnx, pixels, files.int8)
    return files


def write_onnx(
    module: torch.nn.Module, example: np.ndarray, path: Path, told: dict[str, str]
) -> None:
    """The module as float32 ONNX with a batch of any length."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer warns of every Python branch on a shape
        torch.onnx.export(
            module.eval(),
            (torch.from_numpy(example),),
            path,
            input_names=[_INPUT],
            output_names=list(_OUTPUTS),
            dynamic_axes={name: {0: "batch"} for name in (_INPUT, *_OUTPUTS)},
            opset_version=_OPSET,
            dynamo=False,  # which takes several times as long for the same graph
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, told)
    onnx.save(model, path)


def write_int8(source: Path, pixels: np.ndarray, path: Path) -> None:
    """A float32 ONNX file with its convolutions and linear layers in int8.

    Weights are symmetric per channel, activations take the range seen on `pixels` (m, H, W, 3)
    uint8 (a moving average over batches: a few outliers would cost all others precision). In float
    stay products of two activations (attention), layer norms, softmax, the first four
    convolutions and the last layer of the head: they lose most by rounding.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            path,
            _Crops(pixels),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            nodes_to_exclude=_kept_float(onnx.load(prepared)),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"CalibMovingAverage": True},
        )


def open_onnx(path: Path, threads: int) -> Network:
    """An ONNX file on ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])

    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(session.run(None, {_INPUT: np.ascontiguousarray(batch)}))

    return run


def open_openvino(path: Path, threads: int, precision: str = "") -> Network:
    """An ONNX or OpenVINO file on OpenVINO; `precision` is its hint, by default the CPU's own."""
    core = openvino.Core()
    return compiled(core, core.read_model(path), threads, precision or native_precision(core))


def latency(network: Network, pixels: np.ndarray, runs: int) -> float:
    """Median milliseconds of a call, after two that are not counted."""
    taken = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        network(pixels)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken[2:])


def megabytes(path: Path) -> float:
    """Size of a variant in MB (10**6 bytes), an OpenVINO file with its weights."""
    parts = [path] if path.suffix == ".onnx" else [path, path.with_suffix(".bin")]
    return sum(part.stat().st_size for part in parts) / 1e6


class _Crops(CalibrationDataReader):
    """Crops in batches, as the calibration asks for them."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._batches: Iterator[np.ndarray] = iter(
            [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {_INPUT: batch}


def _kept_float(model: onnx.ModelProto) -> list[str]:
    """Names of the first convolutions, of products without a weight, and of the head's last layer.

    For tf_efficientnet_lite2 the cosine to float32 is 0.990 with one convolution in float, 0.997
    with two and 0.999 with four; a depthwise one near the pixels has very uneven channels.
    With a vision transformer's patches in int8 OpenVINO gives vectors that have nothing to do with
    the photo, where ONNX Runtime reads the same file rightly.
    """
    weights = {weight.name for weight in model.graph.initializer}
    nodes = model.graph.node
    first = [node.name for node in nodes if node.op_type == "Conv"][:_FLOAT_CONVOLUTIONS]
    products = [n.name for n in nodes if n.op_type == "MatMul" and not weights & set(n.input)]
    last = [node.name for node in nodes if node.op_type == "Gemm"][-1:]
    return [*first, *products, *last]
