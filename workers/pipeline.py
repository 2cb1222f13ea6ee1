"""From a job to its rows: read, let the models look, store.

What a row means is decided by the portal's services, not here. Every function can be stopped at
any line and run again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ml.analysis import Analysis
from ml.errors import ImageRejected, NoSubject, PawkinError
from portal.clips.models import Clip
from portal.clips.services import fail_clip
from portal.dogs.models import Photo
from portal.dogs.storage import StorageFull
from portal.feeds.archives import fail_archive
from portal.feeds.models import Archive
from portal.insights.services import log_prediction
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Embedding, ModelVersion, Query, Ranking
from portal.matching.queries import candidates, fusion_in_use, photos_without_variants
from portal.tracing import working
from workers import (
    alerts,
    clips,
    duplicates,
    faces,
    feeds,
    fusing,
    people,
    pictures,
    reindexing,
    webhooks,
)
from workers.features import as_bytes, as_rows, as_vectors, rejection_code, store_seen
from workers.keeper import keeper
from workers.runtime import runtime, spec_of
from workers.vectors import A, VectorStore

# Dogs in an answer.
K = 24
# What somebody waits for on a page.
WAITED_FOR = (Job.Kind.ANSWER_QUERY, Job.Kind.RANK)
# So many of them are begun at once, and the networks look at their photos together: eight take a
# third less than one after another, and sixteen would take a tenth less than eight.
TOGETHER = 8
# For this share of a task's time it takes up what waits; then the broker has its say.
GOING_ON = 0.1
# After this smaller pictures wait behind whatever else is in their queue.
VARIANTS_SECONDS = 5.0
# How often versions may be switched under one job before it gives up.
SWITCHES = 3

# Failures of the installation, not of a photo: the photo goes on waiting.
WITHOUT_MODELS = frozenset(
    {
        "no_active_version", "unknown_model", "model_mismatch", "pgvector_missing",
        "pgvector_forbidden",
    }
)  # fmt: skip

log = logging.getLogger(__name__)


class Superseded(Exception):
    """Versions were switched again and again while one job ran."""


def run(job_id: str) -> None:
    """Does a job if it waits, and after a search the others that adopters wait for, without a
    message for each: its way takes as long as a tenth of a search. What goes wrong becomes a job's
    state, never an exception."""
    job = jobs.start(job_id=job_id, worker=keeper.worker)
    started = [] if job is None else [job]
    # The last of them still has nearly all of a task's time.
    until = time.monotonic() + settings.CELERY_TASK_SOFT_TIME_LIMIT * GOING_ON
    while started and work_off(started) and time.monotonic() < until:
        done = started[0]
        if done.kind not in WAITED_FOR:
            return
        started = jobs.start_waiting(
            kinds=WAITED_FOR,
            queue=done.queue,
            worker=keeper.worker,
            step="finding_dog",
            most=TOGETHER,
        )


def work_off(started: Sequence[Job]) -> bool:
    """Does jobs that this worker has started; False where what they need is away, so that they wait
    for later."""
    keeper.jobs = list(started)
    try:
        look_together(started)
        while keeper.jobs:
            do_and_tell(keeper.jobs[0])
            keeper.jobs = keeper.jobs[1:]
    except pictures.Postponed as why:
        for job in keeper.jobs:
            log.warning("Job %s waits: %s", job.pk, why)
            jobs.postpone(job=job)
        return False
    except SoftTimeLimitExceeded:
        # Looking at them together took too long; it is tried with each alone.
        for job in keeper.jobs:
            jobs.put_back(job=job, got_on=False)
        return False
    finally:
        keeper.jobs = []
    return True


def do_and_tell(job: Job) -> None:
    begun = time.perf_counter()
    with working(job=str(job.pk), request=job.request):
        do(job)
        milliseconds = round(1000 * (time.perf_counter() - begun))
        # Not what it was about: an adopter's search leaves nothing in a log.
        log.info(
            "%s %s %s ms",
            job.kind,
            job.state,
            milliseconds,
            extra={"kind": job.kind, "state": job.state, "milliseconds": milliseconds},
        )


def do(job: Job) -> None:
    """Does a job that this worker has started."""
    try:
        WORK[job.kind](job)
    except PawkinError as error:
        give_up(job, error.code, str(error))
    except MemoryError:
        # It would need as much the next time.
        log.exception("%s needs more memory than this worker may take", job.kind)
        give_up(job, "too_heavy", "TASK_MEMORY_MB says how much a worker may take.")
    except Exception as error:
        log.exception("%s failed at its attempt %s", job.kind, job.attempts)
        late = isinstance(error, SoftTimeLimitExceeded)
        # Nobody is let wait for a photo or a search so long again.
        if job.attempts < jobs.MAX_ATTEMPTS and not (late and job.kind != Job.Kind.REINDEX):
            jobs.put_back(job=job, got_on=False)
        else:
            code = "timed_out" if late else "failed_inside"
            give_up(job, code, f"{type(error).__name__}: {error}")


def sweep() -> None:
    """Sends lost jobs again and settles those that are lost for good."""
    emptied = jobs.emptied_queues()
    with transaction.atomic():
        settle(jobs.sweep(emptied=emptied).failed)


def reclaim(worker: str) -> None:
    """Takes up what this worker's predecessor was doing when it ended."""
    with transaction.atomic():
        settle(jobs.reclaim(worker=worker).failed)


