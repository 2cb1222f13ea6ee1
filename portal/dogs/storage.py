"""Private files under random names: written before the rows that name them, deleted after."""

from __future__ import annotations

import errno
import functools
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from ml.errors import ImageRejected
from portal.dogs.models import random_name
from portal.files import FilesAway

# No room, over the quota, and a file that is larger than one may be.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)


class NotStored(ImageRejected):
    """A file that could not be stored is refused as one that cannot be used would be, and nothing
    of it stays. Codes: storage_full, storage_away."""


class StorageFull(NotStored):
    """Code: storage_full. There is no room for a file."""


class StorageAway(NotStored):
    """Code: storage_away. The bucket that files lie in does not answer, or refuses us."""

    def __init__(self, detail: str = "") -> None:
        remedy = "Try again in a moment; MEDIA_S3_* say where the bucket is."
        super().__init__("storage_away", remedy, detail)


# The files are as good as before, and can be sent again.
NOT_STORED = frozenset({"storage_full", "storage_away"})


class Files:
    """Writes files and remembers which, so that they can be taken back."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, data: bytes | File, *, folder: str, suffix: str = "") -> str:
        """Stores the bytes and gives the name to keep in a row, e.g. `photos/3f/3f9a….jpg`. A File
        goes there piece by piece, however large it is.

        Raises StorageFull or StorageAway.
        """
        stem = random_name()
        name = f"{folder}/{stem[:2]}/{stem}{suffix}"
        try:
            default_storage.save(name, data if isinstance(data, File) else ContentFile(data))
        except OSError as error:
            # Half of it may be there.
            delete_files([name])
            if isinstance(error, FilesAway):
                raise StorageAway(str(error)) from error
            if error.errno in FULL:
                log.error("There is no room for files: %s", error)
                raise StorageFull(
                    "storage_full",
                    "Make room where photos lie (MEDIA_ROOT, MEDIA_S3_BUCKET).",
                    str(error),
                ) from error
            raise
        self.written.append(name)
        return name

    def take_back(self) -> None:
        delete_files(self.written)
        self.written = []


@contextmanager
def new_files() -> Iterator[Files]:
    """Files written in this block stay when it ends well and vanish when it raises.

    Put the transaction inside, not around: a file must be there before a row names it, and nobody
    should wait for a disk while holding the database's write lock.
    """
    files = Files()
    try:
        yield files
    except BaseException:
        files.take_back()
        raise


def delete_files(names: Iterable[str | None]) -> None:
    """Deletes files, passing over empty names; one that resists does not save the others."""
    for name in names:
        if name:
            try:
                default_storage.delete(name)
            except FilesAway:
                # No row names it any more, so it goes as orphans do (portal/api/orphans.py).
                log.warning("The file %s could not be deleted yet", name)
            except OSError:
                log.exception("The file %s could not be deleted", name)


def delete_on_commit(names: Iterable[str | None]) -> None:
    """Deletes files once no row names them any more."""
    transaction.on_commit(functools.partial(delete_files, [n for n in names if n]), robust=True)
