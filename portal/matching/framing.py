"""Which piece of a photo a card shows: the dog, its face above all, not merely the middle.

A card is a 4:5 window over a photo that fills it. Where the window lies is a step of ten per cent,
because the content policy allows classes and no inline styles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portal.dogs.models import Photo
from portal.matching.models import Keypoints
from portal.matching.overlay import MIN_CONFIDENCE
from portal.matching.queries import active_version

WINDOW = 4 / 5


def frames(photos: Iterable[Photo | None]) -> dict[int, str]:
    """CSS classes by primary key, for photos in which the live version saw a dog. Two queries."""
    by_id = {photo.pk: photo for photo in photos if photo}
    version = active_version()
    if version is None or not by_id:
        return {}
    parts = version.spec["keypoints"]["parts"]
    face = [parts.get(name) == "face" for name in version.spec["keypoints"]["names"]]
    found = Keypoints.objects.filter(version=version, photo__in=by_id)
    return {
        photo: frame(points, box, face, by_id[photo].width, by_id[photo].height)
        for photo, points, box in found.values_list("photo_id", "points", "box")
    }


def frame(
    points: Sequence[Sequence[float]],
    box: Sequence[float],
    face: Sequence[bool],
    width: int,
    height: int,
) -> str:
    """`focus-x-30`: the window stands 30 % along the way it can move; "" where it cannot.

    `points` and `box` as in Keypoints; `face` says of each point whether it is one of the face.
    """
    if not width or not height:
        return ""
    shape = width / height
    axis, seen = (0, WINDOW / shape) if shape > WINDOW else (1, shape / WINDOW)
    if seen > 0.95:
        return ""
    middle = (box[axis] + box[axis + 2]) / 2
    sure = [
        p[axis] for p, mine in zip(points, face, strict=True) if mine and p[2] >= MIN_CONFIDENCE
    ]
    wanted = (middle + sum(sure) / len(sure)) / 2 if sure else middle
    along = (wanted - seen / 2) / (1 - seen)
    return f"focus-{'xy'[axis]}-{round(10 * min(1, max(0, along))) * 10}"
