"""Vectors that lie to each other as those of real photos do, as many as are asked for."""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import content
from ml.analysis import Analyser, Analysis
from ml.errors import ImageRejected
from ml.images import load
from ml.spec import WEIGHTS, ModelSpec

SOURCES = 2000
QUERIES = 200
AT_ONCE = 16
SIDE = 1280
# A made-up photo lies between two real ones, up to halfway, and a little beside.
HALFWAY = 0.5
BESIDE = 0.3
BLOCK = 100_000


def embedded(photos: list[Path]) -> NDArray[np.float32]:
    """(n, 128) of the photos in which the starter models find a dog."""
    analyser = Analyser.load(ModelSpec.from_json((WEIGHTS / "starter.json").read_text()))
    found = []
    for start in range(0, len(photos), AT_ONCE):
        images = []
        for path in photos[start : start + AT_ONCE]:
            with suppress(ImageRejected):
                images.append(load(path.read_bytes(), max_side=SIDE))
        found += [seen.vector for seen in analyser.analyse(images) if isinstance(seen, Analysis)]
    return np.stack(found)


def sources(photos: Path | None, folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of real photos, or drawn ones: those to make others from, and QUERIES to search
    with that nothing is made from."""
    dogs = content.prepare(folder, photos=photos, dogs=SOURCES - QUERIES, searches=QUERIES)
    return embedded(content.images(dogs.listed)), embedded(dogs.searches)


def made_from(real: NDArray[np.float32], number: int, seed: int = 1) -> NDArray[np.float32]:
    """(number, 128) float32 of length 1."""
    random = np.random.default_rng(seed)
    made = np.empty((number, real.shape[1]), np.float32)
    for start in range(0, number, BLOCK):
        part = made[start : start + BLOCK]
        one, other = real[random.integers(0, len(real), (2, len(part)))]
        way = HALFWAY * random.random((len(part), 1)).astype(np.float32) ** 2
        off = random.normal(size=part.shape).astype(np.float32) * BESIDE / part.shape[1] ** 0.5
        part[:] = one * (1 - way) + other * way + off
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made
