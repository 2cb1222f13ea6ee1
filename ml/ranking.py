"""Learning to rank: weights of `ml.fusion` from what people preferred. Needs NumPy only.

A pair is the parts of a dog that somebody acted on and those of one beside it in the same answer
that they passed over. Pairwise logistic regression (Bradley and Terry 1952; as the loss of a linear
RankNet, Burges et al. 2005):

    P(preferred before other) = sigmoid(s × (difference of cosines + sum of w × difference of part))

`s`, how sharply people choose, is learnt beside the weights `w`, which stay from 0 to MOST and are
drawn towards the weights there are: a few pairs change little. A part that is not known of both
dogs says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.errors import DataError
from ml.fusion import EXTRA, MOST, PARTS, Fusion

PULL = 300.0
"""Strength of the pull towards the weights there are: what a weight's distance from them costs, its
square times a half of this, in units of one pair's loss."""

_ROUNDS, _STEPS = 20, 50
_SHARPEST = 50.0


@dataclass(frozen=True)
class Compared:
    """How learnt weights do beside the fixed ones on `pairs` that neither saw; both accuracies 0 to
    1, `margin` the standard error of their difference if there were none, from the pairs
    on which they differ (McNemar, Psychometrika 1947)."""

    pairs: int
    learnt: float
    fixed: float
    margin: float

    @property
    def is_better(self) -> bool:
        """By more than twice the standard error: once it, and chance would pass one time in six."""
        return self.learnt - self.fixed > 2 * self.margin


def learn(preferred: np.ndarray, other: np.ndarray, prior: Mapping[str, float]) -> dict[str, float]:
    """Weights by part from (n, 5) parts of preferred dogs and of the others, NaN where not known.

    The same pairs give the same weights, to three digits. Raises DataError without a pair.
    """
    mine, theirs = _table(preferred), _table(other)
    if not len(mine) or mine.shape != theirs.shape:
        raise DataError("There is nothing to learn from: give as many preferred dogs as others.")
    apart = np.nan_to_num(mine - theirs, nan=0.0)
    cosines, parts = 2 * apart[:, 0], apart[:, 1:]
    start = np.array([prior[part] for part in EXTRA], np.float64)
    weights, sharp = start, 1.0
    for _ in range(_ROUNDS):
        sharp = _sharpness(cosines + parts @ weights, sharp)
        weights = _descend(cosines, parts, start, weights, sharp)
    return {part: round(float(value), 3) for part, value in zip(EXTRA, weights, strict=True)}


def compare(
    preferred: np.ndarray,
    other: np.ndarray,
    learnt: Fusion,
    fixed: Fusion,
    modes: Sequence[str],
) -> Compared:
    """Both fusions on held-back pairs, each in its mode, as the search would put them in order; a
    tie counts half."""
    one, two = (_right(preferred, other, fusion, modes) for fusion in (learnt, fixed))
    number = len(one)
    if not number:
        return Compared(0, 0.0, 0.0, 0.0)
    # One more pair on which they differ: five in a row are then as few as count.
    margin = float(np.sqrt(((one - two) ** 2).sum() + 1) / number)
    return Compared(number, float(one.mean()), float(two.mean()), margin)


def losses(leads: np.ndarray) -> np.ndarray:
    """(n,) -log of the chance that each preferred dog comes first by these leads in likeness, at
    the sharpness that suits them best."""
    found: np.ndarray = np.logaddexp(0, -_sharpness(leads, 1.0) * leads)
    return found


def _right(
    preferred: np.ndarray, other: np.ndarray, fusion: Fusion, modes: Sequence[str]
) -> np.ndarray:
    """(n,) 1 where a preferred dog comes first, 0 where it does not, a half for a tie."""
    lead = np.zeros(len(modes))
    for mode in set(modes):
        rows = np.array([each == mode for each in modes])
        mine, theirs = (fusion.fused(_table(table)[rows], mode) for table in (preferred, other))
        lead[rows] = mine - theirs
    return (lead > 0) + 0.5 * (lead == 0)


def _table(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows, np.float64).reshape(-1, len(PARTS))


def _sharpness(leads: np.ndarray, start: float) -> float:
    """The s of least loss for these leads, by Newton's method, 0.1 to 50."""
    sharp = start
    for _ in range(_STEPS):
        chance = _sigmoid(-sharp * leads)
        slope = -float((leads * chance).mean()) + 1e-3 * sharp
        curve = float((leads**2 * chance * (1 - chance)).mean()) + 1e-3
        sharp = float(np.clip(sharp - slope / curve, 0.1, _SHARPEST))
    return sharp


def _descend(
    cosines: np.ndarray, parts: np.ndarray, prior: np.ndarray, weights: np.ndarray, sharp: float
) -> np.ndarray:
    """Projected gradient steps for the weights at a given sharpness; the loss is convex in them."""
    # The largest curvature there can be (Lipschitz constant), so that no step goes too far.
    curve = sharp**2 * float((parts**2).sum()) / 4 + PULL
    for _ in range(_STEPS):
        chance = _sigmoid(-sharp * (cosines + parts @ weights))
        slope = -sharp * parts.T @ chance + PULL * (weights - prior)
        weights = np.clip(weights - slope / curve, 0, MOST)
    return weights


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -60, 60)))
