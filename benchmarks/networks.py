"""`script/bench networks`: each network on each runtime, and how near it comes to the processor's
own limit.

All ways get the same pixels, take their turns, and use the cores that this process has. Beside the
times stand the cosines of their outputs with eager torch's in float32, since wrong answers can be
had at any speed.
"""

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import content, plots
from benchmarks.report import picture, place, table, write_section
from benchmarks.rounds import interleaved, times_faster
from ml import images
from ml.analysis import Analyser
from ml.breeds import BreedClassifier
from ml.embedder import Embedder
from ml.export import open_onnx, open_openvino, write_int8
from ml.networks.backbone import load_weights
from ml.networks.embedder import EmbedderNetwork
from ml.networks.gate import GateNetwork
from ml.networks.pose import build_network
from ml.networks.subject import SubjectNetwork
from ml.pose import PoseEstimator
from ml.runtime import Network, cores
from ml.runtime.eager import compile_eager
from ml.runtime.openvino import compiled, converted, native_precision
from ml.spec import ModelSpec, load_spec, weights_file
from ml.subject import Gate, Subject, SubjectFinder, crop, squash

# How often each batch is measured; a single photo's time scatters most.
ROUNDS = {1: 15, 16: 5, 64: 3}
BATCHES = tuple(ROUNDS)
PHOTOS = max(BATCHES)
# Sides of the square products whose speed counts as the limit, within the caches and beyond.
PRODUCTS = (1024, 2048)
OF_EACH_PRODUCT = 3

EAGER = "eager torch"
ANCESTOR = "ViT-tiny 224 (ancestor)"
WHOLE = "whole photo"
NO_GPU = "no CUDA GPU here"

# In which numbers a runtime multiplies, as far as the limit is known.
PRECISION = {
    EAGER: "float32",
    "ONNX Runtime": "float32",
    "OpenVINO float32": "float32",
    "OpenVINO bfloat16": "bfloat16",
}


@dataclass(frozen=True, eq=False)
class Subjected:
    """A network with what it is given: `pixels` (PHOTOS, H, W, 3) uint8; `gflop` a photo."""

    module: torch.nn.Module
    pixels: np.ndarray
    gflop: float


def run(options: argparse.Namespace, machine: dict[str, Any]) -> int:
    """Measures, prints, and keeps the section "networks". Returns the exit code."""
    spec = load_spec()
    with tempfile.TemporaryDirectory(prefix="pawkin-bench-") as name:
        folder = Path(name)
        paths = content.some(folder, photos=options.photos, number=PHOTOS)
        photos = [images.load(path.read_bytes(), max_side=1280) for path in paths]
        modules = networks(spec, photos)
        runtimes: dict[str, dict[str, Network | str]] = {
            what: ways(one, folder / f"{place}", quantised=what == "embedder")
            for place, (what, one) in enumerate(modules.items())
        }
        facts = measured(spec, photos, modules, runtimes)
    source = f"{PHOTOS} photos of {options.photos.name}" if options.photos else "drawn dogs"
    facts["content"] = source
    rows = list(as_rows(facts))
    lines = table(
        ("network", "runtime", "ms a photo", "photos/s", "× eager", "GFLOP/s", "of peak", "cosine"),
        rows,
    )
    peaks = ", ".join(
        f"{precision} {one['gflop_s']:.0f} GFLOP/s ({one['by']})"
        for precision, one in facts["peaks"].items()
    )
    print("\n".join([*lines, peaks]), flush=True)
    draw(facts)
    path = write_section(
        "networks",
        "Networks and runtimes",
        [
            f"Batches of {', '.join(map(str, BATCHES))} in each cell; {source}, "
            f"{cores()} threads. A multiplication with its addition counts as two operations. "
            "The peak is the fastest square matrix product of the same precision, met in the same "
            f"rounds: {peaks}. "
            "The cosine is the least between a photo's outputs and those of eager "
            "torch. The convolutions of the embedder and the gate work on each channel alone "
            "(depthwise), and wait for memory more than they compute; they are chosen for their "
            "time, not for their share of the peak.",
            "",
            picture("Times as fast as eager torch, in batches of 16", "networks.svg"),
            "",
            picture("Share of the fastest matrix product, in batches of 16", "networks_peak.svg"),
            "",
            *lines,
        ],
        machine,
        facts,
    )
    print(path, flush=True)
    return 0


