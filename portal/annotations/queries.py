"""Which photo comes next, how far a shelter is, and what the live version guesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from ml.teaching import doubt
from portal.annotations.models import Annotation
from portal.dogs.models import Photo, PhotoQuerySet
from portal.matching.models import Keypoints, ModelVersion
from portal.matching.queries import active_version

if TYPE_CHECKING:
    from portal.accounts.models import User

# Of so many photos, the newest, the one that the live version is least sure of comes next.
LOOKED_AT = 200


@dataclass(frozen=True)
class Progress:
    """Photos that a person may annotate, those of them that anybody has, and those that this
    person left out."""

    photos: int
    annotated: int
    skipped: int

    @property
    def percent(self) -> int:
        return round(100 * self.annotated / self.photos) if self.photos else 0


@dataclass(frozen=True)
class Guess:
    """What the live version sees in a photo: places by name, [x, y, score], and the box."""

    points: dict[str, list[float]]
    box: list[float]


def annotatable(user: User) -> PhotoQuerySet:
    """Photos of one's own shelters' dogs, whatever their status, that have a picture to show."""
    return Photo.objects.editable_by(user).shown()


def next_photo(user: User) -> Photo | None:
    """What this person is to annotate next; None when they have seen every photo.

    Photos that nobody annotated come first, then those of others (their second opinion tells how
    well people agree). Of the newest 200 of these, the one whose points the live version is least
    sure of; one in which it sees no dog comes last.
    """
    mine = Annotation.objects.filter(photo=OuterRef("pk"), by=user)
    anybodys = Annotation.objects.complete().filter(photo=OuterRef("pk"))
    unseen = annotatable(user).exclude(Exists(mine)).order_by("-pk")
    for photos in (unseen.exclude(Exists(anybodys)), unseen):
        newest = list(photos.values_list("pk", flat=True)[:LOOKED_AT])
        if newest:
            first = least_sure(newest, active_version())
            return Photo.objects.select_related("dog").filter(pk=first).first()
    return None


def least_sure(photo_ids: list[int], version: ModelVersion | None) -> int:
    """The photo with the most doubtful points; of equal ones, and where there are no points at all,
    the first."""
    rows = Keypoints.objects.filter(version=version, photo__in=photo_ids) if version else []
    seen = {row.photo_id: [score for _x, _y, score in row.points] for row in rows}
    doubts = dict(zip(seen, doubt(list(seen.values())), strict=True)) if seen else {}
    return max(photo_ids, key=lambda pk: doubts.get(pk, -1.0))


def progress(user: User) -> Progress:
    photos = annotatable(user)
    return Progress(
        photos=photos.count(),
        annotated=photos.filter(
            Exists(Annotation.objects.complete().filter(photo=OuterRef("pk")))
        ).count(),
        skipped=photos.filter(
            Exists(Annotation.objects.filter(photo=OuterRef("pk"), by=user, skipped=True))
        ).count(),
    )


def guess_of(photo: Photo) -> Guess | None:
    """What the live version sees; None where it saw no dog, or has not looked yet."""
    version = active_version()
    row = Keypoints.objects.filter(photo=photo, version=version).first() if version else None
    if version is None or row is None:
        return None
    names: list[str] = version.spec["keypoints"]["names"]
    return Guess(dict(zip(names, row.points, strict=True)), row.box)
