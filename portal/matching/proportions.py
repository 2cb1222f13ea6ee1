"""How a dog is built, from stored keypoints, for people and programs to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml.geometry import face_ratios, ratios
from ml.skeleton import KEYPOINTS


def proportions(
    layout: Mapping[str, Any], points: Sequence[Sequence[float]], width: int, height: int
) -> dict[str, float | None]:
    """The ratios of `ml.geometry`, by name; None where a point is not to be seen.

    `layout` is the keypoints part of a model spec; `points` are [x, y, score] in fractions of a
    picture of `width` × `height` pixels. Points that the layout lacks count as not seen.
    """
    by_name = dict(zip(layout["names"], points, strict=True))
    rows = np.array([by_name.get(name, (0.0, 0.0, 0.0)) for name in KEYPOINTS], np.float64)
    rows[:, :2] *= (width, height)
    named = {
        name: (x, y, score) for name, (x, y, score) in zip(KEYPOINTS, rows.tolist(), strict=True)
    }
    told = {**ratios(rows), **face_ratios(named)}
    return {name: None if ratio is None else round(ratio.value, 3) for name, ratio in told.items()}
