"""One likeness from several vectors: appearance, body, face, colour and breed.

The cosine of the appearance stays the base, so that a spec's scale from cosine to score still holds
(`ml.spec.Likeness`). Every other part that is known of both dogs moves it a little: up where they
are more alike in it than two dogs taken at random, down where they are less.

    fused = cosine + sum of weight × (part - typical), this sum within ± BOUND

The weights stand in `ml/fusion.json` and nowhere else; what was measured is in
`ml/weights/fusion.md`. Needs NumPy and Pillow only.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ml.coat import COLOURS, coat_likeness
from ml.errors import DataError
from ml.geometry import DRAWN_FROM
from ml.skeleton import INDEX, KEYPOINTS

PARTS = ("appearance", "body", "face", "colour", "breed")
"""In the order of columns; all 0 to 1, NaN where one of the dogs does not show it."""

EXTRA = PARTS[1:]

MODES = ("like", "lost")
"""A dog that looks like this one, and this very dog."""

BOUND = 0.15
"""What the other parts can move the cosine by, at most: less than from one band to the next."""

MOST = 1.0
"""The largest weight: there, a part that is wholly alike instead of not at all says as much as a
cosine of 1 instead of 0."""

# Where the logarithms of two proportions are so far apart on average, the likeness is 1/e.
_FALL = {"body": 0.35, "face": 0.35}

BODY = ("head_to_back", "front_leg_to_back", "hind_leg_to_back")
FACE = ("eye_to_nose", "nose_to_mouth", "mouth_width", "ear_spacing")
"""Proportions of `ml.geometry` that two dogs are compared by."""

_TABLE = Path(__file__).with_suffix(".json")

Weights = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Fusion:
    """How the parts make one likeness.

    `typical` is each part's median over two dogs taken at random, `notable` the value from which
    people would say that they are alike in it, `weights` by mode and part, 0 to MOST.
    """

    typical: Mapping[str, float]
    notable: Mapping[str, float]
    weights: Weights

    def fused(self, parts: np.ndarray, mode: str) -> np.ndarray:
        """(n,) likenesses, -1 to 1 as cosines are, of parts (n, 5); what is not known adds
        nothing, and no part that grows makes a likeness smaller."""
        known = np.asarray(parts, np.float64)
        more = known[:, 1:] - [self.typical[part] for part in EXTRA]
        weights = [self.weights[mode][part] for part in EXTRA]
        extra = np.nan_to_num(more, nan=0.0) @ weights
        cosines = 2 * known[:, 0] - 1
        return np.clip(cosines + np.clip(extra, -BOUND, BOUND), -1, 1)

    def is_fusing(self, mode: str) -> bool:
        """Whether anything but the appearance counts."""
        return any(self.weights[mode][part] > 0 for part in EXTRA)

    def weighing(self, parts: Mapping[str, float], mode: str) -> list[str]:
        """The parts besides the appearance that count in this mode and in which the two are alike
        beyond what is common, the one that moved most first."""
        moved = {
            part: self.weights[mode][part] * (parts[part] - self.typical[part])
            for part in EXTRA
            if self.weights[mode][part] > 0 and parts.get(part, 0.0) >= self.notable[part]
        }
        return sorted(moved, key=lambda part: -moved[part])

    def shares(self, parts: Mapping[str, float], mode: str) -> dict[str, float]:
        """What share of the likeness each known part makes, 0 to 1: the cosine, and how far every
        other part moves it. They sum to 1 unless nothing is alike."""
        moved = {
            part: abs(self.weights[mode][part] * (value - self.typical[part]))
            for part, value in parts.items()
            if part in EXTRA
        }
        moved["appearance"] = abs(2 * parts.get("appearance", 0.5) - 1)
        total = sum(moved.values())
        return {part: moved[part] / total if total else 0.0 for part in PARTS if part in moved}

    def with_weights(self, weights: Weights) -> Fusion:
        """The same with other weights. Raises DataError where they are none of this fusion."""
        return replace(self, weights=checked(weights))


@functools.cache
def fixed() -> Fusion:
    """The fusion with the weights that were measured once, of `ml/fusion.json`."""
    data = json.loads(_TABLE.read_text())
    return Fusion(data["typical"], data["notable"], checked(data["weights"]))


def checked(weights: Weights) -> Weights:
    """These weights; DataError unless they are numbers from 0 to MOST for each mode and part."""
    for mode in MODES:
        found = weights.get(mode, {})
        if set(found) != set(EXTRA) or not all(0 <= found[part] <= MOST for part in EXTRA):
            raise DataError(
                f"The weights of mode '{mode}' must be {', '.join(EXTRA)}, each 0 to {MOST:g}."
            )
    return weights


@dataclass(frozen=True, eq=False)
class Looks:
    """What is known of n dogs, by one photo each, besides their appearance.

    `body` (n, 3, 2) and `face` (n, 4, 2): logarithm of each of BODY and FACE and its confidence, 0
    where it is not seen; `coats` (n, 12), NaN where not seen; `breeds` likely ones with
    probabilities, None where none are told; `views` in the words of `ml.traits`, "" where not told.
    """

    body: np.ndarray
    face: np.ndarray
    coats: np.ndarray
    breeds: Sequence[Mapping[str, float] | None]
    views: Sequence[str]

    def __len__(self) -> int:
        return len(self.views)

    def only(self, rows: Sequence[int]) -> Looks:
        """Of these dogs, in this order."""
        some = list(rows)
        return Looks(
            self.body[some],
            self.face[some],
            self.coats[some],
            [self.breeds[row] for row in some],
            [self.views[row] for row in some],
        )


def looks(
    points: np.ndarray,
    coats: Sequence[np.ndarray | None],
    breeds: Sequence[Mapping[str, float] | None],
    views: Sequence[str],
) -> Looks:
    """Of n dogs: `points` (n, 21, 3) x, y in pixels and score, in the order of KEYPOINTS; coats as
    `ml.coat` makes them."""
    seen = _Points(np.asarray(points, np.float64).reshape(-1, len(KEYPOINTS), 3))
    return Looks(_body(seen), _face(seen), table_of_coats(coats), list(breeds), list(views))


def table_of_coats(coats: Sequence[np.ndarray | None]) -> np.ndarray:
    """(n, 12) float32, NaN where a coat is not seen or of another length."""
    table = np.full((len(coats), len(COLOURS)), np.nan, np.float32)
    for row, coat in enumerate(coats):
        if coat is not None and len(coat) == len(COLOURS):
            table[row] = coat
    return table


def compare(cosines: np.ndarray, source: Looks, others: Looks) -> np.ndarray:
    """(n, 5) float32, the PARTS of `others` (n) beside the nearest of the photos in `source` (m),
    part by part; `cosines` (n,) are of the appearance."""
    parts = np.full((len(others), len(PARTS)), np.nan, np.float32)
    parts[:, 0] = (1 + np.asarray(cosines)) / 2
    for row in range(len(source)):
        found = np.stack(
            [
                _proportions("body", source.body[row], others.body, _like(source, row, others)),
                _proportions("face", source.face[row], others.face),
                coat_likeness(source.coats[row], others.coats),
                _overlap(source.breeds[row], others.breeds),
            ],
            axis=1,
        )
        parts[:, 1:] = np.fmax(parts[:, 1:], found)
    return parts


def named(row: np.ndarray) -> dict[str, float]:
    """One row of parts by name, to two digits, without what is not known."""
    return {
        part: round(float(value), 2)
        for part, value in zip(PARTS, row, strict=True)
        if not np.isnan(value)
    }


def _like(source: Looks, row: int, others: Looks) -> np.ndarray:
    """(n,) whether two photos are taken from the same side, as far as that is told; mirrored sides
    are the same, since proportions are."""
    view = _side(source.views[row])
    return np.array([not view or not other or view == _side(other) for other in others.views])


def _side(view: str) -> str:
    return view.replace("-left", "-half").replace("-right", "-half").replace("right", "left")


def _proportions(
    part: str, mine: np.ndarray, others: np.ndarray, comparable: np.ndarray | None = None
) -> np.ndarray:
    """(n,) exp of minus the mean difference of logarithms over the part's fall, weighted by the
    lower confidence; NaN where no proportion is seen of both."""
    trust = np.minimum(mine[:, 1], others[:, :, 1])
    total = trust.sum(1)
    if comparable is not None:
        total = np.where(comparable, total, 0)
    apart = (trust * np.abs(mine[:, 0] - others[:, :, 0])).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, np.exp(-apart / total / _FALL[part]), np.nan)


def _overlap(
    mine: Mapping[str, float] | None, others: Sequence[Mapping[str, float] | None]
) -> np.ndarray:
    """(n,) the sum of sqrt(p q) over the likely breeds (Bhattacharyya 1943): 1 for one and the same
    breed without doubt, 0 for none in common."""
    return np.array(
        [
            np.nan
            if not mine or not theirs
            else min(
                1.0, sum((p * theirs[slug]) ** 0.5 for slug, p in mine.items() if slug in theirs)
            )
            for theirs in others
        ],
        np.float64,
    )


class _Points:
    """Lengths on the keypoints of n dogs at once, as `ml.geometry` measures those of one."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points

    def path(self, *names: str) -> tuple[np.ndarray, np.ndarray]:
        """(n,) lengths of the line through these points, and the lowest score, 0 where one is not
        seen; "a|b" is the middle between a and b."""
        rows = [[INDEX[part] for part in name.split("|")] for name in names]
        places = np.stack([self.points[:, row, :2].mean(1) for row in rows], axis=1)
        score = self.points[:, [place for row in rows for place in row], 2].min(1)
        length = np.linalg.norm(np.diff(places, axis=1), axis=2).sum(1)
        return length, np.where(score >= DRAWN_FROM, score, 0)

    def leg(self, *joints: str) -> tuple[np.ndarray, np.ndarray]:
        sides = [self.path(*(f"{side}_{joint}" for joint in joints)) for side in ("left", "right")]
        lengths, scores = (np.stack(column) for column in zip(*sides, strict=True))
        total = scores.sum(0)
        mean = (lengths * scores).sum(0) / np.where(total > 0, total, 1)
        return mean, scores.max(0)