def networks(spec: ModelSpec, photos: Sequence[np.ndarray]) -> dict[str, Subjected]:
    """Those of `spec` with their weights and the ancestor's embedder without, by name."""
    subject = SubjectNetwork(spec.subject.architecture, spec.subject.size)
    load_weights(subject, weights_file(spec.subject))
    embedder = EmbedderNetwork.of(spec.embedder)
    load_weights(embedder, weights_file(spec.embedder))
    pose = build_network(spec.pose, weights_file(spec.pose))
    torch.manual_seed(1)
    ancestor = EmbedderNetwork("vit_tiny_patch16_224", (224, 224))
    whole = np.stack([squash(photo, spec.subject.size) for photo in photos])
    finder = SubjectFinder(compile_eager(subject, device="cpu", threads=cores()), spec.subject)
    # Where no dog is found the picture itself stands for it: time does not depend on it.
    boxes = [
        found.box if isinstance(found, Subject) else (0.0, 0.0, photo.shape[1], photo.shape[0])
        for photo, found in zip(photos, finder.find(photos), strict=True)
    ]
    pairs = list(zip(photos, boxes, strict=True))
    margin = float(spec.subject.options["margin"])
    crops = [crop(photo, box, margin) for photo, box in pairs]
    cut = np.stack([squash(one, spec.embedder.size, "bicubic") for one in crops])
    given: dict[str, tuple[torch.nn.Module, np.ndarray]] = {
        "subject": (subject, whole),
        "embedder": (embedder, cut),
        "pose": (pose, np.stack([squash(one, spec.pose.size) for one in crops])),
        ANCESTOR: (ancestor, np.stack([squash(one, (224, 224)) for one in crops])),
    }
    if spec.gate:
        gate = GateNetwork(spec.gate.architecture)
        load_weights(gate, weights_file(spec.gate))
        given["gate"] = (gate, whole)
    return {
        what: Subjected(module.eval(), pixels, gflop(module.eval(), pixels[:1]))
        for what, (module, pixels) in given.items()
    }


def gflop(module: torch.nn.Module, pixels: np.ndarray) -> float:
    """Billions of operations in products of one photo, `pixels` (1, H, W, 3) uint8.

    A multiply-add is two. Attention is counted as the two products that it is.
    """
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        module(torch.from_numpy(pixels))
    return counter.get_total_flops() / 1e9


def ways(one: Subjected, folder: Path, *, quantised: bool) -> dict[str, Network | str]:
    """The network on each runtime by its name, or in its place why there is none."""
    folder.mkdir()
    threads, core = cores(), openvino.Core()
    model = converted(one.module, one.pixels[:1])
    float_file = folder / "float.onnx"
    export(one.module, one.pixels[:1], float_file)
    native = native_precision(core) == "bf16"
    found: dict[str, Network | str] = {
        EAGER: compile_eager(one.module, device="cpu", threads=threads),
        "ONNX Runtime": open_onnx(float_file, threads),
        "OpenVINO float32": compiled(core, model, threads, "f32"),
        "OpenVINO bfloat16": compiled(core, model, threads, "bf16")
        if native
        else "no bfloat16 in this processor",
    }
    if quantised:
        file = folder / "int8.onnx"
        write_int8(float_file, one.pixels, file)
        found["ONNX Runtime int8"] = open_onnx(file, threads)
        found["OpenVINO int8"] = open_openvino(file, threads, "f32")
    found["torch CUDA float16"] = (
        compile_eager(one.module, device="cuda", threads=None)
        if torch.cuda.is_available()
        else NO_GPU
    )
    return found


def export(module: torch.nn.Module, example: np.ndarray, path: Path) -> None:
    """Float32 ONNX with a batch of any length, whatever the number of outputs."""
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the tracer warns of every Python branch on a shape
        pixels = torch.from_numpy(example)
        found = module(pixels)
        names = [f"out{place}" for place in range(len(found) if isinstance(found, tuple) else 1)]
        torch.onnx.export(
            module,
            (pixels,),
            path,
            input_names=["pixels"],
            output_names=names,
            dynamic_axes={name: {0: "batch"} for name in ("pixels", *names)},
            opset_version=17,
            dynamo=False,  # which takes several times as long for the same graph
        )


