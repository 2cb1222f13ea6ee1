"""How a dog is built, measured on its keypoints.

All lengths are distances in the picture, so that what points towards the camera looks shorter: two
dogs compare best when seen from a like side. Every ratio is invariant to scale, shift, in-plane
rotation and mirroring.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ml.skeleton import INDEX, MIRRORED, SIGMAS

DRAWN_FROM = 0.3
"""The score, 0 to 1, from which a point counts as seen."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of two lengths, 0 or more except for a height, and the lowest score of the points it
    rests on."""

    value: float
    confidence: float


_Length = tuple[float, float]  # pixels, lowest score


def ratios(points: np.ndarray, at_least: float = DRAWN_FROM) -> dict[str, Ratio | None]:
    """The proportions of one dog from its (21, 3) keypoints (x, y, score), in a fixed order.

    - `head_to_back`: head length / back length. Head: nose to the middle between the ear bases.
      Back: neck to root of tail.
    - `front_leg_to_back`: shoulder to elbow to paw / back length.
    - `hind_leg_to_back`: hip to knee to paw / back length.
    - `back_to_front_leg`: back length / front leg, high for a long dog on short legs.
    - `eye_distance_to_head`: distance of the eyes / head length.
    - `muzzle_to_head`: middle between the eyes to nose / head length.

    A leg is the mean of the sides that are seen whole, weighted by their confidence. None where a
    point is missing (score below `at_least`) or the length below is zero.
    """
    dog = _Dog(np.asarray(points, np.float64), at_least)
    return {name: _over(above(dog), below(dog)) for name, (above, below) in _RATIOS.items()}


class _Dog:
    def __init__(self, points: np.ndarray, at_least: float) -> None:
        self.points = points
        self.at_least = at_least

    def path(self, *names: str) -> _Length | None:
        """The length of the line through these points; "a|b" is the middle between a and b."""
        places, scores = [], []
        for name in names:
            rows = self.points[[INDEX[part] for part in name.split("|")]]
            places.append(rows[:, :2].mean(0))
            scores.append(rows[:, 2].min())
        lowest = float(min(scores))
        if lowest < self.at_least:
            return None
        return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum()), lowest

    def leg(self, *joints: str) -> _Length | None:
        sides = [self.path(*(f"{side}_{joint}" for joint in joints)) for side in ("left", "right")]
        seen = [side for side in sides if side is not None]
        if not seen:
            return None
        lengths, scores = zip(*seen, strict=True)
        return float(np.average(lengths, weights=scores)), max(scores)


def _back(dog: _Dog) -> _Length | None:
    return dog.path("neck", "root_of_tail")


def _head(dog: _Dog) -> _Length | None:
    return dog.path("nose", "left_ear_base|right_ear_base")


def _front_leg(dog: _Dog) -> _Length | None:
    return dog.leg("shoulder", "elbow", "front_paw")


def _hind_leg(dog: _Dog) -> _Length | None:
    return dog.leg("hip", "knee", "back_paw")


def _eyes(dog: _Dog) -> _Length | None:
    return dog.path("left_eye", "right_eye")


def _muzzle(dog: _Dog) -> _Length | None:
    return dog.path("left_eye|right_eye", "nose")


def face_ratios(
    points: Mapping[str, tuple[float, float, float]], at_least: float = DRAWN_FROM
) -> dict[str, Ratio | None]:
    """The proportions of a face, a dog's or a person's, from its points (x, y, score) by name.

    All over the distance of the eyes, so that they are invariant to scale, shift, in-plane rotation
    and mirroring:

    - `eye_to_nose`: middle between the eyes to nose.
    - `nose_to_mouth`: nose to the middle between the corners of the mouth.
    - `mouth_width`: distance of the corners of the mouth.
    - `ear_spacing`: distance of the ears (a dog's ear bases; of a person see `ml.mesh`).
    - `eye_to_mouth`: middle between the eyes to the middle between the corners of the mouth.
    - `eye_to_ear`: each eye to the ear of its side, the mean of both.
    - `ear_height`: how far the middle between the ears lies above the line through the eyes, up
      being where the nose is not; below 0 where the ears lie lower than the eyes.

    The norm is the outer measure that anthropometry too takes faces by (Farkas, Anthropometry of
    the Head and Face, 1994), as far as a photo shows it. None where a point is missing.
    """
    eyes, mouth, ears = _EYES, _MOUTH, _EARS
    over = _apart(points, eyes[:1], eyes[1:], at_least)
    sides = [_apart(points, eyes[n : n + 1], ears[n : n + 1], at_least) for n in (0, 1)]
    lengths = {
        "eye_to_nose": _apart(points, eyes, ("nose",), at_least),
        "nose_to_mouth": _apart(points, ("nose",), mouth, at_least),
        "mouth_width": _apart(points, mouth[:1], mouth[1:], at_least),
        "ear_spacing": _apart(points, ears[:1], ears[1:], at_least),
        "eye_to_mouth": _apart(points, eyes, mouth, at_least),
        "eye_to_ear": _mean(*sides),
        "ear_height": _above_eyes(points, at_least),
    }
    return {name: _over(length, over) for name, length in lengths.items()}


FACE_RATIOS = (
    "eye_to_nose",
    "nose_to_mouth",
    "mouth_width",
    "ear_spacing",
    "eye_to_mouth",
    "eye_to_ear",
    "ear_height",
)

_EYES = ("left_eye", "right_eye")
_MOUTH = ("left_mouth_corner", "right_mouth_corner")
_EARS = ("left_ear_base", "right_ear_base")


def frontality(points: Mapping[str, tuple[float, float, float]]) -> float:
    """How much a face is seen from the front, 0 to 1: 1 where the nose lies in the middle between
    the eyes, along their line, and 0 where it lies at one of them or beyond, or where one of the
    three is not among the points. Scores do not matter."""
    if not all(name in points for name in (*_EYES, "nose")):
        return 0.0
    left, right, nose = (np.array(points[name][:2]) for name in (*_EYES, "nose"))
    line = left - right
    square = float(line @ line)
    if not square > 0:
        return 0.0
    aside = abs(float((nose - (left + right) / 2) @ line)) / square
    return max(0.0, 1 - 2 * aside) if math.isfinite(aside) else 0.0


def _above_eyes(
    points: Mapping[str, tuple[float, float, float]], at_least: float
) -> _Length | None:
    """How far the ears lie above the line through the eyes."""
    names = (*_EYES, *_EARS, "nose")
    if any(name not in points for name in names):
        return None
    lowest = min(points[name][2] for name in names)
    if lowest < at_least:
        return None
    left, right, left_ear, right_ear, nose = (np.array(points[name][:2]) for name in names)
    line, middle = left - right, (left + right) / 2
    length = float(np.linalg.norm(line))
    if not length > 0:
        return None
    across = np.array([-line[1], line[0]]) / length
    ears, down = (float(across @ (place - middle)) for place in ((left_ear + right_ear) / 2, nose))
    return None if down == 0 else (-math.copysign(1, down) * ears, float(lowest))


def _mean(one: _Length | None, other: _Length | None) -> _Length | None:
    if one is None or other is None:
        return None
    return (one[0] + other[0]) / 2, min(one[1], other[1])


def _apart(
    points: Mapping[str, tuple[float, float, float]],
    first: tuple[str, ...],
    second: tuple[str, ...],
    at_least: float,
) -> _Length | None:
    """The distance between the middles of two groups of points."""
    if any(name not in points for name in first + second):
        return None
    lowest = min(points[name][2] for name in first + second)
    if lowest < at_least:
        return None
    a, b = (np.mean([points[name][:2] for name in group], axis=0) for group in (first, second))
    return float(np.linalg.norm(a - b)), float(lowest)


_Measure = Callable[[_Dog], _Length | None]

_RATIOS: Mapping[str, tuple[_Measure, _Measure]] = {
    "head_to_back": (_head, _back),
    "front_leg_to_back": (_front_leg, _back),
    "hind_leg_to_back": (_hind_leg, _back),
    "back_to_front_leg": (_back, _front_leg),
    "eye_distance_to_head": (_eyes, _head),
    "muzzle_to_head": (_muzzle, _head),
}

RATIOS: tuple[str, ...] = tuple(_RATIOS)


def _over(above: _Length | None, below: _Length | None) -> Ratio | None:
    if above is None or below is None or below[0] <= 0:
        return None
    value = above[0] / below[0]
    # A point that is not a number, or two in one place, measure nothing.
    return Ratio(value, min(above[1], below[1])) if math.isfinite(value) else None


LEAST_SHARED = 5
"""Two poses are compared where both show so many points."""


def pose_similarity(
    one: np.ndarray, other: np.ndarray, at_least: float = DRAWN_FROM
) -> float | None:
    """How alike two dogs hold themselves, 0 to 1, from their (21, 3) keypoints (x, y, score).

    The other dog, or its mirror image if that fits better, is laid over the first by the shift,
    turn and scale that bring the shared points nearest (weighted Procrustes: Umeyama, Least-Squares
    Estimation of Transformation Parameters, 1991; weights are the lower of the two scores). What is
    left is told as COCO's object keypoint similarity does: the weighted mean over points of
    exp(-d² / (2 s² k²)), with d the distance, s² the product of width and height of the first's
    shared points (at least a hundredth of the square of the longer), and k twice the point's sigma
    of `ml.skeleton`, which is wide enough for two annotators to agree and narrow enough for two
    postures to differ. Invariant to scale, shift, in-plane rotation and mirroring of either; not
    symmetric to the last digit, since s is the first's.

    None where fewer than five points are seen in both (score `at_least`), or all lie in one place.
    """
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    mirrored = other[list(MIRRORED)] * (-1, 1, 1)
    found = [_laid_over(one, image, at_least) for image in (other, mirrored)]
    return max((value for value in found if value is not None), default=None)


_SPREAD = 2 * np.array(SIGMAS)


def _laid_over(one: np.ndarray, other: np.ndarray, at_least: float) -> float | None:
    weights = np.minimum(one[:, 2], other[:, 2])
    shared = (weights >= at_least) & np.isfinite(one).all(1) & np.isfinite(other).all(1)
    if shared.sum() < LEAST_SHARED:
        return None
    weights = weights[shared] / weights[shared].sum()
    a, b = one[shared, :2], other[shared, :2]
    width, height = np.ptp(a, axis=0)
    area = max(width * height, 0.01 * max(width, height) ** 2)
    a, b = a - weights @ a, b - weights @ b
    size = float(weights @ (b**2).sum(1))
    if area <= 0 or size <= 0:
        return None
    # As complex numbers a turn with a scale is one factor, and the best one a quotient.
    first, second = a @ (1, 1j), b @ (1, 1j)
    factor = (weights * first * second.conj()).sum() / size
    squared = np.abs(first - factor * second) ** 2
    return float(weights @ np.exp(-squared / (2 * area * _SPREAD[shared] ** 2)))
