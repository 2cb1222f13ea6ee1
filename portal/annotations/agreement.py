"""How well people agree who annotated the same photo: the most that a model can be measured to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, groupby
from math import hypot
from operator import attrgetter

from django.db.models import Count

from portal.annotations.models import Annotation

NEAR, AROUND = 0.05, 0.1


@dataclass(frozen=True)
class Agreement:
    """Over all pairs of annotations of one photo; shares are 0 to 1, None where nothing compares.

    `near` and `around` are pck@0.05 and pck@0.1: of the points that both call visible, those at
    most that part of the box's longer side apart (of the mean of both boxes' longer sides).
    """

    photos: int
    pairs: int
    points: int
    near: float | None
    around: float | None
    posture: float | None
    view: float | None


def agreement(shelter: str = "") -> Agreement:
    """Of all photos that several people annotated, or of those of one shelter, by its slug."""
    told = Annotation.objects.complete().order_by()
    if shelter:
        told = told.filter(photo__dog__shelter__slug=shelter)
    several = told.values("photo").annotate(people=Count("pk")).filter(people__gte=2)
    rows = told.filter(photo__in=several.values("photo")).select_related("photo")
    return compare(rows.order_by("photo", "pk").iterator(chunk_size=500))


def compare(annotations: Iterable[Annotation]) -> Agreement:
    """`annotations` by photo."""
    photos = 0
    postures: list[bool] = []
    views: list[bool] = []
    distances: list[float] = []
    for _photo, group in groupby(annotations, key=attrgetter("photo_id")):
        photos += 1
        for one, other in combinations(group, 2):
            postures.append(one.posture == other.posture)
            views.append(one.view == other.view)
            distances += apart(one, other)
    return Agreement(
        photos=photos,
        pairs=len(postures),
        points=len(distances),
        near=share([distance <= NEAR for distance in distances]),
        around=share([distance <= AROUND for distance in distances]),
        posture=share(postures),
        view=share(views),
    )


def apart(one: Annotation, other: Annotation) -> list[float]:
    """Distances of the points that both call visible, over the box's longer side."""
    side = (max(one.frame[2:]) + max(other.frame[2:])) / 2
    return [
        hypot(x - u, y - w) / side
        for (x, y, v), (u, w, seen) in zip(one.pixels, other.pixels, strict=True)
        if v == seen == 2
    ]


def share(values: list[bool]) -> float | None:
    return sum(values) / len(values) if values else None
