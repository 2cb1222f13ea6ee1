"""Uploaded tables: kept, read by a worker, shown for approval, then taken over as a feed's run.

Nothing of a dog changes before somebody has seen what would.
"""

from __future__ import annotations

import logging
import zipfile
from datetime import timedelta
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from ml.errors import PawkinError
from portal.accounts.models import User
from portal.dogs.models import Dog, random_name
from portal.dogs.storage import FULL, StorageAway, delete_files, delete_on_commit
from portal.feeds import services
from portal.feeds.models import Archive, Feed, FeedEntry, FeedPhoto, FeedRun
from portal.feeds.records import Page, Record
from portal.feeds.sources.csvzip import FOLDER, MOST_BYTES
from portal.files import FilesAway
from portal.jobs.models import Job
from portal.jobs.services import cancel_all, enqueue
from portal.shelters.models import Shelter

# The feed that uploaded tables of a shelter go through.
FEED = "dogs.csv"
KEPT_FOR = timedelta(days=1)
# Rows that a preview shows; the counts are of all.
SHOWN = 500

log = logging.getLogger(__name__)


class ArchiveRefused(PawkinError):
    """Codes: not_an_archive, archive_too_large, import_running, archive_gone,
    storage_full, storage_away."""


def take_archive(*, shelter: Shelter, by: User, file: File, whole: bool, language: str) -> Archive:
    """Stores the archive and has it read. Only its end is looked at here, to see that it is a ZIP.
    Raises ArchiveRefused."""
    if file.size > MOST_BYTES:
        raise ArchiveRefused("archive_too_large", "Send the dogs in several.", f"{file.size}")
    if not zipfile.is_zipfile(file):
        raise ArchiveRefused("not_an_archive", "Send a ZIP with dogs.csv.", file.name or "")
    file.seek(0)
    stem = random_name()
    upload = f"{FOLDER}/{stem[:2]}/{stem}.zip"
    try:
        default_storage.save(upload, file)
        with transaction.atomic():
            archive = Archive.objects.create(
                shelter=shelter,
                by=by,
                name=(file.name or FEED)[-200:],
                upload=upload,
                whole=whole,
                language=language,
            )
            enqueue(kind=Job.Kind.PREVIEW_IMPORT, subject=archive.pk, queue=Job.Queue.BATCH)
    except BaseException as error:
        delete_files([upload])
        if isinstance(error, FilesAway):
            away = StorageAway(str(error))
            raise ArchiveRefused(away.code, away.message, away.detail) from error
        if isinstance(error, OSError) and error.errno in FULL:
            raise ArchiveRefused("storage_full", "Make room first.", str(error)) from error
        raise
    return archive


def feed_of(shelter: Shelter) -> Feed | None:
    return shelter.feeds.filter(kind=Feed.Kind.CSVZIP, name=FEED).first()


def store_plan(*, archive: Archive, page: Page) -> None:
    """What the archive's rows would change: a row of `plan` has `name`, `what` (new, changed, same,
    gone), `fields` that change, `kept` that staff edited and stay, `photos` that are new, and
    `breed`, words that are no breed we know."""
    plan = [_row(archive, record, entry) for record, entry in _pairs(archive, page)]
    if archive.whole:
        keys = {record.external_id for record in page.records}
        plan += [_gone(entry) for entry in _listed(archive).exclude(external_id__in=keys)]
    rejected = [{"where": r.where, "reason": r.reason} for r in page.rejected]
    Archive.objects.filter(pk=archive.pk, state=Archive.State.READING).update(
        state=Archive.State.READY, plan=plan, rejected=rejected
    )


def fail_archive(*, archive: Archive, code: str) -> None:
    Archive.objects.filter(pk=archive.pk, state=Archive.State.READING).update(
        state=Archive.State.FAILED, error_code=code
    )


