"""How much a dog moves in a clip. A hint: one clip tells of twenty seconds, not of a dog."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ml.following import Sighting, overlap
from ml.geometry import DRAWN_FROM
from ml.traits import POSTURES, Posture

Level = Literal["still", "calm", "moderate", "lively", "very_lively"]
Reference = Literal["background", "body"]

LEVELS: Mapping[Reference, Mapping[Level, float]] = {
    "background": {"still": 0.0, "calm": 0.1, "moderate": 0.4, "lively": 1.0, "very_lively": 2.0},
    "body": {"still": 0.0, "calm": 0.05, "moderate": 0.12, "lively": 0.25, "very_lively": 0.5},
}
"""Levels with the speed that each begins at, in body lengths a second, see `speeds`.

Reckoned, not learnt: from corner to corner the box around a standing dog of 20 kg measures about a
metre. It walks at 1 to 1.3 m/s and trots from 2 m/s on; where a head turns, a fifth of the points
moves. Against the body only the legs move, a third of the points, the paws as fast as the ground
does. A dog that does not move at all measures up to 0.03: pictures of 15 shelter dogs, shaken and
panned, with noise, and encoded as a film.
"""

# A step over a longer gap than this many looks is none: nobody knows what was between.
_LONGEST_STEP = 2.5
# Fewer points that are seen twice say little; so do fewer steps, in seconds and of the clip.
_LEAST_POINTS = 5
_LEAST_SECONDS = 1.5
_LEAST_SHARE = 0.4
# Points of a step that are left out at its fast end, most of them mislocated, and steps beyond this
# share count as the one there.
_OUTLIERS = 0.1
_CALMEST = 0.95
# Boxes that overlap less are of two dogs, or of a cut.
_SAME_DOG = 0.1
# Cut-off frequencies of the filter: at rest, what speed adds (Hz for a body length a second), and
# of the speed itself. At rest it takes the tremble, in a trot it leaves the legs alone.
_AT_REST, _WITH_SPEED, _OF_SPEED = 0.7, 6.0, 2.0


@dataclass(frozen=True, eq=False)
class Activity:
    """`speed` in body lengths a second and its `level`, None where too little was seen to tell;
    `speeds` (T - 1,) of each step between two looks, NaN where unknown; what they are
    `relative` to; `seen` the share of frames with a dog, 0 to 1; `postures` the share of those
    frames that each takes, 0 to 1, None where no posture is told; `sightings` as they were given,
    with points that tremble less."""

    level: Level | None
    speed: float | None
    speeds: np.ndarray
    relative: Reference
    seen: float
    postures: dict[Posture, float] | None
    sightings: list[Sighting | None]


def measure(
    seen: Sequence[Sighting | None], times: np.ndarray, motions: np.ndarray | None = None
) -> Activity:
    """The activity of one dog from its sightings in T frames at `times` (T,) in seconds; `motions`
    (T - 1, 2, 3) the camera's, NaN where unknown, as `ml.camera` tells them."""
    points, sizes = stacked(seen)
    joined = joined_looks(seen, times)
    relative, joined, motions = still_world(points, joined, motions)
    smooth = smoothed(points, sizes, times, joined, motions)
    steps = speeds(smooth, sizes, times, joined, motions)
    speed = mean_speed(steps, times)
    told = [one.posture for one in seen if one is not None and one.posture is not None]
    counts = Counter(told)
    return Activity(
        level=None if speed is None else level(speed, relative),
        speed=speed,
        speeds=steps,
        relative=relative,
        seen=sum(one is not None for one in seen) / max(len(seen), 1),
        postures={name: counts[name] / len(told) for name in POSTURES} if told else None,
        sightings=[
            None if one is None else replace(one, keypoints=smooth[t].astype(np.float32))
            for t, one in enumerate(seen)
        ],
    )


def stacked(seen: Sequence[Sighting | None]) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, K, 3) and the boxes' diagonals (T,), NaN where there is no dog."""
    count = next((len(one.keypoints) for one in seen if one is not None), 0)
    points = np.full((len(seen), count, 3), np.nan)
    sizes = np.full(len(seen), np.nan)
    for t, one in enumerate(seen):
        if one is not None:
            points[t] = one.keypoints
            x0, y0, x1, y1 = one.box
            sizes[t] = np.hypot(x1 - x0, y1 - y0)
    return points, sizes