def analysers(
    spec: ModelSpec, runtimes: Mapping[str, Mapping[str, Network | str]]
) -> dict[str, Analyser | str]:
    """The whole way from a decoded photo, by the runtime that all its networks are on."""
    breeds = BreedClassifier.load(spec) if spec.breeds else None
    found: dict[str, Analyser | str] = {}
    for name in runtimes["subject"]:
        used = {what: ways[name] for what, ways in runtimes.items()}
        if any(isinstance(network, str) for network in used.values()):
            found[name] = next(why for why in used.values() if isinstance(why, str))
            continue
        callable_: dict[str, Any] = used
        gate = Gate(callable_["gate"], spec.gate) if spec.gate else None
        found[name] = Analyser(
            spec,
            SubjectFinder(callable_["subject"], spec.subject, gate),
            Embedder(callable_["embedder"], spec.embedder),
            PoseEstimator(callable_["pose"], spec.pose),
            breeds,
        )
    return found


def measured(
    spec: ModelSpec,
    photos: Sequence[np.ndarray],
    modules: Mapping[str, Subjected],
    runtimes: Mapping[str, Mapping[str, Network | str]],
) -> dict[str, Any]:
    """Everything that is told, ready for JSON."""
    limits = products()
    found: dict[str, Any] = {}
    for what, one in modules.items():
        right = runtimes[what][EAGER]
        assert not isinstance(right, str)
        expected = right(one.pixels)
        calls = {
            name: way
            if isinstance(way, str)
            else (lambda batch, way=way, pixels=one.pixels: way(pixels[:batch]))
            for name, way in runtimes[what].items()
        }
        found[what] = compare(calls, one.gflop, limits)
        for name, way in runtimes[what].items():
            if not isinstance(way, str):
                cosine = least_cosine(way(one.pixels), expected)
                found[what]["runtimes"][name]["cosine"] = cosine
        print(f"{what}: measured", flush=True)
    chain = {
        name: way if isinstance(way, str) else (lambda batch, way=way: way.analyse(photos[:batch]))
        for name, way in analysers(spec, runtimes).items()
    }
    # Without the gate's, which is asked about few.
    whole = sum(modules[what].gflop for what in ("subject", "embedder", "pose"))
    found[WHOLE] = compare(chain, whole, limits)
    peaks = {
        precision: max(tuple(one["peaks"][precision]) for one in found.values())
        for precision in limits
    }
    return {
        "threads": cores(),
        "batches": list(BATCHES),
        "peaks": {precision: {"gflop_s": v, "by": by} for precision, (v, by) in peaks.items()},
        "networks": found,
    }


def compare(
    ways: Mapping[str, Callable[[int], object] | str],
    gflop: float,
    limits: Mapping[str, Mapping[str, "Product"]],
) -> dict[str, Any]:
    """One network's runtimes, each a call with the length of a batch, in turns with `limits`.

    By runtime and batch: `median_ms` and all `ms` a photo, `times_faster` than eager torch,
    `gflop_s`, and the `share` of the limit where it is known. `peaks` are the highest limits met.
    """
    entry: dict[str, Any] = {
        "gflop": round(gflop, 3),
        "runtimes": {
            name: {"why_not": way} if isinstance(way, str) else {} for name, way in ways.items()
        },
    }
    peaks: dict[str, list[tuple[float, str]]] = {precision: [] for precision in limits}
    for batch, rounds in ROUNDS.items():
        met: dict[str, list[tuple[float, str]]] = {precision: [] for precision in limits}

        def limit(met: dict[str, list[tuple[float, str]]] = met) -> None:
            for precision, found in limits.items():
                met[precision].append(max((speed(one), by) for by, one in found.items()))

        there = {
            name: (lambda way=way, batch=batch: way(batch))
            for name, way in ways.items()
            if not isinstance(way, str)
        }
        seconds = interleaved({**there, "limit": limit}, rounds)
        for precision, values in met.items():
            peaks[precision] += values
        for name in there:
            done = [gflop * batch / value for value in seconds[name]]
            reached = None
            if PRECISION.get(name) in met:
                # The first of `met` belongs to the round that does not count.
                reached = round(share(done, [value for value, _ in met[PRECISION[name]][1:]]), 4)
            entry["runtimes"][name][str(batch)] = {
                "median_ms": round(1000 * statistics.median(seconds[name]) / batch, 3),
                "times_faster": round(times_faster(seconds[EAGER], seconds[name]), 3),
                "gflop_s": round(statistics.median(done), 1),
                "share": reached,
                "ms": [round(1000 * value / batch, 3) for value in seconds[name]],
            }
    entry["peaks"] = {
        precision: [round(value, 1), by]
        for precision, (value, by) in ((p, max(values)) for p, values in peaks.items())
    }
    return entry


def share(done: Sequence[float], peaks: Sequence[float]) -> float:
    """What part of the limit was reached: the median of the rounds' ratios, about 0 to 1.

    Raises ValueError where the two were not taken in the same rounds.
    """
    return statistics.median(a / b for a, b in zip(done, peaks, strict=True))


