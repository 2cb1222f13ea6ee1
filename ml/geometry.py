"""How a dog is built, measured on its keypoints.

All lengths are distances in the picture, so that what points towards the camera looks shorter: two
dogs compare best when seen from a like side. Every ratio is invariant to scale, shift, in-plane
rotation and mirroring.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ml.skeleton import INDEX

DRAWN_FROM = 0.3
"""The score, 0 to 1, from which a point counts as seen."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of two lengths, 0 or more, and the lowest score of the points it rests on."""

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
    - `ear_spacing`: distance of the ears (a dog's ear bases, a person's ears).

    The norm is the outer measure that anthropometry too takes faces by (Farkas, Anthropometry of
    the Head and Face, 1994), as far as a photo shows it. None where a point is missing.
    """
    middle_of_eyes = ("left_eye", "right_eye")
    middle_of_mouth = ("left_mouth_corner", "right_mouth_corner")
    eyes = _apart(points, ("left_eye",), ("right_eye",), at_least)
    lengths = {
        "eye_to_nose": _apart(points, middle_of_eyes, ("nose",), at_least),
        "nose_to_mouth": _apart(points, ("nose",), middle_of_mouth, at_least),
        "mouth_width": _apart(points, middle_of_mouth[:1], middle_of_mouth[1:], at_least),
        "ear_spacing": _apart(points, ("left_ear_base",), ("right_ear_base",), at_least),
    }
    return {name: _over(length, eyes) for name, length in lengths.items()}


FACE_RATIOS = ("eye_to_nose", "nose_to_mouth", "mouth_width", "ear_spacing")


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
    return Ratio(above[0] / below[0], min(above[1], below[1]))
