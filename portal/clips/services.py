"""Writes on clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.utils import timezone

from ml.containers import HEAD_BYTES, kind_of
from ml.errors import ClipRejected, PawkinError
from portal.accounts.models import User
from portal.clips.models import Clip
from portal.dogs.models import Dog
from portal.dogs.storage import NotStored, delete_on_commit, new_files
from portal.jobs.models import Job
from portal.jobs.services import cancel_all, enqueue

CLIPS_PER_DOG = 10
# What could not be watched can be tried again for so long; then its bytes go.
UPLOAD_KEPT_FOR = timedelta(days=1)

# What happened to a worker, in words about clips.
CODES = {
    "too_heavy": "clip_too_heavy",
    "worker_lost": "clip_failed",
    "failed_inside": "clip_failed",
    "timed_out": "clip_failed",
    "file_missing": "clip_gone",
}


class ClipRefused(PawkinError):
    """Codes: empty_file, clip_too_large, not_a_clip, too_many_clips, clip_gone, storage_full,
    storage_away."""


@dataclass(frozen=True)
class Watched:
    """What a worker saw; the fields are those of Clip."""

    film: str
    poster: str
    shown: int
    seconds: float
    width: int
    height: int
    layout: Mapping[str, Any]
    frames: Sequence[Mapping[str, Any]]
    speeds: Sequence[float | None]
    speed: float | None
    level: str
    levels: Mapping[str, float]
    relative: str
    seen: float
    postures: Mapping[str, float] | None


def take_clip(*, dog: Dog, by: User, file: File) -> Clip:
    """Stores the bytes as they came and has them watched. Only the file's first bytes are looked at
    here: nothing of a film is decoded outside a worker. Raises ClipRefused."""
    size = file.size or 0
    if size > settings.CLIP_MAX_BYTES:
        raise ClipRefused("clip_too_large", "Send a shorter one.", f"{size} bytes")
    file.seek(0)
    try:
        kind_of(file.read(HEAD_BYTES))
    except ClipRejected as error:
        raise ClipRefused(error.code, error.message, error.detail) from error
    file.seek(0)
    if dog.clips.count() >= CLIPS_PER_DOG:
        raise _too_many(dog)
    with new_files() as files:
        try:
            upload = files.write(file, folder="clips")
        except NotStored as error:
            raise ClipRefused(error.code, error.message, error.detail) from error
        with transaction.atomic():
            # Whoever sends two at once waits here for the other.
            Dog.objects.select_for_update().get(pk=dog.pk)
            if dog.clips.count() >= CLIPS_PER_DOG:
                raise _too_many(dog)
            clip = Clip.objects.create(dog=dog, by=by, upload=upload)
            enqueue(kind=Job.Kind.WATCH_CLIP, subject=clip.pk, queue=Job.Queue.BATCH)
    return clip


@transaction.atomic
def store_watched(*, clip: Clip, watched: Watched) -> bool:
    """Keeps what was seen and lets the upload go. False, and the files are the caller's, when the
    clip is gone or does not wait any more."""
    return _end(clip, state=Clip.State.READY, **asdict(watched))


@transaction.atomic
def refuse_clip(*, clip: Clip, code: str) -> None:
    """The bytes are of no use to anybody, so they go; a code stays."""
    _end(clip, state=Clip.State.FAILED, error_code=code)


def fail_clip(*, clip: Clip, code: str) -> None:
    """Something else than the clip was at fault, perhaps: its bytes stay for another try."""
    Clip.objects.filter(pk=clip.pk, state=Clip.State.WAITING).update(
        state=Clip.State.FAILED, error_code=CODES.get(code, code), ended_at=timezone.now()
    )


@transaction.atomic
def retry_clip(*, clip: Clip) -> Job:
    """Has the clip watched again. Raises ClipRefused when its bytes are gone."""
    failed = Clip.objects.filter(pk=clip.pk, state=Clip.State.FAILED).exclude(upload="")
    if not failed.update(state=Clip.State.WAITING, error_code="", ended_at=None):
        raise ClipRefused("clip_gone", "Record it again.", str(clip.pk))
    return enqueue(kind=Job.Kind.WATCH_CLIP, subject=clip.pk, queue=Job.Queue.BATCH)


@transaction.atomic
def delete_clip(*, clip: Clip) -> None:
    """Deletes the clip with its files and everything that was seen in it."""
    # As it is now: a worker may have put the film in the upload's place meanwhile.
    for found in Clip.objects.select_for_update().filter(pk=clip.pk):
        cancel_all(kind=Job.Kind.WATCH_CLIP, subjects=[found.pk])
        delete_on_commit(found.files)
        found.delete()


def expire_uploads() -> int:
    """Lets go of bytes that nobody tried again for a day; the number of them."""
    ended = timezone.now() - UPLOAD_KEPT_FOR
    old = Clip.objects.filter(state=Clip.State.FAILED, ended_at__lt=ended).exclude(upload="")
    expired = 0
    for clip in old.listed():
        with transaction.atomic():
            delete_on_commit([clip.upload.name])
            expired += Clip.objects.filter(pk=clip.pk, upload=clip.upload.name).update(upload="")
    return expired


def _end(clip: Clip, **fields: Any) -> bool:
    waiting = Clip.objects.select_for_update().filter(pk=clip.pk, state=Clip.State.WAITING)
    found = waiting.first()
    if found is None:
        return False
    delete_on_commit([found.upload.name])
    waiting.update(upload="", ended_at=timezone.now(), **fields)
    return True


def _too_many(dog: Dog) -> ClipRefused:
    return ClipRefused("too_many_clips", "Delete one to add another.", str(dog.pk))