def least_cosine(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    """Of two runtimes' outputs, each (n, …): the least cosine of a photo's, all outputs as one."""
    a, b = (
        np.concatenate([part.reshape(len(part), -1) for part in parts], 1).astype(np.float64)
        for parts in (one, other)
    )
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return round(float(((a * b).sum(1) / lengths).min()), 5)


@dataclass(frozen=True, eq=False)
class Product:
    """A square matrix product of a side and what computes it."""

    side: int
    compute: Callable[[], object]


def speed(product: Product) -> float:
    """Billions of operations a second of the fastest of a few."""
    taken = []
    for _ in range(OF_EACH_PRODUCT):
        begun = time.perf_counter()
        product.compute()
        taken.append(time.perf_counter() - begun)
    return 2 * product.side**3 / min(taken) / 1e9


def products() -> dict[str, dict[str, Product]]:
    """By precision and by who computes it; bfloat16 only where the processor has it."""
    torch.set_num_threads(cores())
    core = openvino.Core()
    found: dict[str, dict[str, Product]] = {"float32": {}}
    if native_precision(core) == "bf16":
        found["bfloat16"] = {}
    random = np.random.default_rng(1)
    for side in PRODUCTS:
        a = random.standard_normal((side, side), np.float32)
        t = torch.from_numpy(a)
        found["float32"][f"NumPy, {side}"] = Product(side, partial(np.matmul, a, a))
        found["float32"][f"torch, {side}"] = Product(side, partial(torch.matmul, t, t))
        found["float32"][f"OpenVINO, {side}"] = Product(side, openvino_product(core, a, "f32"))
        if "bfloat16" in found:
            half = t.bfloat16()
            found["bfloat16"][f"torch, {side}"] = Product(side, partial(torch.matmul, half, half))
            found["bfloat16"][f"OpenVINO, {side}"] = Product(
                side, openvino_product(core, a, "bf16")
            )
    return found


def openvino_product(core: openvino.Core, a: np.ndarray, precision: str) -> Callable[[], object]:
    """`a @ a`, the second one known beforehand as a network's weights are."""
    from openvino import opset13

    given = opset13.parameter(a.shape, np.float32)
    product = opset13.matmul(given, opset13.constant(a), False, False)
    model = openvino.Model([product], [given])
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": cores()}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer([a], share_inputs=True, share_outputs=True)


def as_rows(facts: Mapping[str, Any]) -> Iterator[list[str]]:
    """Of the table; each cell has a value a batch."""
    for what, entry in facts["networks"].items():
        for name, told in entry["runtimes"].items():
            row = [f"{what}, {entry['gflop']:.2f} GFLOP", name]
            if "why_not" in told:
                yield [*row, told["why_not"], "", "", "", "", ""]
                continue
            each = [told[str(batch)] for batch in BATCHES]
            shares = [f"{100 * one['share']:.0f} %" for one in each if one["share"] is not None]
            yield [
                *row,
                " / ".join(f"{one['median_ms']:.1f}" for one in each),
                " / ".join(f"{1000 / one['median_ms']:.0f}" for one in each),
                " / ".join(f"{one['times_faster']:.2f}" for one in each),
                " / ".join(f"{one['gflop_s']:.0f}" for one in each),
                " / ".join(shares),
                f"{told['cosine']:.5f}" if "cosine" in told else "",
            ]


def draw(facts: Mapping[str, Any]) -> None:
    """Two plots of batches of 16."""
    labels = list(facts["networks"])
    names = list(dict.fromkeys(n for one in facts["networks"].values() for n in one["runtimes"]))

    def values(name: str, key: str) -> list[float | None]:
        found = [facts["networks"][label]["runtimes"].get(name, {}) for label in labels]
        return [one.get("16", {}).get(key) for one in found]

    faster = {name: values(name, "times_faster") for name in names if name != EAGER}
    plots.bars(
        place("networks.svg"),
        "Times as fast as eager torch, in batches of 16",
        labels,
        {name: found for name, found in faster.items() if any(found)},
        axis="times as fast",
        mark=1.0,
    )
    shares = {name: values(name, "share") for name in names}
    plots.bars(
        place("networks_peak.svg"),
        "Share of the fastest matrix product of the same precision, in batches of 16",
        labels,
        {
            name: [None if one is None else 100 * one for one in found]
            for name, found in shares.items()
            if any(found)
        },
        axis="%",
        mark=50.0,
    )
