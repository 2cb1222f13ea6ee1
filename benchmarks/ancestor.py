"""`script/bench ancestor`: a search as Pawkin's ancestor did it, and as Pawkin does.

The ancestor kept nothing between two requests. For each it decoded every stored photo, computed
its vector with eager torch, one photo at a time, with its keypoints too where they were drawn, and
sorted all cosines. Pawkin describes the one photo that it is asked about, and looks it up among
vectors that were computed when the dogs were listed. Both run in this process: no network, no
queue, no database.

Weights are at random where the ancestor's were: time does not depend on them.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks import content, plots
from benchmarks.report import picture, place, table, write_section
from benchmarks.rounds import interleaved
from ml import images
from ml.analysis import Analyser, Analysis
from ml.embedder import Embedder
from ml.index import VectorIndex
from ml.networks.embedder import EmbedderNetwork
from ml.networks.pose import build_network
from ml.runtime import Network, cores
from ml.runtime.eager import compile_eager
from ml.spec import NetworkSpec, load_spec
from ml.subject import Subject, SubjectFinder, crop

STORED = 100
# A request of the ancestor takes seconds, one of ours hundredths.
ROUNDS = 3
OURS_A_ROUND = 7
TARGET = 100.0
ANSWERS = 12
SIZE = 224
# Pixels of the longer side that the product works on.
SIDE = 1280
# MMPose's own for animals, at its own size.
POSE = NetworkSpec(
    file="",
    sha256="",
    architecture="td-hm_hrnet-w32_8xb64-210e_ap10k-256x256",
    size=(256, 256),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

VECTORS = "ancestor, vectors only"
KEYPOINTS = "ancestor, with keypoints"
OURS_VECTORS = "Pawkin, vectors only"
OURS = "Pawkin, everything"


def run(options: argparse.Namespace, machine: dict[str, Any]) -> int:
    """Measures, prints, and keeps the section "ancestor". Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="pawkin-bench-") as name:
        paths = content.some(
            Path(name), photos=options.photos, number=STORED + OURS_A_ROUND * ROUNDS
        )
        files = [path.read_bytes() for path in paths]
    told = measure(files[:STORED], files[STORED:])
    medians = {name: statistics.median(taken) for name, taken in told.items()}
    source = f"photos of {options.photos.name}" if options.photos else "drawn dogs"
    lines = table(
        (f"a search among {STORED} photos", "median", "number", f"to {OURS_VECTORS}", f"to {OURS}"),
        [
            [
                name,
                f"{medians[name]:.3g} s",
                str(len(taken)),
                times(medians[name] / medians[OURS_VECTORS]),
                times(medians[name] / medians[OURS]),
            ]
            for name, taken in told.items()
        ],
    )
    print("\n".join(lines), flush=True)
    plots.bars(
        place("ancestor.svg"),
        f"A search among {STORED} photos",
        list(told),
        {"median": [medians[name] for name in told]},
        axis="seconds, each line ten times the one before",
        logarithmic=True,
    )
    path = write_section(
        "ancestor",
        "Against the ancestor",
        [
            f"Of {STORED} stored {source} the most similar ones to another photo, in one process. "
            "The ancestor decoded all of them for every request and described them one by one with "
            f"eager torch (ViT-tiny at {SIZE} pixels, HRNet-W32 at 256 for keypoints, weights at "
            "random); Pawkin describes the photo that it is asked about and searches vectors that "
            "are there. “Everything” is box, vector, breed and keypoints, as the product does it; "
            f"“vectors only” leaves out breed and keypoints. The aim was {TARGET:.0f} ×.",
            "",
            picture(f"Seconds of a search among {STORED} photos", "ancestor.svg"),
            "",
            *lines,
        ],
        machine,
        {
            "content": source,
            "stored": STORED,
            "medians_s": {name: round(value, 4) for name, value in medians.items()},
            "seconds": {name: [round(v, 4) for v in taken] for name, taken in told.items()},
        },
    )
    print(path, flush=True)
    return 0