@transaction.atomic
def apply_archive(*, archive: Archive) -> Feed:
    """Has what was shown done, through the shelter's feed for tables. Raises ArchiveRefused."""
    ready = Archive.objects.select_for_update().filter(pk=archive.pk, state=Archive.State.READY)
    if not ready.exists():
        raise ArchiveRefused("archive_gone", "Upload it again.", str(archive.pk))
    feed = feed_of(archive.shelter)
    if feed is None:
        feed = services.create_feed(shelter=archive.shelter, kind=Feed.Kind.CSVZIP, name=FEED)
    running = feed.runs.filter(state=FeedRun.State.RUNNING).exists()
    if running or Job.objects.for_subject(Job.Kind.IMPORT_FEED, feed.pk).open().exists():
        raise ArchiveRefused("import_running", "Wait for its end.", str(feed.pk))
    before = str(feed.settings.get("upload", ""))
    if before and before != archive.upload:
        delete_on_commit([before])
    services.update_feed(
        feed=feed,
        settings={
            "upload": archive.upload,
            "partial": not archive.whole,
            "language": archive.language,
        },
        # Who goes was shown and approved.
        may_withdraw_many=archive.whole,
    )
    Archive.objects.filter(pk=archive.pk).update(state=Archive.State.APPLIED)
    services.request_run(feed=feed)
    log.info("The table %s is taken over by user %s", archive.pk, archive.by_id)
    return feed


@transaction.atomic
def discard_archive(*, archive: Archive) -> None:
    """Nothing of it is used; the file goes."""
    cancel_all(kind=Job.Kind.PREVIEW_IMPORT, subjects=[archive.pk])
    if archive.state != Archive.State.APPLIED:
        delete_on_commit([archive.upload])
    archive.delete()


def expire_archives() -> int:
    """Discards what is a day old, with the file that the feed was reading; the number of them."""
    old = list(Archive.objects.filter(created_at__lt=timezone.now() - KEPT_FOR))
    for archive in old:
        with transaction.atomic():
            delete_on_commit([archive.upload])
            archive.delete()
    return len(old)


def _listed(archive: Archive) -> Any:
    """Entries of dogs that earlier tables brought and that are still there."""
    feed = feed_of(archive.shelter)
    there = FeedEntry.objects.filter(feed=feed, gone_at=None) if feed else FeedEntry.objects.none()
    return there.exclude(dog__status__in=services.ENDED).select_related("dog")


def _pairs(archive: Archive, page: Page) -> list[tuple[Record, FeedEntry | None]]:
    feed = feed_of(archive.shelter)
    known: dict[str, FeedEntry] = {}
    if feed is not None:
        known = {
            entry.external_id: entry
            for entry in feed.entries.select_related("dog").prefetch_related("dog__breeds")
        }
    return [(record, known.get(record.external_id)) for record in page.records]


def _row(archive: Archive, record: Record, entry: FeedEntry | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": record.name, "fields": [], "kept": [], "photos": 0}
    row["breed"] = record.breed_text
    if entry is None:
        ended = record.status in services.ENDED
        return {**row, "what": "same" if ended else "new", "photos": len(set(record.photos))}
    there = set(FeedPhoto.objects.filter(entry=entry).values_list("reference", flat=True))
    row["photos"] = len(set(record.photos) - there)
    if entry.digest == services.digest_of(record) and entry.gone_at is None:
        return {**row, "what": "same", "dog": entry.dog.slug}
    now, before = services.values_of(record), entry.applied
    changed = [name for name in now if now[name] != before.get(name)]
    kept = [name for name in changed if _by_hand(entry, name)]
    return {
        **row,
        "what": "changed",
        "dog": entry.dog.slug,
        "fields": [name for name in changed if name not in kept],
        "kept": kept,
    }


def _by_hand(entry: FeedEntry, name: str) -> bool:
    """Whether staff gave this field another value than the last table did."""
    if name in ("breeds", "temperament", "status") or name not in entry.applied:
        return False
    return bool(services.as_json(getattr(entry.dog, name)) != entry.applied[name])


def _gone(entry: FeedEntry) -> dict[str, Any]:
    dog: Dog = entry.dog
    row: dict[str, Any] = {"name": dog.name, "what": "gone", "dog": dog.slug}
    return {**row, "fields": [], "kept": [], "photos": 0, "breed": ""}
