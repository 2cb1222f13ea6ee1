"""Rankings: the dogs most alike a photo, under one set of filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from portal.dogs.models import Dog, Photo
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.matching.filters import Filters
from portal.matching.models import Match, ModelVersion, Query, Ranking
from portal.matching.queries import ranking_is_fresh

# A page asks again and again; what has just failed is not tried at each of its requests.
AFTER_FAILURE = timedelta(seconds=30)
KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Found:
    """A dog the index returned: by which photo, how alike as a cosine, what is shown of it, and
    where more than its appearance was compared, the parts of `ml.fusion`."""

    dog_id: int
    photo_id: int
    similarity: float
    score: int
    band: str
    parts: Mapping[str, float] | None = None


def rank(*, query: Query | None = None, dog: Dog | None = None, filters: Filters) -> Ranking:
    """The ranking of a query or of a listed dog, sent to a worker unless it is fresh.

    What it holds can be shown at once if `ranked_at` is set. The job, if any, is the newest of
    kind `rank` with the ranking's id, or the query's own `answer_query`.
    """
    ranking = get_ranking(query=query, dog=dog, filters=filters)
    if query is not None and (query.error_code or _is_being_answered(query)):
        return ranking
    if not ranking_is_fresh(ranking) and not _has_just_failed(ranking):
        enqueue(kind=Job.Kind.RANK, subject=ranking.pk, queue=Job.Queue.INTERACTIVE)
    return ranking


def get_ranking(*, query: Query | None, dog: Dog | None, filters: Filters) -> Ranking:
    ranking, _ = Ranking.objects.get_or_create(
        query=query,
        dog=dog,
        filters_key=filters.key(),
        defaults={"filters": filters.canonical()},
    )
    # They are at hand; nobody is to read them again.
    ranking.query, ranking.dog = query, dog
    return ranking


def expire_rankings() -> None:
    """Deletes rankings of listed dogs that nobody has looked at for a day; they are soon made."""
    before = timezone.now() - KEPT_FOR
    Ranking.objects.filter(query=None, created_at__lt=before).exclude(
        ranked_at__gte=before
    ).delete()


@transaction.atomic
def store_matches(
    *,
    ranking: Ranking,
    version: ModelVersion,
    hits: Sequence[Found],
    candidates: int,
    up_to: int,
    ranked_at: datetime,
) -> bool:
    """Replaces a ranking's matches by these, best first, without dogs gone since the search.

    `candidates` is the number of dogs compared, `up_to` the largest embedding id in the index,
    `ranked_at` a time before the candidates were read, so that a later change shows as later.
    False when the ranking is gone or the version is no longer live.
    """
    live = ModelVersion.objects.active().filter(pk=version.pk).exists()
    mine = Ranking.objects.filter(pk=ranking.pk)
    if not live or not mine.update(
        version=version, candidates=candidates, up_to=up_to, ranked_at=ranked_at
    ):
        return False
    shown = Photo.objects.filter(pk__in=[hit.photo_id for hit in hits])
    lost = ranking.query is not None and ranking.query.lost
    listed = shown.filter(dog__in=Dog.objects.in_shelters()) if lost else shown.adoptable()
    searchable = listed.filter(state=Photo.State.SEARCHABLE)
    there = set(searchable.select_for_update(of=("self",)).values_list("pk", flat=True))
    kept = [hit for hit in hits if hit.photo_id in there]
    ranking.matches.all().delete()
    Match.objects.bulk_create(
        Match(
            ranking=ranking,
            rank=number,
            dog_id=hit.dog_id,
            photo_id=hit.photo_id,
            similarity=hit.similarity,
            score=hit.score,
            band=hit.band,
            parts=hit.parts,
        )
        for number, hit in enumerate(kept, start=1)
    )
    ranking.version, ranking.ranked_at = version, ranked_at
    ranking.candidates, ranking.up_to = candidates, up_to
    return True


def _is_being_answered(query: Query) -> bool:
    """The job that describes the photo ranks it under every set of filters asked for so far."""
    return Job.objects.for_subject(Job.Kind.ANSWER_QUERY, query.pk).open().exists()


def _has_just_failed(ranking: Ranking) -> bool:
    job = Job.objects.for_subject(Job.Kind.RANK, ranking.pk).first()
    if job is None or job.state != Job.State.FAILED or job.finished_at is None:
        return False
    return job.finished_at > timezone.now() - AFTER_FAILURE
