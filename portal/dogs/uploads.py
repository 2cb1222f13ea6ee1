"""An upload, read under limits and judged by its header; its pixels are for the workers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.core.files import File

from ml.errors import ImageRejected
from ml.images import Limits, probe


def limits() -> Limits:
    return Limits(max_bytes=settings.UPLOAD_MAX_BYTES)


@dataclass(frozen=True)
class Refusal:
    """A file that was not taken; `code` has its sentence in `portal.jobs.messages`."""

    file_name: str
    code: str


@dataclass(frozen=True)
class Upload:
    data: bytes
    sha256: str


def read_upload(file: File) -> Upload:
    """The bytes of a file whose header is that of a photo we can use. Raises ImageRejected."""
    allowed = limits()
    file.seek(0)
    # One byte over the limit is enough to refuse, whatever size the client declared.
    data = file.read(allowed.max_bytes + 1)
    probe(data, allowed)
    return Upload(data, hashlib.sha256(data).hexdigest())


def read_or_refuse(file: File) -> Upload | Refusal:
    try:
        return read_upload(file)
    except ImageRejected as error:
        return Refusal(file.name or "", error.code)
