"""Questions about what was computed and what is still to do."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from ml.errors import DataError
from ml.fusion import Fusion, Weights, fixed
from portal.dogs.models import Dog, DogQuerySet, Photo, PhotoQuerySet
from portal.jobs.models import Job
from portal.matching.filters import Filters
from portal.matching.models import (
    Embedding,
    EndedQuery,
    FusionWeights,
    Keypoints,
    Match,
    ModelVersion,
    Query,
    Ranking,
    Rejection,
    Retention,
)

# A page that has just been given its answer is not sent for another one, whatever else happens.
FRESH_FOR = timedelta(seconds=2)
# A new photo's own job gets to it first.
PENDING_AFTER = timedelta(seconds=15)


def digest_of(query_id: uuid.UUID) -> str:
    return hashlib.sha256(query_id.bytes).hexdigest()


def has_ended(query_id: uuid.UUID) -> bool:
    """Whether there was such a query, which has expired or was deleted in the last month."""
    ended = EndedQuery.objects.filter(digest=digest_of(query_id))
    return ended.exists() or Query.objects.expired().filter(pk=query_id).exists()


def retention() -> Retention:
    """How long things of people are kept now; not saved where nobody has chosen."""
    longest = Retention(
        query_hours=settings.QUERY_LIFETIME_HOURS,
        saved_search_days=settings.SAVED_SEARCH_DAYS,
        predictions_days=settings.PREDICTIONS_KEPT_DAYS,
    )
    chosen = Retention.objects.first()
    if chosen is None:
        return longest
    # The installation may have been told to promise less since.
    for name in ("query_hours", "saved_search_days", "predictions_days"):
        setattr(chosen, name, min(getattr(chosen, name), getattr(longest, name)))
    return chosen


def fusion_in_use() -> Fusion:
    """How the parts of a likeness make one: with the weights that were learnt and made active, or
    the fixed ones. One query."""
    chosen = FusionWeights.objects.active().first()
    return _fusion(chosen.weights if chosen else None)


def weights_of(match: Match) -> Fusion:
    """The same, for a match that was read `with_weights`: no query."""
    return _fusion(getattr(match, "learnt_weights", None))


def _fusion(weights: Weights | None) -> Fusion:
    if weights is None:
        return fixed()
    try:
        return fixed().with_weights(weights)
    except DataError:
        # Learnt for parts that an update has changed.
        return fixed()


def active_version() -> ModelVersion | None:
    return ModelVersion.objects.active().first()


def missing_photos(version: ModelVersion) -> PhotoQuerySet:
    """Prepared photos that this version has neither described nor refused.

    Photos not prepared yet are not among them: the job that prepares them describes them too.
    """
    return (
        Photo.objects.shown()
        .exclude(Exists(Embedding.objects.filter(photo=OuterRef("pk"), version=version)))
        .exclude(Exists(Rejection.objects.filter(photo=OuterRef("pk"), version=version)))
    )


def pending_photos() -> list[int]:
    """Photos that wait, or lack the live version's description, and have no open job."""
    photos = Photo.objects.filter(state=Photo.State.WAITING)
    version = active_version()
    if version:
        photos = photos | Photo.objects.filter(pk__in=missing_photos(version).values("pk"))
    old = photos.filter(created_at__lt=timezone.now() - PENDING_AFTER)
    open_jobs = Job.objects.open().filter(kind=Job.Kind.INDEX_PHOTO)
    busy = set(open_jobs.values_list("subject", flat=True))
    return [pk for pk in old.order_by("pk").values_list("pk", flat=True) if str(pk) not in busy]


def unmeasured_faces(version: ModelVersion, measure: int) -> QuerySet[Keypoints]:
    """Described photos whose face has not been measured in this way, `ml.faces.MEASURE`."""
    # A row without the key is none that equals, in every database.
    done = Keypoints.objects.filter(face__measure=measure, pk=OuterRef("pk"))
    return Keypoints.objects.filter(version=version).exclude(Exists(done))


def photos_without_variants() -> PhotoQuerySet:
    """Public photos of which smaller pictures are still to be made, the newest first."""
    bare = Photo.objects.shown().filter(variants__isnull=True, dog__in=Dog.objects.in_shelters())
    return bare.order_by("-pk")


def candidates(filters: Filters, *, lost: bool = False) -> DogQuerySet:
    """Dogs a search may return: adoptable now (or, for a lost dog, in any shelter's public list),
    with a searchable photo, and as wished."""
    dogs = Dog.objects.in_shelters() if lost else Dog.objects.adoptable()
    return filters.apply(dogs.with_searchable_photo()).order_by()


def ranking_is_fresh(ranking: Ranking) -> bool:
    """Whether ranking again would look at the same dogs and photos with the same models.

    Stale is not wrong: matches are shown through `Match.objects.adoptable()` in any case.
    """
    if ranking.ranked_at is None:
        return False
    if ranking.ranked_at > timezone.now() - FRESH_FOR:
        return True
    # Its spec is long, and read for nothing here.
    version = ModelVersion.objects.active().values_list("pk", flat=True).first()
    if version is None or ranking.version_id != version:
        return False
    newest = Embedding.objects.filter(version=version).aggregate(newest=Max("pk"))["newest"]
    if (newest or 0) > ranking.up_to:
        return False
    return not Dog.objects.filter(updated_at__gt=ranking.ranked_at).exists()
