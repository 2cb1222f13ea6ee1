"""How a dog is built, from stored keypoints, for people and programs to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml.geometry import face_ratios, pose_similarity, ratios
from ml.skeleton import KEYPOINTS


def proportions(
    layout: Mapping[str, Any], points: Sequence[Sequence[float]], width: int, height: int
) -> dict[str, float | None]:
    """The ratios of `ml.geometry`, by name; None where a point is not to be seen.

    `layout` is the keypoints part of a model spec; `points` are [x, y, score] in fractions of a
    picture of `width` × `height` pixels. Points that the layout lacks count as not seen.
    """
    rows = in_pixels(layout, points, width, height)
    named = {
        name: (x, y, score) for name, (x, y, score) in zip(KEYPOINTS, rows.tolist(), strict=True)
    }
    told = {**ratios(rows), **face_ratios(named)}
    return {name: None if ratio is None else round(ratio.value, 3) for name, ratio in told.items()}


def in_pixels(
    layout: Mapping[str, Any], points: Sequence[Sequence[float]], width: int, height: int
) -> np.ndarray:
    """(21, 3) x and y in pixels, score, in the order of `ml.skeleton`; 0, 0, 0 for a point that the
    layout lacks. Arguments as for `proportions`."""
    by_name = dict(zip(layout["names"], points, strict=True))
    rows = np.array([by_name.get(name, (0.0, 0.0, 0.0)) for name in KEYPOINTS], np.float64)
    rows[:, :2] *= (width, height)
    return rows


def pose_percent(one: np.ndarray, other: np.ndarray) -> int | None:
    """`ml.geometry.pose_similarity` of two dogs `in_pixels`, 0 to 100."""
    found = pose_similarity(one, other)
    return None if found is None else round(100 * found)
