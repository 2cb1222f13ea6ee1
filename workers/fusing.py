"""From the dogs that look most alike to those that are: the whole likeness, on a shortlist.

An index compares appearances only, which are one vector a photo. The other parts (`ml.fusion`) are
read of the photos that it found (`workers.looks`), and put these in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ml import fusion
from ml.fusion import Fusion, Looks
from ml.index import Hit
from ml.spec import Likeness
from portal.matching import services
from portal.matching.models import Embedding, ModelVersion, Query
from workers.looks import ListedLooks, as_coat, on_picture

SHORTLIST = 100
"""Dogs that the appearance chooses for the other parts to put in order. On 712 shelter photos
half as many held all of the 24 best."""

# A listed dog is compared by so many of its photos at most.
SOURCE_PHOTOS = 8


def of_query(query: Query, listed: ListedLooks) -> Looks:
    """What is known of the dog in an adopter's photo besides its appearance."""
    points = on_picture(query.points or [], query.width, query.height)
    return listed.of_points(points, as_coat(query.coat), dict(query.breeds or []), query.view)


def of_dog(dog_id: int, version: ModelVersion, listed: ListedLooks) -> Looks:
    """The same of a listed dog's photos, the oldest of them."""
    photos = Embedding.objects.filter(version=version, photo__dog=dog_id).order_by("pk")
    return listed.of(list(photos.values_list("photo_id", flat=True)[:SOURCE_PHOTOS]))


def order(
    hits: Sequence[Hit],
    source: Looks,
    listed: ListedLooks,
    likeness: Likeness,
    weights: Fusion,
    mode: str,
    k: int,
) -> list[services.Found]:
    """The best k of the hits as dogs of an answer, by the whole likeness, best first.

    Reading keypoints is most of the work, so where they do not move the order they are read of the
    best k only, for what is told of these.
    """
    if not hits:
        return []
    photos = [hit.id for hit in hits]
    cosines = np.array([hit.score for hit in hits])
    built = any(weights.weights[mode][part] > 0 for part in ("body", "face"))
    parts = fusion.compare(cosines, source, listed.of(photos, built=built))
    fused = weights.fused(parts, mode)
    best = np.argsort(-fused, kind="stable")[:k]
    if built:
        told = parts[best]
    else:
        others = listed.of([photos[place] for place in best])
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
