"""Writes on photos that arrive in pieces.

Pieces lie where photos do, in a bucket where there is one, since the next piece may come to another
machine.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from ml.errors import PawkinError
from portal.accounts.models import User
from portal.dogs import services
from portal.dogs.models import Dog, PartialUpload, Photo
from portal.dogs.storage import NOT_STORED, NotStored, StorageAway, delete_on_commit, new_files
from portal.dogs.uploads import Refusal, read_or_refuse
from portal.files import FilesAway

KEPT_FOR = timedelta(days=1)
# Unfinished and unused ones of one person; 20 photos are one dog's.
AT_ONCE = 60


class UploadRefused(PawkinError):
    """Codes: file_too_large, empty_file, too_many_uploads, upload_elsewhere, storage_full,
    storage_away, and those of a file that is no photo."""


def begin(*, owner: User, dog: Dog | None, name: str, length: int) -> PartialUpload:
    """A place for a file of `length` bytes. Raises UploadRefused."""
    if length <= 0:
        raise UploadRefused("empty_file", "Choose the photo again.", name)
    if length > settings.UPLOAD_MAX_BYTES:
        raise UploadRefused("file_too_large", "Send a smaller version.", name)
    if PartialUpload.objects.filter(owner=owner).count() >= AT_ONCE:
        raise UploadRefused("too_many_uploads", "Save the dog first.", name)
    return PartialUpload.objects.create(owner=owner, dog=dog, name=name[:200], length=length)


def append(*, upload: PartialUpload, offset: int, data: bytes) -> PartialUpload:
    """Adds a piece. Raises UploadRefused `upload_elsewhere` for one that does not follow on what
    is there: it came twice, or another window sends the same file."""
    follows = offset == upload.received and offset + len(data) <= upload.length
    if not follows:
        raise UploadRefused("upload_elsewhere", "Ask how much is there.", str(upload.pk))
    if not data:
        return upload
    with new_files() as files:
        try:
            piece = files.write(data, folder="pieces")
        except NotStored as error:
            raise UploadRefused(error.code, error.message, str(upload.pk)) from error
        updated = PartialUpload.objects.filter(pk=upload.pk, received=offset).update(
            received=offset + len(data), pieces=[*upload.pieces, piece]
        )
        if not updated:
            files.take_back()
            raise UploadRefused("upload_elsewhere", "Ask how much is there.", str(upload.pk))
    upload.received, upload.pieces = offset + len(data), [*upload.pieces, piece]
    return upload


def complete(*, upload: PartialUpload, by: User) -> Photo | None:
    """What is to be done once all is there: the photo of its dog, if that exists already.

    Raises UploadRefused for a file that is not a photo we can use; then nothing of it is kept,
    unless there was only no room for it, or its pieces or its place are away.
    """
    file = assembled(upload)
    if upload.dog is None:
        looked = read_or_refuse(file)
        if isinstance(looked, Refusal):
            discard(uploads=[upload])
            raise UploadRefused(looked.code, "Choose another file.", upload.name)
        return None
    [result] = services.add_photos(dog=upload.dog, files=[file], by=by)
    if isinstance(result, Refusal) and result.code in NOT_STORED:
        raise UploadRefused(result.code, "Send the last piece again.", upload.name)
    discard(uploads=[upload])
    if isinstance(result, Refusal):
        raise UploadRefused(result.code, "Choose another file.", upload.name)
    return result


def assembled(upload: PartialUpload) -> File:
    """Raises UploadRefused where the pieces are away."""
    parts = []
    for piece in upload.pieces:
        try:
            with default_storage.open(piece, "rb") as opened:
                parts.append(opened.read())
        except FilesAway as error:
            away = StorageAway(str(error))
            raise UploadRefused(away.code, away.message, upload.name) from error
    return ContentFile(b"".join(parts), name=upload.name)


def arrived(*, owner: User, ids: Iterable[str]) -> list[PartialUpload]:
    """Those of these that are complete and for no dog yet, in this order."""
    wanted = [uuid.UUID(one) for one in ids if _is_uuid(one)]
    found = PartialUpload.objects.filter(owner=owner, dog=None).in_bulk(wanted)
    return [found[pk] for pk in wanted if pk in found and found[pk].is_complete]


@transaction.atomic
def discard(*, uploads: Iterable[PartialUpload]) -> None:
    for upload in uploads:
        delete_on_commit(upload.pieces)
        upload.delete()


def expire_uploads() -> int:
    """Discards what nobody finished or used within a day; the number of them."""
    old = list(PartialUpload.objects.filter(created_at__lt=timezone.now() - KEPT_FOR))
    discard(uploads=old)
    return len(old)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
