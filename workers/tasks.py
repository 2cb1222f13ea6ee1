"""Messages: an id in, one call, nothing out. The row says what to do and what became of it.

The scheduler and the workers' parent processes import this as well; the pipeline with its models
is imported where a task runs.
"""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from portal.api import orphans
from portal.api.purging import empty_journal, purge_expired
from portal.clips.models import Clip
from portal.feeds import services as feeds
from portal.jobs.models import Job
from portal.jobs.services import enqueue, forget
from portal.matching import services
from portal.matching.queries import pending_photos, photos_without_variants
from portal.publishing import services as publishing
from workers import processes as processes

KEPT_FOR = timedelta(days=1)


def run(job_id: str) -> None:
    from workers import pipeline

    pipeline.run(job_id)


index_photo = shared_task(name="workers.tasks.index_photo")(run)
answer_query = shared_task(name="workers.tasks.answer_query")(run)
rank = shared_task(name="workers.tasks.rank")(run)
reindex = shared_task(name="workers.tasks.reindex")(run)
import_feed = shared_task(name="workers.tasks.import_feed")(run)
alert = shared_task(name="workers.tasks.alert")(run)
deliver = shared_task(name="workers.tasks.deliver")(run)
crop_photo = shared_task(name="workers.tasks.crop_photo")(run)
make_variants = shared_task(name="workers.tasks.make_variants")(run)
preview_import = shared_task(name="workers.tasks.preview_import")(run)
find_duplicates = shared_task(name="workers.tasks.find_duplicates")(run)
watch_clip = shared_task(name="workers.tasks.watch_clip")(run)
measure_faces = shared_task(name="workers.tasks.measure_faces")(run)


@shared_task(name="workers.tasks.sweep_jobs")
def sweep_jobs() -> None:
    from workers import pipeline

    pipeline.sweep()


@shared_task(name="workers.tasks.index_missing")
def index_missing() -> None:
    """Photos and clips that wait and that nobody works on, whatever the reason."""
    for pk in pending_photos():
        enqueue(kind=Job.Kind.INDEX_PHOTO, subject=pk, queue=Job.Queue.INTERACTIVE)
    for pk in Clip.objects.unattended().values_list("pk", flat=True):
        enqueue(kind=Job.Kind.WATCH_CLIP, subject=pk, queue=Job.Queue.BATCH)


@shared_task(name="workers.tasks.vary_photos")
def vary_photos() -> None:
    """Smaller pictures, where some are still to be made."""
    if photos_without_variants().exists():
        enqueue(kind=Job.Kind.MAKE_VARIANTS, subject="photos", queue=Job.Queue.BATCH)


@shared_task(name="workers.tasks.start_due_feeds")
def start_due_feeds() -> None:
    """Feeds whose time has come, and their dogs whose notice has run out."""
    feeds.start_due_feeds()
    feeds.publish_after_notice()


@shared_task(name="workers.tasks.alert_saved_searches")
def alert_saved_searches() -> None:
    """Saved searches whose owners may hear of new dogs again."""
    for pk in services.due_searches():
        enqueue(kind=Job.Kind.ALERT, subject=pk, queue=Job.Queue.BATCH)


@shared_task(name="workers.tasks.deliver_webhooks")
def deliver_webhooks() -> None:
    """Events that somebody wants to hear of."""
    publishing.create_deliveries()
    for pk in publishing.due_deliveries():
        enqueue(kind=Job.Kind.DELIVER, subject=pk, queue=Job.Queue.BATCH)


@shared_task(name="workers.tasks.look_for_duplicates")
def look_for_duplicates() -> None:
    """Once a day: dogs that somebody may have listed twice."""
    services.start_looking()


@shared_task(name="workers.tasks.start_measuring")
def start_measuring() -> None:
    """Once a day, at FACE_BATCH_AT: dogs whose faces are not measured yet."""
    services.start_measuring()


@shared_task(name="workers.tasks.delete_orphans")
def delete_orphans() -> None:
    """Files whose process was killed before it wrote their row."""
    orphans.delete_orphans()


@shared_task(name="workers.tasks.expire_queries")
def expire_queries() -> None:
    purge_expired()
    empty_journal()
    kinds = [
        Job.Kind.ANSWER_QUERY,
        Job.Kind.RANK,
        Job.Kind.ALERT,
        Job.Kind.DELIVER,
        Job.Kind.CROP_PHOTO,
        Job.Kind.MAKE_VARIANTS,
        Job.Kind.FIND_DUPLICATES,
        Job.Kind.WATCH_CLIP,
        Job.Kind.MEASURE_FACES,
        Job.Kind.PREVIEW_IMPORT,
    ]
    forget(kinds=kinds, older_than=KEPT_FOR)
