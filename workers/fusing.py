"""From the dogs that look most alike to those that are: the whole likeness, on a shortlist.

An index compares appearances only, which are one vector a photo. The other parts (`ml.fusion`) are
read from the rows of the photos that it found, in two queries, and put these in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.db.models import QuerySet

from ml import fusion
from ml.fusion import Fusion, Looks
from ml.index import Hit
from ml.spec import Likeness
from portal.matching import services
from portal.matching.models import Embedding, Keypoints, ModelVersion, Query
from workers.runtime import spec_of

SHORTLIST = 100
"""Dogs that the appearance chooses for the other parts to put in order. On 712 shelter photos
half as many held all of the 24 best."""

# A listed dog is compared by so many of its photos at most.
SOURCE_PHOTOS = 8

_COAT = np.dtype("<f4")


def of_query(query: Query, version: ModelVersion) -> Looks:
    """What is known of the dog in an adopter's photo besides its appearance."""
    points = _on_picture(query.points or [], query.width, query.height)
    return fusion.looks(
        _ordered([points], version),
        [as_coat(query.coat)],
        [dict(query.breeds or [])],
        [query.view],
    )


def of_dog(dog_id: int, version: ModelVersion) -> Looks:
    """The same of a listed dog's photos, the oldest of them."""
    photos = Embedding.objects.filter(version=version, photo__dog=dog_id).order_by("pk")
    return of_photos(list(photos.values_list("photo_id", flat=True)[:SOURCE_PHOTOS]), version)


def of_photos(photos: Sequence[int], version: ModelVersion, *, built: bool = True) -> Looks:
    """Of listed photos, in this order; what has no rows is known by nothing. Two queries, one
    where it does not matter how the dogs are `built`."""
    seen = {
        row[0]: row for row in _rows(Embedding.objects.all(), photos, version, "coat", "breeds")
    }
    sizes = ("points", "view", "photo__width", "photo__height")
    points = _rows(Keypoints.objects.all(), photos, version, *sizes) if built else ()
    measured = {row[0]: row for row in points}
    nothing: tuple[int, list[list[float]], str, int, int] = (0, [], "", 1, 1)
    found = [measured.get(photo, nothing) for photo in photos]
    described = [seen.get(photo, (photo, None, None)) for photo in photos]
    return fusion.looks(
        _ordered([_on_picture(points, w, h) for _, points, _, w, h in found], version),
        [as_coat(coat) for _, coat, _ in described],
        [dict(breeds or []) for _, _, breeds in described],
        [view for _, _, view, _, _ in found],
    )


def order(
    hits: Sequence[Hit], source: Looks, version: ModelVersion, weights: Fusion, mode: str, k: int
) -> list[services.Found]:
    """The best k of the hits as dogs of an answer, by the whole likeness, best first.

    Reading keypoints is most of the work, so where they do not move the order they are read of the
    best k only, for what is told of these.
    """
    likeness = spec_of(version.fingerprint).likeness
    if not hits:
        return []
    photos = [hit.id for hit in hits]
    cosines = np.array([hit.score for hit in hits])
    built = any(weights.weights[mode][part] > 0 for part in ("body", "face"))
    parts = fusion.compare(cosines, source, of_photos(photos, version, built=built))
    fused = weights.fused(parts, mode)
    best = np.argsort(-fused, kind="stable")[:k]
    if built:
        told = parts[best]
    else:
        others = of_photos([photos[place] for place in best], version)
        told = fusion.compare(cosines[best], source, others)
    return [
        found(hits[place], float(fused[place]), likeness, fusion.named(row))
        for place, row in zip(best.tolist(), told, strict=True)
    ]


def found(
    hit: Hit, similarity: float, likeness: Likeness, parts: Mapping[str, float] | None = None
) -> services.Found:
    return services.Found(
        dog_id=hit.group,
        photo_id=hit.id,
        similarity=similarity,
        score=round(likeness.score(similarity)),
        band=likeness.band(similarity),
        parts=parts,
    )


def as_coat(row: bytes | memoryview | None) -> np.ndarray | None:
    return None if row is None else np.frombuffer(bytes(row), _COAT)


def _rows(
    rows: QuerySet[Any], photos: Sequence[int], version: ModelVersion, *columns: str
) -> QuerySet[Any, Any]:
    return rows.filter(version=version, photo__in=photos).values_list("photo_id", *columns)


def _on_picture(points: Sequence[Sequence[float]], width: int, height: int) -> np.ndarray:
    """(K, 3) in pixels, of points in fractions of the picture."""
    placed = np.array(points, np.float64).reshape(-1, 3)
    placed[:, :2] *= (width, height)
    return placed


def _ordered(points: Sequence[np.ndarray], version: ModelVersion) -> np.ndarray:
    names = spec_of(version.fingerprint).keypoints.names
    table = np.zeros((len(points), len(names), 3))
    for row, placed in enumerate(points):
        if len(placed) == len(names):
            table[row] = placed
    return fusion.ordered(names, table)
