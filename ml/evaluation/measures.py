"""Figures of merit on arrays; no files, no models."""

from collections.abc import Callable, Sequence

import numpy as np


def retrieval(
    vectors: np.ndarray,
    labels: Sequence[str],
    groups: Sequence[str] = (),
    likeness: Callable[[int, np.ndarray], np.ndarray] | None = None,
) -> dict[str, float]:
    """Leave-one-out retrieval: every row queries all others, by inner product or by `likeness` of a
    row to some others.

    `vectors` (n, d) unit rows. Only rows whose label occurs elsewhere are queries; with `groups`,
    rows of the query's own group (a burst of one dog) are left out of its candidates. Gives n, the
    number of queries; r1, r5, r10, the share with their label among the first k; map, the mean over
    queries of average precision over the whole ranking. All 0 to 1; 0 where there is no query.
    """
    names = np.unique(np.asarray(labels), return_inverse=True)[1]
    bursts = np.unique(np.asarray(groups), return_inverse=True)[1] if len(groups) else None
    counts = {"n": 0.0, "r1": 0.0, "r5": 0.0, "r10": 0.0, "map": 0.0}
    for row in range(len(vectors)):
        allowed = np.ones(len(vectors), bool)
        allowed[row] = False
        if bursts is not None:
            allowed &= bursts != bursts[row]
        others = np.flatnonzero(allowed)
        right = names[others] == names[row]
        if not right.any():
            continue
        alike = likeness(row, others) if likeness else vectors[others] @ vectors[row]
        hits = right[np.argsort(-alike, kind="stable")]
        counts["n"] += 1
        for k in (1, 5, 10):
            counts[f"r{k}"] += bool(hits[:k].any())
        places = np.flatnonzero(hits)
        counts["map"] += float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))
    queries = max(counts["n"], 1.0)
    return {key: int(value) if key == "n" else value / queries for key, value in counts.items()}


def triplet_accuracy(to_a: np.ndarray, to_b: np.ndarray, choices: Sequence[str]) -> float:
    """Share of triplets where the likeness to the chosen one, "a" or "b", is the larger.

    `to_a` and `to_b` are (n,) likenesses of the query to each; equal ones count a half.
    """
    lead = np.where(np.asarray(choices) == "a", to_a - to_b, to_b - to_a)
    return float(np.mean((lead > 0) + 0.5 * (lead == 0)))


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) x0, y0, x1, y1: (n,), 0 to 1."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.clip(sides, 0, None).prod(1)
    whole = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared
    return shared / np.maximum(whole, 1e-9)
