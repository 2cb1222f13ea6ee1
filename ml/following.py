"""One dog through the frames of a clip: where it is, its points, how it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ml.errors import NoSubject
from ml.pose import PoseEstimator
from ml.subject import Box, SubjectFinder
from ml.traits import Posture

# Frames at once: as many as the networks take.
_BATCH = 16
# Boxes that overlap by less are not of the same moment of the same dog.
_SAME = 0.3


@dataclass(frozen=True, eq=False)
class Sighting:
    """The dog in one frame: `box` x0, y0, x1, y1 in pixels, `keypoints` (K, 3) float32 (x, y in
    pixels, score 0 to 1), `posture` None where the network tells none."""

    box: Box
    keypoints: np.ndarray
    posture: Posture | None = None


def follow(
    finder: SubjectFinder,
    pose: PoseEstimator,
    frames: Sequence[np.ndarray],
    told: Callable[[int], None] = lambda done: None,
) -> list[Sighting | None]:
    """The most prominent dog of each frame, (H, W, 3) uint8 RGB each; None where there is none.

    Each frame is looked at by itself, and the boxes are made steady before the points are looked
    for, since a box that trembles makes points tremble. `told` hears how many frames are done, of
    twice as many as there are.
    """
    boxes: list[Box | None] = []
    for start in range(0, len(frames), _BATCH):
        found = finder.find(frames[start : start + _BATCH])
        boxes += [None if isinstance(one, NoSubject) else one.box for one in found]
        told(len(boxes))
    boxes = steady(boxes)
    places = [place for place, box in enumerate(boxes) if box is not None]
    seen: list[Sighting | None] = [None] * len(frames)
    for start in range(0, len(places), _BATCH):
        part = places[start : start + _BATCH]
        own = [box for place in part if (box := boxes[place]) is not None]
        points, traits = pose.describe([frames[place] for place in part], own)
        for place, box, dog, trait in zip(part, own, points, traits, strict=True):
            seen[place] = Sighting(box, dog, trait.posture if trait else None)
        told(len(frames) + part[-1] + 1)
    return seen


def steady(boxes: Sequence[Box | None]) -> list[Box | None]:
    """Each side the median of the box's and those of the frames before and after it, as far as they
    overlap: what jumps for one frame is put right, and what moves goes on moving."""
    return [
        None if box is None else _median([box, *_same(box, boxes[max(t - 1, 0) : t + 2])])
        for t, box in enumerate(boxes)
    ]


def _same(box: Box, near: Sequence[Box | None]) -> list[Box]:
    # With itself among them there are two at least, and the middle of two is their mean.
    return [one for one in near if one is not None and one != box and overlap(box, one) >= _SAME]


def _median(boxes: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = (float(side) for side in np.median(np.array(boxes), axis=0))
    return x0, y0, x1, y1


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    if wide <= 0 or high <= 0:
        return 0.0
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return wide * high / (both - wide * high)
