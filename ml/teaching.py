"""Which unlabelled photos would teach the keypoint network most.

Pool-based uncertainty sampling (Settles, Active Learning Literature Survey, 2009): what a network
is unsure of teaches more than what it knows. Two signs of that are at hand without a label: its
scores, and whether it sees the mirror image as the photo's (a network that was certain would, as
query by committee has it with a committee of two). Alone they pick the same kind of photo again
and again, so variety is chosen as the greedy core-set does (Sener & Savarese, Active Learning for
Convolutional Neural Networks, 2018).

NumPy only, so that the web side can use it too.
"""

from collections.abc import Sequence

import numpy as np

from ml.geometry import DRAWN_FROM

FAR = 0.1
"""Of the box's longer side: two points farther apart than that are simply not the same, as in
pck@0.1."""


def doubt(scores: np.ndarray | Sequence[Sequence[float]]) -> np.ndarray:
    """(n,), 0 to 1: which share of the points drawn is wrong, by the network's own word.

    `scores` (n, K) are those of n dogs' points, 0 to 1: close to the chance that a point is right.
    So it is one minus their mean over the points that count as seen, 1 where none does. Points that
    are not drawn do not count: mostly they are not in the picture.
    """
    values = np.asarray(scores, np.float64)
    drawn = values >= DRAWN_FROM
    number = drawn.sum(1)
    right = np.where(drawn, values, 0).sum(1) / np.maximum(number, 1)
    return 1 - right


def disagreement(points: np.ndarray, mirrored: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """(n,), 0 to 1: how differently the same points are seen in a photo and in its mirror image.

    `points` and `mirrored` (n, K, 3) are x, y, score, both in the photo's pixels and in one order,
    so those of the mirror image mirrored back with left and right exchanged; `sides` (n,) are the
    boxes' longer sides in pixels. The mean of the distances over a tenth of the side, 1 at most,
    each with the weight of its two scores.
    """
    apart = np.linalg.norm(points[..., :2] - mirrored[..., :2], axis=-1)
    relative = np.minimum(apart / (FAR * np.maximum(sides, 1e-9))[:, None], 1)
    weights = points[..., 2] + mirrored[..., 2]
    return (weights * relative).sum(1) / np.maximum(weights.sum(1), 1e-9)


def teaches(points: np.ndarray, mirrored: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """(n,), 0 to 1: what a label would tell about each dog, as far as the network can say.

    The mean of `doubt`, on both looks' mean scores, and `disagreement`; arguments as there.
    """
    scores = (points[..., 2] + mirrored[..., 2]) / 2
    return (doubt(scores) + disagreement(points, mirrored, sides)) / 2


def varied(worth: np.ndarray, vectors: np.ndarray, number: int) -> list[int]:
    """The places of the `number` photos to label first, unlike one another.

    `worth` (n,) is what each teaches, `vectors` (n, d) are unit vectors of its looks. First the one
    that teaches most, then each time the one of which worth times distance (1 - cosine) to the
    nearest photo already chosen is largest; a copy of a chosen one comes after all others.
    """
    count = min(number, len(worth))
    chosen: list[int] = []
    distance = np.ones(len(worth))
    left = np.ones(len(worth), bool)
    for _ in range(count):
        place = int(np.argmax(np.where(left, worth * distance, -1)))
        chosen.append(place)
        left[place] = False
        distance = np.minimum(distance, np.clip(1 - vectors @ vectors[place], 0, 1))
    return chosen
