"""A person's face as a few proportions, and how much a dog's are like them.

Landmarks are MediaPipe's face mesh (Kartynnik et al., Real-time Facial Surface Geometry from
Monocular Video on Mobile GPUs, 2019), which its wheel carries. People and dogs are built
differently, so each ratio is first placed among its own kind: as the quantile it has there, in
standard deviations of a normal distribution. A person whose eyes are wide apart, for a person, is
then like a dog whose eyes are wide apart, for a dog.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from ml.errors import DataError, NoFace
from ml.geometry import FACE_RATIOS, Ratio, face_ratios

SCALE_FILE = Path(__file__).with_suffix(".json")
Population = Literal["person", "dog"]

# A dog is compared where both have so many ratios.
LEAST_SHARED = 3
QUANTILES = 41
# A smile moves the mouth, so its ratios say half as much of who somebody is.
_STEADINESS = np.array([1.0, 0.5, 0.5, 1.0])
# Beyond its population's known range a ratio is not placed.
_OUTERMOST = 0.01

# Of MediaPipe's 468 points and two irises; left and right are the person's own.
_LANDMARKS: dict[str, tuple[int, ...]] = {
    "left_eye": (362, 263),
    "right_eye": (33, 133),
    "nose": (1,),
    "left_mouth_corner": (291,),
    "right_mouth_corner": (61,),
    "left_ear_base": (454,),
    "right_ear_base": (234,),
}


class FaceFinder:
    """MediaPipe's face mesh on the CPU. Load it once per process; not safe for several threads."""

    def __init__(self) -> None:
        # It tells of its own making on standard error at every start.
        with _quiet():
            from mediapipe.python.solutions.face_mesh import FaceMesh

            self._mesh = FaceMesh(
                static_image_mode=True,
                max_num_faces=5,
                refine_landmarks=False,
                min_detection_confidence=0.4,
            )
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))

    def find(self, image: np.ndarray) -> dict[str, tuple[float, float, float]]:
        """Points of the largest face, x and y in pixels and a score of 1, by the names that dogs'
        keypoints have. `image` is (H, W, 3) uint8 RGB, upright. Raises NoFace."""
        found = self._mesh.process(image).multi_face_landmarks or []
        height, width = image.shape[:2]
        faces = [
            np.array([(p.x * width, p.y * height) for p in face.landmark], np.float64)
            for face in found
        ]
        if not faces:
            raise NoFace
        largest = max(faces, key=lambda points: float(np.prod(np.ptp(points, axis=0))))
        points: dict[str, tuple[float, float, float]] = {}
        for name, places in _LANDMARKS.items():
            x, y = largest[list(places)].mean(0)
            points[name] = (float(x), float(y), 1.0)
        return points


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Standard error of the process and its libraries into nothing."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def ratios_of(points: Mapping[str, tuple[float, float, float]]) -> dict[str, float]:
    """The proportions of a person's face: all that is kept of it."""
    return {name: round(r.value, 4) for name, r in face_ratios(points).items() if r is not None}


@dataclass(frozen=True)
class FaceScale:
    """Where the proportions of people and of dogs lie: rising quantiles by ratio."""

    person: Mapping[str, Sequence[float]]
    dog: Mapping[str, Sequence[float]]

    @classmethod
    def load(cls, path: Path = SCALE_FILE) -> "FaceScale":
        """Raises DataError where the file is none."""
        try:
            data = json.loads(path.read_text())
            return cls(*({n: data[p][n] for n in FACE_RATIOS} for p in ("person", "dog")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path.name} holds no scale of faces. Restore it from the repository.", str(error)
            ) from error

    @classmethod
    def of(
        cls, people: Sequence[Mapping[str, float]], dogs: Sequence[Mapping[str, float]]
    ) -> "FaceScale":
        """From measured faces. Raises DataError where a ratio was measured too seldom."""

        def quantiles(faces: Sequence[Mapping[str, float]], name: str) -> list[float]:
            values = [face[name] for face in faces if name in face]
            if len(values) < QUANTILES:
                raise DataError(f"Only {len(values)} faces show {name}. Give more photos.")
            at = np.linspace(0, 1, QUANTILES)
            return [round(float(v), 4) for v in np.quantile(values, at)]

        return cls(
            {name: quantiles(people, name) for name in FACE_RATIOS},
            {name: quantiles(dogs, name) for name in FACE_RATIOS},
        )

    def to_json(self) -> str:
        """What `load` reads."""
        told: dict[str, Any] = {"person": dict(self.person), "dog": dict(self.dog)}
        return json.dumps(told, indent=1) + "\n"

    def place(self, population: Population, name: str, value: float) -> float:
        """A ratio's place among its kind in standard deviations, about -2.3 to 2.3."""
        marks = self.person[name] if population == "person" else self.dog[name]
        quantile = float(np.interp(value, marks, np.linspace(0, 1, len(marks))))
        return NormalDist().inv_cdf(min(1 - _OUTERMOST, max(_OUTERMOST, quantile)))

    def places(
        self, population: Population, ratios: Mapping[str, Ratio | float | None]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places (4,) and weights (4,), 0 to 1, in the order of FACE_RATIOS; 0 where none is."""
        places, weights = np.zeros(len(FACE_RATIOS)), np.zeros(len(FACE_RATIOS))
        for number, name in enumerate(FACE_RATIOS):
            told = ratios.get(name)
            if told is not None:
                value, weight = (
                    (told.value, told.confidence) if isinstance(told, Ratio) else (told, 1.0)
                )
                places[number], weights[number] = self.place(population, name, value), weight
        return places, weights


def likeness(
    person: tuple[np.ndarray, np.ndarray], dogs: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """0 to 1 for each of n dogs, places and weights (n, 4): exp of minus the weighted mean
    absolute difference of places, the mouth's ratios counting half. 0 where fewer than three ratios
    are shared."""
    weights = dogs[1] * person[1] * _STEADINESS
    apart = (weights * np.abs(dogs[0] - person[0])).sum(1) / np.maximum(weights.sum(1), 1e-9)
    shared = (weights > 0).sum(1) >= LEAST_SHARED
    return np.where(shared, np.exp(-apart), 0.0)


# Shown as 0 to 100, and in words. Of pairs by chance the middle one reaches 0.36, one in ten 0.55.
STRONG, WEAK = 0.7, 0.5


def band(like: float) -> Literal["strong", "weak", "none"]:
    return "strong" if like >= STRONG else "weak" if like >= WEAK else "none"
