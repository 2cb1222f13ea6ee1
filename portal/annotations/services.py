"""Writes on annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from ml.errors import PawkinError
from ml.skeleton import KEYPOINTS
from portal.accounts.models import User
from portal.annotations.models import MOST_DOGS, Annotation
from portal.dogs.models import Photo
from portal.matching.models import Posture, View

# As COCO has them: not to be placed, hidden and yet clear, visible.
VISIBILITIES = (0, 1, 2)
# Of a picture: a twentieth of a pixel of the largest.
PLACES = 5


class AnnotationRefused(PawkinError):
    """Codes: annotation_invalid, photo_gone."""


@transaction.atomic
def save_annotation(
    *,
    photo: Photo,
    by: User,
    points: Sequence[Sequence[float]],
    box: Sequence[float],
    posture: str,
    view: str,
    n_dogs: int,
) -> Annotation:
    """Stores what a person says of a photo, in place of what they said before; all as in
    Annotation. Raises AnnotationRefused."""
    marked = [clean_point(point) for point in points]
    what = {
        "skipped": False,
        "points": marked,
        "box": clean_box(box),
        "posture": posture,
        "view": view,
        "n_dogs": n_dogs,
    }
    if len(points) != len(KEYPOINTS) or not any(v for _x, _y, v in marked):
        raise invalid(f"{len(points)} points")
    if posture not in Posture.values or view not in View.values or not 1 <= n_dogs <= MOST_DOGS:
        raise invalid(f"{posture!r}, {view!r}, {n_dogs} dogs")
    return _write(photo, by, what)


@transaction.atomic
def skip_photo(*, photo: Photo, by: User) -> Annotation:
    """Remembers that a person finds nothing to annotate in a photo, in place of what they said
    before. Raises AnnotationRefused."""
    nothing = {"points": None, "box": None, "posture": "", "view": "", "n_dogs": 0}
    return _write(photo, by, {"skipped": True, **nothing})


def delete_annotation(*, photo: Photo, by: User) -> bool:
    """Forgets what a person said of a photo, so that it is theirs to annotate again."""
    deleted, _rows = Annotation.objects.filter(photo=photo, by=by).delete()
    return bool(deleted)


def clean_point(point: Sequence[float]) -> list[float]:
    x, y, v = point
    if v not in VISIBILITIES or not (0 <= x <= 1 and 0 <= y <= 1):
        raise invalid(str(list(point)))
    return [round(x, PLACES), round(y, PLACES), int(v)] if v else [0, 0, 0]


def clean_box(box: Sequence[float]) -> list[float]:
    x0, y0, x1, y1 = rounded = [round(side, PLACES) for side in box]
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise invalid(str(list(box)))
    return rounded


def invalid(detail: str) -> AnnotationRefused:
    return AnnotationRefused("annotation_invalid", "Look at the points again.", detail)


def _write(photo: Photo, by: User, what: dict[str, Any]) -> Annotation:
    # A crop puts another photo in this one's place.
    if not Photo.objects.select_for_update().filter(pk=photo.pk).exists():
        raise AnnotationRefused("photo_gone", "Take the next photo.", str(photo.pk))
    annotation, _new = Annotation.objects.update_or_create(photo=photo, by=by, defaults=what)
    return annotation
