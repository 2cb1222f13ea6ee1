"""A person's face as a few proportions, and how much a dog's are like them.

A person is measured on the mesh of `ml.mesh`, turned to the front; what a smile or an open mouth
changes is taken back by how much it changes it among people. Dogs are measured on their keypoints,
trusted by how sure those are and how much the face is seen from the front.

People and dogs are built differently, so each ratio is first placed among its own kind: as the
quantile it has there, in standard deviations of a normal distribution. A person whose eyes are wide
apart, for a person, is then like a dog whose eyes are wide apart, for a dog.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from ml.errors import DataError
from ml.geometry import FACE_RATIOS, face_ratios, frontality
from ml.mesh import expression, points_of

SCALE_FILE = Path(__file__).with_suffix(".json")
Population = Literal["person", "dog"]

MEASURE = 2
"""Counts the ways in which a dog's face was measured: what is stored under another one is to be
measured again."""

# A dog is compared where both have so many ratios.
LEAST_SHARED = 3
QUANTILES = 41
# How much each ratio tells who somebody is; measured on pairs of photos of one person. A smile
# moves the mouth, and ears have three ratios.
STEADINESS: dict[str, float] = {
    "eye_to_nose": 1.0,
    "nose_to_mouth": 0.5,
    "mouth_width": 0.3,
    "ear_spacing": 0.7,
    "eye_to_mouth": 1.0,
    "eye_to_ear": 0.7,
    "ear_height": 0.7,
}
# The ratios that the expression of a face changes.
MOVED = ("eye_to_nose", "nose_to_mouth", "mouth_width", "eye_to_mouth")
# Beyond its population's known range a ratio is not placed.
_OUTERMOST = 0.01
# A dog's ratio with so much trust counts as half known.
HALF_KNOWN = 0.2
# With less a dog is not taken for the scale.
_WELL_SEEN = 0.2

_NORMAL = NormalDist()
_STEADY = np.array([STEADINESS[name] for name in FACE_RATIOS])


def measured(points: Mapping[str, tuple[float, float, float]]) -> dict[str, tuple[float, float]]:
    """A dog's face as rows hold it: value and trust by ratio, of points (x, y, score) by name.

    Trust, 0 to 1, is the lowest score of the points times `frontality`: a ratio that is seen from
    the side is wrong however sure its points are. Only ratios with any trust; {} for a dog that
    shows no face.
    """
    front = frontality(points)
    told = {}
    for name, ratio in face_ratios(points).items():
        if ratio is not None and round(ratio.confidence * front, 3) > 0:
            told[name] = (round(ratio.value, 4), round(ratio.confidence * front, 3))
    return told


@dataclass(frozen=True)
class AtRest:
    """What the expression of a face does to its ratios among people: how far mouths are open and
    their corners lie (`ml.mesh.expression`) on average, and how much a ratio grows with each."""

    typical: Sequence[float]
    effects: Mapping[str, Sequence[float]]

    @classmethod
    def of(cls, meshes: Sequence[np.ndarray]) -> "AtRest":
        """By least squares over faces turned to the front. Raises DataError for too few."""
        if len(meshes) < QUANTILES:
            raise DataError(f"Only {len(meshes)} photos of people show a face. Give more.")
        expressions = np.stack([expression(mesh) for mesh in meshes])
        typical = expressions.mean(0)
        table = np.c_[expressions - typical, np.ones(len(meshes))]
        ratios = [face_ratios(points_of(mesh)) for mesh in meshes]
        effects = {}
        for name in MOVED:
            values = [ratio.value if (ratio := row[name]) else np.nan for row in ratios]
            found, *_ = np.linalg.lstsq(table, np.array(values), rcond=None)
            effects[name] = found[:2].round(4).tolist()
        return cls(typical.round(4).tolist(), effects)

    def ratios(self, mesh: np.ndarray) -> dict[str, float]:
        """The proportions that the face (468, 3) would have with the usual expression: all that is
        kept of it."""
        moved = expression(mesh) - self.typical
        return {
            name: round(ratio.value - float(moved @ self.effects.get(name, (0.0, 0.0))), 4)
            for name, ratio in face_ratios(points_of(mesh)).items()
            if ratio is not None
        }


@dataclass(frozen=True)
class FaceScale:
    """Where the proportions of people and of dogs lie: rising quantiles by ratio."""

    person: Mapping[str, Sequence[float]]
    dog: Mapping[str, Sequence[float]]
    rest: AtRest

    @classmethod
    def load(cls, path: Path = SCALE_FILE) -> "FaceScale":
        """Raises DataError where the file is none."""
        try:
            data = json.loads(path.read_text())
            person, dog = ({n: data[p][n] for n in FACE_RATIOS} for p in ("person", "dog"))
            rest = AtRest(data["rest"]["typical"], {n: data["rest"]["effects"][n] for n in MOVED})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path.name} holds no scale of faces. Restore it from the repository.", str(error)
            ) from error
        return cls(person, dog, rest)

    @classmethod
    def of(
        cls,
        people: Sequence[Mapping[str, float]],
        dogs: Sequence[Mapping[str, tuple[float, float]]],
        rest: AtRest,
    ) -> "FaceScale":
        """From people's ratios and dogs' as `measured` tells them, those that are seen well. Raises
        DataError where a ratio was measured too seldom."""
        seen = [{n: v for n, (v, trust) in dog.items() if trust >= _WELL_SEEN} for dog in dogs]

        def quantiles(faces: Sequence[Mapping[str, float]], name: str) -> list[float]:
            values = [face[name] for face in faces if name in face]
            if len(values) < QUANTILES:
                raise DataError(f"Only {len(values)} faces show {name}. Give more photos.")
            at = np.linspace(0, 1, QUANTILES)
            return [round(float(v), 4) for v in np.quantile(values, at)]

        return cls(
            {name: quantiles(people, name) for name in FACE_RATIOS},
            {name: quantiles(seen, name) for name in FACE_RATIOS},
            rest,
        )

    def to_json(self) -> str:
        """What `load` reads."""
        told: dict[str, Any] = {
            "person": dict(self.person),
            "dog": dict(self.dog),
            "rest": {"typical": self.rest.typical, "effects": dict(self.rest.effects)},
        }
        return json.dumps(told, indent=1) + "\n"

    def place(self, population: Population, name: str, value: float) -> float:
        """A ratio's place among its kind in standard deviations, about -2.3 to 2.3."""
        marks = self.person[name] if population == "person" else self.dog[name]
        quantile = float(np.interp(value, marks, np.linspace(0, 1, len(marks))))
        return _NORMAL.inv_cdf(min(1 - _OUTERMOST, max(_OUTERMOST, quantile)))

    def person_places(self, ratios: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Places (7,) and whether they are known (7,), 0 or 1, in the order of FACE_RATIOS."""
        places, known = np.zeros((2, len(FACE_RATIOS)))
        for number, name in enumerate(FACE_RATIOS):
            if ratios.get(name) is not None:
                places[number], known[number] = self.place("person", name, ratios[name]), 1
        return places, known

    def dog_places(self, face: Mapping[str, Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
        """Places (7,) and trust (7,), 0 where there is none, of a face as `measured` tells it."""
        places, trust = np.zeros((2, len(FACE_RATIOS)))
        for number, name in enumerate(FACE_RATIOS):
            if name in face:
                value, trust[number] = face[name]
                places[number] = self.place("dog", name, value)
        return places, trust


def together(
    places: np.ndarray, trust: np.ndarray, whose: np.ndarray, dogs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places and trust (dogs, 7) of dogs from those of their photos (m, 7): the mean of places by
    trust, and the sum of trust. `whose` (m,) is each photo's dog, 0 to dogs - 1."""
    total = np.zeros((dogs, places.shape[1]))
    sums = np.zeros_like(total)
    np.add.at(total, whose, trust)
    np.add.at(sums, whose, trust * places)
    return np.divide(sums, total, out=np.zeros_like(sums), where=total > 0), total


def likeness(
    person: tuple[np.ndarray, np.ndarray], dogs: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """0 to 1 for each of n dogs: places and trust (n, 7), beside a person's places and whether they
    are known (7,).

    What is measured of a dog is known in part: with r = trust / (trust + HALF_KNOWN), its true
    place is taken to lie around r times the measured one with a variance of 1 - r². The likeness is
    exp(-d / 2), d the mean over ratios of the squared difference of places that is to be expected,
    weighted by STEADINESS: 1 would be a face known without doubt and equal, and pairs by chance
    have a d of 2 on average. A ratio that is not seen counts as anything a dog may have. 0 where
    fewer than three ratios are seen of both.
    """
    places, known = person
    sure = dogs[1] / (dogs[1] + HALF_KNOWN)
    squared = (places - sure * dogs[0]) ** 2 + 1 - sure**2
    weights = _STEADY * known
    apart = squared @ weights / max(float(weights.sum()), 1e-9)
    shared = ((dogs[1] > 0) & (known > 0)).sum(1) >= LEAST_SHARED
    return np.where(shared, np.exp(-apart / 2), 0.0)


def share_below(place: float) -> float:
    """The share of its kind that has less of a ratio, 0 to 1, from a place."""
    return _NORMAL.cdf(place)


# Shown as 0 to 100, and in words. Of pairs by chance one in seventy is strong, one in ten weak.
STRONG, WEAK = 0.7, 0.6


def band(like: float) -> Literal["strong", "weak", "none"]:
    return "strong" if like >= STRONG else "weak" if like >= WEAK else "none"