def joined_looks(seen: Sequence[Sighting | None], times: np.ndarray) -> np.ndarray:
    """(T - 1,) whether a look and the next are of one dog in one go: its boxes overlap, and no more
    than two looks are missing between."""
    spans = np.diff(times)
    longest = _LONGEST_STEP * float(np.median(spans)) if len(spans) else 0.0
    return np.array(
        [
            one is not None
            and other is not None
            and bool(span <= longest)
            and overlap(one.box, other.box) >= _SAME_DOG
            for one, other, span in zip(seen, seen[1:], spans, strict=False)
        ],
        bool,
    )


def still_world(
    points: np.ndarray, joined: np.ndarray, motions: np.ndarray | None
) -> tuple[Reference, np.ndarray, np.ndarray]:
    """What movement is told against, for which steps (T - 1,), and where a still point of each look
    lies in the next, as transforms (T - 1, 2, 3).

    The background, where it is known for half of the joined steps at least, for those. Else the
    body: the shift and scale that lay its points on those of the next look best, in squares
    weighted by the lower score. Of one kind throughout, since a walk across the picture counts
    against the background and not against the body.
    """
    if motions is not None:
        known = joined & ~np.isnan(motions).any(axis=(1, 2))
        if known.sum() >= max(1, joined.sum() / 2):
            return "background", known, motions
    own = np.tile(np.eye(2, 3), (len(joined), 1, 1))
    for t in np.flatnonzero(joined):
        both = _both(points[t], points[t + 1])
        if both.any():
            weights = np.minimum(points[t, both, 2], points[t + 1, both, 2])
            own[t] = _fitted(points[t, both, :2], points[t + 1, both, :2], weights)
    return "body", joined, own


def smoothed(
    points: np.ndarray,
    sizes: np.ndarray,
    times: np.ndarray,
    joined: np.ndarray,
    motions: np.ndarray,
) -> np.ndarray:
    """The same points (T, K, 3), trembling less.

    The One Euro filter (Casiez, Roussel and Vogel, CHI 2012) with speeds in body lengths a second,
    in a world that the camera's motion is taken from, run forwards and backwards over each stretch
    in which a point is seen, the mean of both: a live filter drags behind, and a clip is no live
    film. Points that are not seen (a score below 0.3) and gaps stay as they are.
    """
    smooth = points.copy()
    for begin, end in _runs(joined):
        world = _chained(motions[begin : end - 1])
        scales = np.sqrt(np.abs(np.linalg.det(world[:, :2, :2])))
        lengths = sizes[begin:end] / scales
        back = np.linalg.inv(world)
        for k in range(points.shape[1]):
            there = points[begin:end, k, 2] >= DRAWN_FROM
            for first, last in _runs(there[:-1] & there[1:]):
                part, here = slice(first, last), slice(begin + first, begin + last)
                places = _moved(back[part], points[here, k, :2])
                rates = 1 / np.diff(times[here])
                ahead = _one_euro(places, rates, lengths[part])
                behind = _one_euro(places[::-1], rates[::-1], lengths[part][::-1])[::-1]
                smooth[here, k, :2] = _moved(world[part], (ahead + behind) / 2)
    return smooth