_Lengths = tuple[np.ndarray, np.ndarray]


def _over(above: _Lengths, below: _Lengths) -> np.ndarray:
    """(n, 2): logarithm of the ratio and its confidence, both 0 where it is not known."""
    known = (above[1] > 0) & (below[1] > 0) & (above[0] > 0) & (below[0] > 0)
    ratio = np.where(known, above[0], 1) / np.where(known, below[0], 1)
    return np.stack([np.log(ratio), np.where(known, np.minimum(above[1], below[1]), 0)], axis=1)


def _body(dogs: _Points) -> np.ndarray:
    """(n, 3, 2): BODY."""
    back = dogs.path("neck", "root_of_tail")
    lengths = (
        dogs.path("nose", "left_ear_base|right_ear_base"),
        dogs.leg("shoulder", "elbow", "front_paw"),
        dogs.leg("hip", "knee", "back_paw"),
    )
    return np.stack([_over(length, back) for length in lengths], axis=1)


def _face(dogs: _Points) -> np.ndarray:
    """(n, 4, 2): FACE, the first four of `ml.geometry.FACE_RATIOS`."""
    eyes = dogs.path("left_eye", "right_eye")
    mouth = "left_mouth_corner|right_mouth_corner"
    lengths = (
        dogs.path("left_eye|right_eye", "nose"),
        dogs.path("nose", mouth),
        dogs.path("left_mouth_corner", "right_mouth_corner"),
        dogs.path("left_ear_base", "right_ear_base"),
    )
    return np.stack([_over(length, eyes) for length in lengths], axis=1)


def ordered(names: Sequence[str], points: np.ndarray) -> np.ndarray:
    """(n, 21, 3) in the order of KEYPOINTS, of points (n, K, 3) in the order of `names`; what these
    lack counts as not seen."""
    found = np.zeros((len(points), len(KEYPOINTS), 3), np.float64)
    for place, name in enumerate(names):
        if name in INDEX:
            found[:, INDEX[name]] = points[:, place]
    return found
