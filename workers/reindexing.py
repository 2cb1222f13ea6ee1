"""Describing every photo by one version: in batches, beside live search, a slice at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from ml.errors import PawkinError
from portal.dogs.models import Photo
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import ModelVersion
from portal.matching.queries import missing_photos
from workers import pictures
from workers.features import store_seen
from workers.runtime import Analyse, runtime

BATCH = 16
DECODERS = 2
# After this the job goes behind whatever else waits in its queue; a worker that is to stop waits
# no longer either.
SLICE_SECONDS = 8.0
# So many photos in a row that all fail speak against the models, not against the photos.
TOO_MANY_FAILURES = 4

STEP = "describing"
SUSPECT = "photo "

Picture = np.ndarray | PawkinError

log = logging.getLogger(__name__)


class ModelsFail(Exception):
    """Not one photo of a batch could be described."""


def reindex(job: Job) -> None:
    """Describes photos this version lacks until none is missing; then a new version goes live.

    Progress is the rows, so it can be stopped anywhere. Each batch leaves fewer photos missing or
    finds the job cancelled. When a worker died on a batch, the next one takes that batch photo by
    photo and writes down which one it is at (`Job.step`); a photo that a worker died on is refused
    as `failed` and the rest goes on.
    """
    version = ModelVersion.objects.filter(pk=job.subject).first()
    if version is None or version.state not in services.CURRENT:
        jobs.finish(job=job)
        return
    if job.step.startswith(SUSPECT):
        refuse_suspect(job, version)
        return
    analyser = runtime.analyser(version)
    one_by_one = job.attempts > 1
    until = time.monotonic() + SLICE_SECONDS
    left = report(job, missing_photos(version).count())
    with closing(batches(version)) as found:
        while left:
            photos, images = next(found)
            if one_by_one:
                describe_watched(job, version, analyser, photos)
                one_by_one = False
            else:
                describe(version, analyser, photos, images)
            # Counting anew for every batch would take longer the more photos there are.
            late = time.monotonic() > until
            left = max(0, left - len(photos))
            if late or not left or not photos:
                left = missing_photos(version).count()
            left = report(job, left)
            if late or not left:
                hand_over(version)
            if late and left:
                jobs.put_back(job=job, got_on=True)
                return
    complete(job, version)


def hand_over(version: ModelVersion) -> None:
    """Has the database bring in the vectors that it is to search, while the version is built; the
    first search would wait for all of them."""
    if settings.VECTOR_STORE == "pgvector":
        runtime.vectors(version)


def report(job: Job, left: int) -> int:
    """Tells how many photos are left, and returns it; 0 when the job is not to go on."""
    total = max(job.total, left)
    return left if jobs.beat(job=job, step=STEP, done=total - left, total=total) else 0


def batches(version: ModelVersion) -> Generator[tuple[list[Photo], list[Picture]]]:
    """Missing photos with their pictures, in the order of their keys and from the first one again,
    without an end; the next batch is read while one is looked at."""
    with ThreadPoolExecutor(DECODERS) as pool:
        photos = missing_after(version, 0)
        ahead = [pool.submit(read, photo) for photo in photos]
        while True:
            images = [picture.result() for picture in ahead]
            # Those that are looked at next are still missing when these are asked for.
            following = missing_after(version, photos[-1].pk) if photos else []
            ahead = [pool.submit(read, photo) for photo in following]
            yield photos, images
            if not following:
                following = missing_after(version, 0)
                ahead = [pool.submit(read, photo) for photo in following]
            photos = following


def missing_after(version: ModelVersion, key: int) -> list[Photo]:
    return list(missing_photos(version).filter(pk__gt=key).order_by("pk")[:BATCH])


def complete(job: Job, version: ModelVersion) -> None:
    """Makes a built version live, unless a photo has come in meanwhile or it was cancelled."""
    try:
        with transaction.atomic():
            if jobs.finish(job=job) and version.state == ModelVersion.State.BUILDING:
                services.activate_version(version=version)
    except services.VersionConflict:
        jobs.put_back(job=job, got_on=True)


def describe(
    version: ModelVersion, analyser: Analyse, photos: Sequence[Photo], images: Sequence[Picture]
) -> None:
    """Describes a batch; each of its photos is then described, refused, or gone."""
    readable: list[tuple[Photo, np.ndarray]] = []
    for photo, image in zip(photos, images, strict=True):
        if isinstance(image, PawkinError):
            code = image.code if image.code == "file_missing" else "failed"
            services.store_rejection(photo=photo, version=version, code=code)
        else:
            readable.append((photo, image))
    if not readable:
        return
    try:
        views = analyser.analyse([image for _, image in readable])
        for (photo, image), seen in zip(readable, views, strict=True):
            store_seen(photo, version, image, seen)
    except DatabaseError:
        raise
    except Exception:
        if len(readable) == 1:
            raise
        log.exception("A batch could not be described; its photos are taken one by one")
        describe_each(version, analyser, [photo for photo, _ in readable])


def describe_each(
    version: ModelVersion,
    analyser: Analyse,
    photos: Sequence[Photo],
    before: Callable[[Photo], object] = lambda photo: None,
) -> None:
    """Describes photos one by one and refuses those that cannot be. Raises ModelsFail if all."""
    failed: list[Photo] = []
    for photo in photos:
        before(photo)
        try:
            describe(version, analyser, [photo], [read(photo)])
        except DatabaseError:
            raise
        except Exception:
            log.exception("Photo %s could not be described", photo.pk)
            failed.append(photo)
    if len(failed) == len(photos) >= TOO_MANY_FAILURES:
        raise ModelsFail(f"none of {len(photos)} photos could be described by {version}")
    for photo in failed:
        services.store_rejection(photo=photo, version=version, code="failed")


def describe_watched(
    job: Job, version: ModelVersion, analyser: Analyse, photos: Sequence[Photo]
) -> None:
    """Describes photos one by one, writing down which comes next for whoever finds this dead."""
    try:
        describe_each(
            version,
            analyser,
            photos,
            before=lambda photo: jobs.beat(job=job, step=f"{SUSPECT}{photo.pk}"),
        )
    except Exception:
        jobs.beat(job=job, step=STEP)  # alive: no photo is to blame
        raise


def read(photo: Photo) -> Picture:
    try:
        return pictures.read(photo)
    except PawkinError as error:
        return error


def refuse_suspect(job: Job, version: ModelVersion) -> None:
    """Leaves out the photo the last worker died on and gives the job all its attempts again."""
    pk = job.step.removeprefix(SUSPECT)
    log.warning("Photo %s ended a worker and is left out of %s", pk, version)
    with transaction.atomic():
        for photo in missing_photos(version).filter(pk=pk):
            services.store_rejection(photo=photo, version=version, code="failed")
        jobs.beat(job=job, step=STEP)
        jobs.put_back(job=job, got_on=True)