def give_up(job: Job, code: str, detail: str) -> None:
    with transaction.atomic():
        if jobs.fail(job=job, code=code, detail=detail):
            settle([job])


def settle(failed: Sequence[Job]) -> None:
    """Tells photos, clips and searches that their job has failed for good."""
    for job in failed:
        code = job.error_code
        if job.kind == Job.Kind.ANSWER_QUERY:
            for query in Query.objects.filter(pk=job.subject):
                without = code in WITHOUT_MODELS
                services.fail_query(query=query, code="no_active_version" if without else code)
        elif job.kind == Job.Kind.PREVIEW_IMPORT:
            for archive in Archive.objects.filter(pk=job.subject):
                fail_archive(archive=archive, code=code)
        elif job.kind == Job.Kind.INDEX_PHOTO and code not in WITHOUT_MODELS:
            for photo in Photo.objects.filter(pk=job.subject):
                services.fail_photo(photo=photo, code=code)
        elif job.kind == Job.Kind.WATCH_CLIP and code not in WITHOUT_MODELS:
            for clip in Clip.objects.filter(pk=job.subject):
                fail_clip(clip=clip, code=code)


def index_photo(job: Job) -> None:
    """Prepares a listed photo and has the live version describe it."""
    for _ in range(SWITCHES):
        photo = Photo.objects.filter(pk=job.subject).first()
        version = live_version()
        if photo is None or photo.state == Photo.State.UNREADABLE:
            break
        if Embedding.objects.filter(photo=photo, version=version).exists():
            break
        try:
            image = pictures.read(photo)
        except ImageRejected as error:
            services.refuse_photo(photo=photo, code=error.code)
            break
        [seen] = runtime.analyser(version).analyse([image])
        if not photo.image:
            pictures.store_for_photo(photo, image)
        if store_seen(photo, version, image, seen):
            break
    else:
        raise Superseded
    jobs.finish(job=job)


def make_variants(job: Job) -> None:
    """Smaller pictures of the photos that lack them, a slice at a time; a photo that cannot be read
    any more goes without."""
    until = time.monotonic() + VARIANTS_SECONDS
    done = job.done
    while photo := photos_without_variants().first():
        try:
            pictures.make_variants(photo)
        except StorageFull:
            # The schedule begins anew in a while.
            break
        except (PawkinError, OSError):
            log.exception("Photo %s goes without smaller pictures", photo.pk)
        done += 1
        if not jobs.beat(job=job, step="pictures", done=done):
            return
        if time.monotonic() > until:
            jobs.put_back(job=job, got_on=True)
            return
    jobs.finish(job=job)