def speeds(
    points: np.ndarray,
    sizes: np.ndarray,
    times: np.ndarray,
    joined: np.ndarray,
    motions: np.ndarray,
) -> np.ndarray:
    """(T - 1,) how fast the body moves between looks, in body lengths a second, 0 or more.

    With p_i(t) the place of point i at look t, M_t the still world's motion and L_t the diagonal of
    the box, a point's speed is |p_i(t + 1) - M_t p_i(t)| / (mean(L_t, L_t+1) (t' - t)); a step's is
    the mean over points with a score of 0.3 or more in both looks, weighted by the lower score,
    without the fastest tenth.

    `points` (T, K, 3) x, y in pixels and score, NaN where there is no dog; `sizes` (T,) the
    diagonals in pixels; `joined` and `motions` as `still_world` gives them. NaN where two looks are
    not joined, and where fewer than five points are seen twice.
    """
    found = np.full(max(len(points) - 1, 0), np.nan)
    for t in np.flatnonzero(joined):
        both = _both(points[t], points[t + 1])
        if both.sum() < _LEAST_POINTS:
            continue
        expected = points[t, both, :2] @ motions[t, :, :2].T + motions[t, :, 2]
        moved = np.linalg.norm(points[t + 1, both, :2] - expected, axis=1)
        weights = np.minimum(points[t, both, 2], points[t + 1, both, 2])
        slow = np.argsort(moved)[: max(_LEAST_POINTS, round((1 - _OUTLIERS) * len(moved)))]
        length, span = (sizes[t] + sizes[t + 1]) / 2, times[t + 1] - times[t]
        found[t] = np.average(moved[slow], weights=weights[slow]) / (length * span)
    return found


def mean_speed(steps: np.ndarray, times: np.ndarray) -> float | None:
    """The mean of the steps, each as long as it took, in body lengths a second; the fastest
    twentieth counts as its slowest step. None where less than a second and a half, or less than two
    fifths of the clip, are known."""
    known, spans = ~np.isnan(steps), np.diff(times)
    told = float(spans[known].sum())
    if told < max(_LEAST_SECONDS, _LEAST_SHARE * float(spans.sum())):
        return None
    values = np.minimum(steps[known], np.quantile(steps[known], _CALMEST))
    return float(np.average(values, weights=spans[known]))


def level(speed: float, relative: Reference) -> Level:
    """The highest level that begins at or below a speed, in body lengths a second."""
    return [name for name, begins in LEVELS[relative].items() if speed >= begins][-1]


def _one_euro(places: np.ndarray, rates: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """`places` (n, 2), `rates` (n - 1,) in Hz, `lengths` (n,) of the body, in the places' unit."""
    out = places.astype(np.float64)
    velocity = np.zeros(2)
    for n in range(1, len(places)):
        rate, step = rates[n - 1], places[n] - out[n - 1]
        velocity = velocity + _alpha(_OF_SPEED, rate) * (step * rate / lengths[n] - velocity)
        alpha = _alpha(_AT_REST + _WITH_SPEED * float(np.linalg.norm(velocity)), rate)
        out[n] = out[n - 1] + alpha * step
    return out


def _alpha(cutoff: float, rate: float) -> float:
    """How much of a new value a low-pass filter of this cut-off takes, both in Hz."""
    return 1 / (1 + rate / (2 * np.pi * cutoff))


def _runs(steps: np.ndarray) -> list[tuple[int, int]]:
    """Starts and ends (behind the last) of looks that true steps between them join."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], steps, [False]]).astype(int)))
    return [(int(a), int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _chained(motions: np.ndarray) -> np.ndarray:
    """(n + 1, 3, 3) from the first look to each, of n motions (n, 2, 3) from each to the next."""
    world = np.tile(np.eye(3), (len(motions) + 1, 1, 1))
    for n, motion in enumerate(motions):
        world[n + 1, :2] = motion @ world[n]
    return world


def _moved(matrices: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(n, 2) places, each by its own of (n, 3, 3) matrices."""
    return np.einsum("nij,nj->ni", matrices[:, :2, :2], places) + matrices[:, :2, 2]


def _both(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(K,) which points are seen in both looks."""
    return (before[:, 2] >= DRAWN_FROM) & (after[:, 2] >= DRAWN_FROM)


def _fitted(start: np.ndarray, end: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(2, 3) scale and shift that lay `start` (n, 2) on `end` best, in weighted squares."""
    middle, target = (np.average(part, axis=0, weights=weights) for part in (start, end))
    spread = float((weights[:, None] * (start - middle) ** 2).sum())
    shared = float((weights[:, None] * (start - middle) * (end - target)).sum())
    scale = shared / spread if spread > 0 else 1.0
    return np.column_stack([scale * np.eye(2), target - scale * middle])
