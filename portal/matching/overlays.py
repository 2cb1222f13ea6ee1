"""Overlays of stored photos: the rows of keypoints, drawn by their own version's layout."""

from __future__ import annotations

from collections.abc import Iterable

from portal.dogs.models import Photo
from portal.matching.models import Keypoints, Posture, Query
from portal.matching.overlay import Overlay, draw
from portal.matching.queries import active_version


def query_overlay(query: Query) -> Overlay | None:
    """What is drawn over an adopter's photo; None until something was found in it."""
    if query.version is None:
        return None
    return draw(
        layout=query.version.spec["keypoints"],
        points=query.points,
        box=query.box,
        width=query.width,
        height=query.height,
        traits=traits_of(query),
    )


def traits_of(row: Query | Keypoints) -> list[str]:
    """Posture and view in words; no word for a posture that cannot be told."""
    posture = "" if row.posture == Posture.OTHER else row.get_posture_display()
    return [str(posture), str(row.get_view_display())]


def photo_overlays(photos: Iterable[Photo]) -> dict[int, Overlay]:
    """Overlays by primary key of the photos that the live version has seen. Two queries."""
    version = active_version()
    if version is None:
        return {}
    by_id = {photo.pk: photo for photo in photos}
    drawn: dict[int, Overlay] = {}
    for row in Keypoints.objects.filter(version=version, photo__in=by_id):
        photo = by_id[row.photo_id]
        overlay = draw(
            layout=version.spec["keypoints"],
            points=row.points,
            box=row.box,
            width=photo.width,
            height=photo.height,
            traits=traits_of(row),
        )
        if overlay:
            drawn[row.photo_id] = overlay
    return drawn