def crop_photo(job: Job) -> None:
    """Cuts a photo as its staff drew it; what cannot be cut stays whole."""
    photo = Photo.objects.filter(pk=job.subject).first()
    if photo is not None and photo.crop:
        drawn = Photo.objects.filter(pk=photo.pk)
        # Where the work is Postponed, the crop waits with it.
        try:
            pictures.crop(photo)
        except ImageRejected as error:
            # What is left would be no photo; staff read why under the whole one.
            drawn.update(crop=None, error_code=error.code)
        except Exception:
            drawn.update(crop=None)
            raise
        else:
            drawn.update(crop=None)
    jobs.finish(job=job)


def answer_query(job: Job) -> None:
    """Looks at an adopter's photo and ranks the dogs under the filters asked for."""
    query = Query.objects.filter(pk=job.subject, error_code="").first()
    if query is not None and is_seen(query, job):
        for ranking in query.rankings.filter(ranked_at=None):
            rank_dogs(ranking, job)
    if query is not None:
        log_prediction(query=query)
    jobs.finish(job=job)


def rank(job: Job) -> None:
    """Ranks again: under new filters, or because dogs have come and gone."""
    ranking = Ranking.objects.select_related("query").filter(pk=job.subject).first()
    if ranking is not None:
        rank_dogs(ranking, job)
    jobs.finish(job=job)


def live_version() -> ModelVersion:
    # Its spec is long, and read once a process (workers.runtime.spec_of).
    version = ModelVersion.objects.active().defer("spec").first()
    if version is None:
        raise PawkinError("no_active_version", "Start a worker that has models.")
    return version


def look_together(started: Sequence[Job]) -> None:
    """Describes the photos of several searches at once, as far as that goes. What is not described
    afterwards, for whatever reason, is looked at alone and told there."""
    searches = [job.subject for job in started if job.kind == Job.Kind.ANSWER_QUERY]
    if len(searches) < 2:
        return
    try:
        version, images = live_version(), {}
        for query in Query.objects.to_describe().filter(pk__in=searches):
            with suppress(PawkinError):
                images[query] = pictures.read(query)
        seen = runtime.analyser(version).analyse(list(images.values()))
        for (query, image), one in zip(images.items(), seen, strict=True):
            if not isinstance(one, NoSubject):
                store_query(query, version, image, one)
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        log.exception("Photos could not be looked at together, and are one by one")


def is_seen(query: Query, job: Job) -> bool:
    """Whether a version has described the photo, now or before; False as `look_at`."""
    return query.version_id is not None or look_at(query, live_version(), job)


def look_at(query: Query, version: ModelVersion, job: Job) -> bool:
    """Describes the adopter's photo; False when there is nothing to rank (the query says why)."""
    try:
        image = pictures.read(query)
    except ImageRejected as error:
        services.fail_query(query=query, code=error.code)
        return False
    jobs.beat(job=job, step="finding_dog")
    if query.subject == Query.Subject.PERSON:
        return people.look_at(query, version, image)
    [seen] = runtime.analyser(version).analyse([image])
    if isinstance(seen, NoSubject):
        if query.subject == Query.Subject.DOG_OR_PERSON:
            return people.look_at(query, version, image, seen)
        services.fail_query(query=query, code=rejection_code(seen))
        return False
    return store_query(query, version, image, seen)


def store_query(query: Query, version: ModelVersion, image: np.ndarray, seen: Analysis) -> bool:
    """Keeps what was seen in an adopter's photo, and the picture that is shown of it; False when
    the search is gone."""
    if not query.image:
        pictures.store_for_query(query, image)
    vector, points, box = as_rows(seen, image)
    return services.store_query_features(
        query=query,
        version=version,
        vector=vector,
        points=points,
        box=box,
        breeds=seen.breeds.likely if seen.breeds else (),
        posture=seen.posture or "",
        view=seen.view or "",
        coat=as_bytes(seen.coat),
    )


