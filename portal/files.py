"""What is asked of stored files that Django's storage has no call for, in a folder or a bucket.

Light on purpose: `portal/bucket.py` brings in boto, and only where there is a bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.core.files.storage import default_storage

# Where a bucket has the weights of versions in use, for worker machines that lack them
# (`workers/weights.py`). Without a bucket they lie in MODEL_KEPT_DIR and nowhere else.
WEIGHTS = "models"


class FilesAway(OSError):
    """The bucket does not answer, or refuses us: nobody knows whether a file is there.

    Never FileNotFoundError, which would be held against the photo. What was asked is asked again.
    """


def names_and_times(folder: str) -> Iterator[tuple[str, datetime]]:
    """Stored names of a folder's files, without those of folders in it, and when each was written.
    Raises FilesAway."""
    if hasattr(default_storage, "names_and_times"):
        yield from default_storage.names_and_times(folder)
        return
    try:
        _folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        try:
            yield f"{folder}/{name}", default_storage.get_modified_time(f"{folder}/{name}")
        except FileNotFoundError:
            continue


def shared_weights() -> list[str]:
    """Names below WEIGHTS, as `fingerprint/file`; none without a bucket. Raises FilesAway."""
    if not settings.MEDIA_S3_BUCKET:
        return []
    folders, _names = default_storage.listdir(WEIGHTS)
    return [
        name.removeprefix(f"{WEIGHTS}/")
        for folder in sorted(folders)
        for name, _written in names_and_times(f"{WEIGHTS}/{folder}")
    ]


def beginning(name: str, size: int) -> bytes:
    """The first bytes of a file, which may be large. Raises FileNotFoundError or FilesAway."""
    if hasattr(default_storage, "beginning"):
        return bytes(default_storage.beginning(name, size))
    with default_storage.open(name) as file:
        return bytes(file.read(size))
