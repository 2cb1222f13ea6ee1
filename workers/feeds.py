"""A feed, read page by page into rows.

Every step is in the rows: pages and records stored, photos to fetch, dogs not seen. So a worker can
be killed anywhere, and the next one goes on from there.
"""

from __future__ import annotations

import time

from django.conf import settings
from django.utils.translation import override

from portal.feeds import archives, services
from portal.feeds.errors import FeedError
from portal.feeds.models import Archive, Feed, FeedRun
from portal.feeds.network import Client
from portal.feeds.records import Source
from portal.feeds.secrets import decrypt
from portal.feeds.sources import open_source
from portal.feeds.vocabulary import breeds
from portal.jobs import services as jobs
from portal.jobs.models import Job
from workers.pictures import or_later

# After so long other work of the queue has its turn.
SLICE_SECONDS = 5.0
PHOTOS_AT_ONCE = 20
# Faults of one photo; with any other the source is away, and its photos wait for the next run.
OF_ONE_PHOTO = frozenset({"feed_photo_refused", "feed_answer_too_large", "feed_address_refused"})


@or_later()
def preview_import(job: Job) -> None:
    """Reads an uploaded table and writes down what it would change."""
    archive = Archive.objects.filter(pk=job.subject).select_related("shelter").first()
    if archive is not None and archive.state == Archive.State.READING:
        source = open_source(
            Feed.Kind.CSVZIP,
            client=Client(),
            settings={"upload": archive.upload, "partial": not archive.whole},
        )
        breeds.forget()
        try:
            # Reasons are for the person who waits.
            with override(archive.language):
                [page] = source.pages(since=None, cursor=None)
            archives.store_plan(archive=archive, page=page)
        except FeedError as error:
            archives.fail_archive(archive=archive, code=error.code)
    jobs.finish(job=job)


@or_later()
def import_feed(job: Job) -> None:
    feed = Feed.objects.filter(pk=job.subject).select_related("shelter").first()
    if feed is None:
        jobs.finish(job=job)
        return
    run: FeedRun | None = None
    try:
        source = open_source(
            feed.kind, client=Client(), settings=feed.settings, key=decrypt(feed.key)
        )
        run = services.open_run(feed=feed, incremental=source.incremental)
        breeds.forget()
        with override(str(feed.settings.get("language") or settings.LANGUAGE_CODE)):
            if not read(job, run, source):
                return
        services.finish_run(run=run)
    except FeedError as error:
        run = run or services.open_run(feed=feed, incremental=False)
        services.fail_run(run=run, code=error.code, detail=str(error))
        raise
    jobs.finish(job=job)


def read(job: Job, run: FeedRun, source: Source) -> bool:
    """Pages, then photos; False where the job was put back or is no longer this worker's."""
    until = time.monotonic() + SLICE_SECONDS
    total = 0
    if not run.read_all:
        at = run.cursor
        for page in source.pages(since=run.since, cursor=run.cursor):
            services.apply_page(run=run, page=page, at=at)
            run.refresh_from_db()
            at = run.cursor
            total = max(total, page.total or 0)
            if not progress(job, run, total):
                return False
            if time.monotonic() > until and not run.read_all:
                return put_back(job)
    return fetch_photos(job, run, source, until)


def fetch_photos(job: Job, run: FeedRun, source: Source, until: float) -> bool:
    while rows := services.next_photos(run.feed, PHOTOS_AT_ONCE):
        for row in rows:
            if not jobs.beat(job=job, step="photos"):
                return False
            try:
                services.store_photo(run=run, row=row, data=source.photo(row.reference))
            except FeedError as error:
                if error.code not in OF_ONE_PHOTO:
                    return True
                services.refuse_photo(run=run, row=row, code=error.code)
            if time.monotonic() > until:
                return put_back(job)
    return True


def progress(job: Job, run: FeedRun, total: int) -> bool:
    done = run.new + run.changed + run.unchanged
    return jobs.beat(job=job, step="reading", done=done, total=max(total, done))


def put_back(job: Job) -> bool:
    jobs.put_back(job=job, got_on=True)
    return False
