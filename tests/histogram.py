"""An analyser that sees colours only: a histogram is its embedding, so a lost order shows.

What is mostly pure green is its cat, pure blue its empty landscape; everything else is a dog.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ml.analysis import Analysis
from ml.errors import NoSubject
from ml.following import Sighting
from ml.spec import KeypointLayout, Likeness, ModelSpec, NetworkSpec

POINTS = 21
BINS = 42


def spec(name: str = "starter", mark: str = "a") -> ModelSpec:
    """A spec of that name; another mark makes another fingerprint."""
    network = NetworkSpec(
        file="none.safetensors",
        sha256=mark * 64,
        architecture="histogram",
        size=(64, 64),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    names = tuple(f"point_{number}" for number in range(POINTS))
    return ModelSpec(
        name=name,
        title=f"Histogram {name}",
        subject=network,
        embedder=network,
        pose=network,
        keypoints=KeypointLayout(names, (), {}),
        likeness=Likeness(none_below=0.7, strong_from=0.9, scale=((0.0, 0.0), (1.0, 100.0))),
    )


class HistogramAnalyser:
    """`seen` counts the photos analysed."""

    def __init__(self) -> None:
        self.seen = 0

    def analyse(self, images: Sequence[np.ndarray]) -> list[Analysis | NoSubject]:
        self.seen += len(images)
        return [view(image) for image in images]

    def follow(
        self, frames: Sequence[np.ndarray], told: Callable[[int], None]
    ) -> list[Sighting | None]:
        self.seen += len(frames)
        told(2 * len(frames))
        seen = [view(frame) for frame in frames]
        return [
            None if isinstance(one, NoSubject) else Sighting(one.box, one.keypoints) for one in seen
        ]


def view(image: np.ndarray) -> Analysis | NoSubject:
    red, green, blue = image.reshape(-1, 3).mean(axis=0)
    if green > 200 and max(red, blue) < 60:
        return NoSubject("cat")
    if blue > 200 and max(red, green) < 60:
        return NoSubject("other")
    height, width = image.shape[:2]
    keypoints = np.tile(np.float32([width / 2, height / 4, 0.9]), (POINTS, 1))
    return Analysis((0.0, 0.0, float(width), float(height)), 0.95, embed(image), keypoints)


def embed(image: np.ndarray) -> np.ndarray:
    """(128,) float32 of length 1: smoothed histograms of the three channels."""
    kernel = np.exp(-0.5 * (np.arange(-9, 10) / 3.0) ** 2)
    parts = [
        np.convolve(np.histogram(image[..., c], BINS, (0, 256))[0], kernel, "same")
        for c in range(3)
    ]
    vector = np.concatenate([*parts, np.zeros(2)]).astype(np.float32)
    return vector / np.linalg.norm(vector)