def measure(stored: Sequence[bytes], asked: Sequence[bytes]) -> dict[str, list[float]]:
    """Seconds of each request, by whose it is; each of `asked` is searched for once either way.

    One request of ours takes too little to be a part of a round: several are.
    """
    theirs: dict[str, Callable[[], object]] = {
        VECTORS: ancestor(stored, keypoints=False),
        KEYPOINTS: ancestor(stored, keypoints=True),
    }
    ours = pawkin(stored)
    for request in ours.values():
        request(stored[0])
    calls = dict(theirs)
    for name, request in ours.items():
        left = iter(asked)
        for number in range(len(asked) // ROUNDS):
            calls[f"{name}, {number}"] = partial(_next, request, left)
    seconds = interleaved(calls, ROUNDS, warming=0)
    return {name: seconds[name] for name in theirs} | {
        name: [v for call, taken in seconds.items() if call.startswith(f"{name}, ") for v in taken]
        for name in ours
    }


def _next(request: Callable[[bytes], object], left: Iterator[bytes]) -> object:
    return request(next(left))


def times(ratio: float) -> str:
    """154 ×, 1.6 ×"""
    return f"{ratio:.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"


def ancestor(stored: Sequence[bytes], *, keypoints: bool) -> Callable[[], np.ndarray]:
    """A request: all files decoded and described one by one, places (n,) by falling cosine."""
    torch.manual_seed(1)
    embed = compile_eager(
        EmbedderNetwork("vit_tiny_patch16_224", (SIZE, SIZE)), device="cpu", threads=cores()
    )
    locate = compile_eager(build_network(POSE, None), device="cpu", threads=cores())

    def request() -> np.ndarray:
        vectors = []
        for data in stored:
            photo = images.load(data)
            vectors.append(described(embed, photo, SIZE))
            if keypoints:
                described(locate, photo, POSE.size[0])
        return nearest(np.stack(vectors), vectors[0])

    return request


def described(network: Network, photo: np.ndarray, side: int) -> np.ndarray:
    """The network's first output for one photo (H, W, 3) uint8."""
    small = Image.fromarray(photo).resize((side, side), Image.Resampling.BILINEAR)
    return network(np.stack([np.asarray(small)]))[0][0]


def nearest(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Places of `vectors` (n, d) by falling cosine with `query` (d,)."""
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    return np.argsort(-(vectors @ query) / lengths, kind="stable")


def pawkin(stored: Sequence[bytes]) -> dict[str, Callable[[bytes], object]]:
    """Requests of both kinds, with the stored photos described beforehand."""
    spec = load_spec()
    analyser = Analyser.load(spec)
    finder, embedder = SubjectFinder.load(spec), Embedder.load(spec)
    margin = float(spec.subject.options["margin"])
    views = analyser.analyse([images.load(data, max_side=SIDE) for data in stored])
    # A photo without a dog keeps its place among the hundred with any vector.
    blank = np.eye(1, embedder.dimension, dtype=np.float32)[0]
    vectors = np.stack([view.vector if isinstance(view, Analysis) else blank for view in views])
    numbers = np.arange(len(vectors))
    index = VectorIndex(embedder.dimension)
    index.add(numbers, numbers, vectors)

    def everything(data: bytes) -> object:
        [view] = analyser.analyse([images.load(data, max_side=SIDE)])
        return index.search(view.vector[None], ANSWERS) if isinstance(view, Analysis) else view

    def vectors_only(data: bytes) -> object:
        photo = images.load(data, max_side=SIDE)
        [found] = finder.find([photo])
        if not isinstance(found, Subject):
            return found
        return index.search(embedder.embed([crop(photo, found.box, margin)]), ANSWERS)

    return {OURS_VECTORS: vectors_only, OURS: everything}