def rank_dogs(ranking: Ranking, job: Job) -> None:
    """Ranks with the live version, again if another one goes live meanwhile."""
    for _ in range(SWITCHES):
        version = live_version()
        query = ranking.query
        # A face's proportions are those of any version, and its photo is gone.
        old = query is not None and query.face is None and query.version_id != version.pk
        if query and old and not look_at(query, version, job):
            return
        if compare(ranking, version, job) or not Ranking.objects.filter(pk=ranking.pk).exists():
            return
    raise Superseded


def compare(ranking: Ranking, version: ModelVersion, job: Job) -> bool:
    """Searches among the candidates and stores the matches; False when that came to nothing."""
    ranked_at = timezone.now()
    lost = ranking.query is not None and ranking.query.lost
    dogs = candidates(Filters.from_canonical(ranking.filters), lost=lost)
    store = runtime.vectors(version)
    if ranking.dog_id is not None:
        dogs = dogs.exclude(pk=ranking.dog_id)
    allowed = store.allowed(dogs)
    jobs.beat(job=job, step="comparing", total=len(allowed))
    if ranking.query is not None and ranking.query.face is not None:
        hits = people.alike(ranking.query.face, version, K, allowed.dogs())
    else:
        hits = alike(ranking, version, store, allowed)
    return services.store_matches(
        ranking=ranking,
        version=version,
        hits=hits,
        candidates=len(allowed),
        up_to=store.up_to,
        ranked_at=ranked_at,
    )


def alike(
    ranking: Ranking, version: ModelVersion, store: VectorStore[A], allowed: A
) -> list[services.Found]:
    """The K dogs among the allowed ones that are most alike: the appearance chooses a shortlist,
    and all parts of the likeness put it in order. Without other parts that count, or where the
    appearance is all that is known, nothing more is read than the index."""
    vectors = source_vectors(ranking, version)
    query, mode = ranking.query, ranking.mode
    weights, likeness = fusion_in_use(), spec_of(version.fingerprint).likeness
    if not weights.is_fusing(mode):
        hits = store.search(vectors, K, allowed)
        return [fusing.found(hit, hit.score, likeness) for hit in hits]
    hits = store.search(vectors, fusing.SHORTLIST, allowed)
    listed = runtime.looks(version)
    if query is not None:
        source = fusing.of_query(query, listed)
    else:
        source = fusing.of_dog(ranking.dog_id or 0, version, listed)
    return fusing.order(hits, source, listed, likeness, weights, mode, K)


def source_vectors(ranking: Ranking, version: ModelVersion) -> np.ndarray:
    """(m, 128) float32: of the adopter's photo, or of all photos of the listed dog."""
    if ranking.query is not None:
        return as_vectors([ranking.query.vector] if ranking.query.vector else [])
    of_dog = Embedding.objects.filter(photo__dog=ranking.dog_id, version=version)
    return as_vectors(of_dog.order_by("pk").values_list("vector", flat=True))


WORK: dict[str, Callable[[Job], None]] = {
    Job.Kind.INDEX_PHOTO: index_photo,
    Job.Kind.ANSWER_QUERY: answer_query,
    Job.Kind.RANK: rank,
    Job.Kind.REINDEX: reindexing.reindex,
    Job.Kind.IMPORT_FEED: feeds.import_feed,
    Job.Kind.ALERT: alerts.alert,
    Job.Kind.DELIVER: webhooks.deliver,
    Job.Kind.CROP_PHOTO: crop_photo,
    Job.Kind.MAKE_VARIANTS: make_variants,
    Job.Kind.PREVIEW_IMPORT: feeds.preview_import,
    Job.Kind.FIND_DUPLICATES: duplicates.find_duplicates,
    Job.Kind.MEASURE_FACES: faces.measure_faces,
    Job.Kind.WATCH_CLIP: clips.watch_clip,
}
