"""An adopter's photo: taken in, described, and gone with everything when its time is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from django.core.files import File
from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs.storage import delete_on_commit, new_files
from portal.dogs.uploads import read_upload
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.matching.consent import FACE
from portal.matching.filters import Filters
from portal.matching.models import EndedQuery, ModelVersion, Query, Ranking
from portal.matching.queries import digest_of, retention
from portal.matching.services.rankings import get_ranking

# One transaction holds SQLite's only write lock, and searches wait for it.
EXPIRE_AT_ONCE = 100
ENDED_KNOWN_FOR = timedelta(days=30)


def start_query(
    *,
    file: File,
    owner: User | None,
    owner_key: str,
    filters: Filters | None,
    purpose: str = Query.Purpose.SEARCH,
    subject: str = Query.Subject.DOG,
    lost: bool = False,
) -> Query:
    """Keeps a photo privately for its owner and has it answered under these filters; without any,
    it is only looked at, and no dogs are ranked. A person's face is looked at only where `subject`
    says so, which is for callers who have the person's consent. A `lost` dog is looked for among
    all dogs in shelters.

    Raises ImageRejected, and then nothing is stored, for a file whose header is not that of a
    photo we can use; what only its pixels tell comes later as the query's `error_code`.
    """
    upload = read_upload(file)
    expires_at = timezone.now() + timedelta(hours=retention().query_hours)
    with new_files() as files:
        name = files.write(upload.data, folder="queries")
        with transaction.atomic():
            query = Query.objects.create(
                owner=owner,
                owner_key=owner_key,
                purpose=purpose,
                subject=subject,
                lost=lost,
                consent="" if subject == Query.Subject.DOG else FACE.version,
                upload=name,
                expires_at=expires_at,
            )
            if filters is not None:
                get_ranking(query=query, dog=None, filters=filters)
            enqueue(kind=Job.Kind.ANSWER_QUERY, subject=query.pk, queue=Job.Queue.INTERACTIVE)
    return query


def store_query_features(
    *,
    query: Query,
    version: ModelVersion,
    vector: bytes,
    points: Sequence[Sequence[float]],
    box: Sequence[float],
    breeds: Sequence[tuple[str, float]] = (),
    posture: str = "",
    view: str = "",
    coat: bytes | None = None,
) -> bool:
    """Stores what a version saw in the adopter's photo, in place of an older version's view.

    Arguments as for a listed photo; `breeds` are slugs with probabilities. False when the query is
    gone.
    """
    query.version, query.vector = version, vector
    query.points, query.box = [list(point) for point in points], list(box)
    query.breeds = [[slug, round(probability, 4)] for slug, probability in breeds]
    query.posture, query.view, query.coat = posture, view, coat
    seen = ("version", "vector", "points", "box", "breeds", "posture", "view", "coat")
    return _write(query, *seen)


@transaction.atomic
def store_query_face(*, query: Query, version: ModelVersion, ratios: Mapping[str, float]) -> bool:
    """Stores the proportions of a person's face; the photo goes at once. False when the query is
    gone."""
    delete_on_commit([query.upload.name, query.image.name])
    query.version, query.face = version, dict(ratios)
    query.upload.name, query.image.name = "", ""
    return _write(query, "version", "face", "upload", "image")


@transaction.atomic
def store_query_picture(*, query: Query, image: str, width: int, height: int) -> bool:
    """Names the picture made of the upload, whose bytes go. False when the query is gone."""
    upload = query.upload.name
    query.image.name, query.upload.name = image, ""
    query.width, query.height = width, height
    if not _write(query, "image", "upload", "width", "height"):
        return False
    delete_on_commit([upload])
    return True


@transaction.atomic
def fail_query(*, query: Query, code: str) -> None:
    """Says why there is no answer; no file stays."""
    delete_on_commit([query.upload.name, query.image.name])
    query.error_code, query.upload.name, query.image.name = code, "", ""
    _write(query, "error_code", "upload", "image")


def delete_query(*, query: Query) -> None:
    """Deletes the photo and everything computed from it."""
    _delete([query])


def expire_queries() -> int:
    """Deletes queries whose time is over; the number of them."""
    EndedQuery.objects.filter(ended_at__lt=timezone.now() - ENDED_KNOWN_FOR).delete()
    expired = list(Query.objects.expired())
    for first in range(0, len(expired), EXPIRE_AT_ONCE):
        _delete(expired[first : first + EXPIRE_AT_ONCE])
    return len(expired)


@transaction.atomic
def _delete(queries: Iterable[Query]) -> None:
    queries = list(queries)
    ids = [query.pk for query in queries]
    rankings = Ranking.objects.filter(query__in=ids).values_list("pk", flat=True)
    subjects = [str(pk) for pk in [*ids, *rankings]]
    kinds = [Job.Kind.ANSWER_QUERY, Job.Kind.RANK]
    Job.objects.filter(kind__in=kinds, subject__in=subjects).delete()
    # Names are read again: a worker may have made the picture since the caller read the row.
    for upload, image in Query.objects.filter(pk__in=ids).values_list("upload", "image"):
        delete_on_commit([upload, image])
    Query.objects.filter(pk__in=ids).delete()
    EndedQuery.objects.bulk_create(
        [EndedQuery(digest=digest_of(pk)) for pk in ids], ignore_conflicts=True
    )


def _write(query: Query, *names: str) -> bool:
    """Writes these fields of a query if it is still there."""
    changes = {name: getattr(query, name) for name in names}
    return bool(Query.objects.filter(pk=query.pk).update(**changes))
