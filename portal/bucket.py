"""Stored files in a bucket of S3-compatible storage: private objects, bounded waiting, and errors
that say whether a file is missing or the bucket is away.

Photos go through the portal, and no page leads to the bucket: each is judged anew whenever it is
asked for, with the headers that keep it a picture, and a link that was passed on ends with the
right to see it. What is public may be kept by any proxy before the portal (`immutable`).
"""

from __future__ import annotations

import errno
import io
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from portal.absence import Absence
from portal.files import FilesAway

# A person waits so many seconds for a connection and for the next bytes of an answer; and twice.
CONNECT_SECONDS = 2
READ_SECONDS = 10
ATTEMPTS = 2
# What is larger goes by way of the disk: tables with photos, not pictures.
IN_MEMORY = 8 * 1024 * 1024

MISSING = frozenset({"NoSuchKey", "404"})
# What S3-compatible servers say instead of a full disk.
FULL = frozenset(
    {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
)

# One per process: after one has waited in vain, others need not.
absence = Absence(seconds=5)

log = logging.getLogger(__name__)


@contextmanager
def answered(name: str) -> Iterator[None]:
    """Around one call of the bucket. Raises FileNotFoundError for a file that is not there,
    OSError (EDQUOT) where there is no room for it, and FilesAway for everything else."""
    if absence.holds():
        raise FilesAway(errno.EHOSTUNREACH, "The bucket did not answer a moment ago", name)
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if code in MISSING:
            raise FileNotFoundError(errno.ENOENT, "There is no such file", name) from error
        if code in FULL or status == 507:
            raise OSError(errno.EDQUOT, str(error), name) from error
        # Keys that are wrong, a bucket that is gone, too many requests: not the file's fault.
        log.error("The bucket refuses: %s", error)
        raise FilesAway(errno.EACCES, str(error), name) from error
    except (BotoCoreError, Boto3Error) as error:
        absence.note()
        log.error("The bucket does not answer: %s", error)
        raise FilesAway(errno.EHOSTUNREACH, str(error), name) from error


@deconstructible
class Bucket(S3Storage):
    """Names are as in a folder. Objects get no ACL of their own, so they are as private as the
    bucket is. A file is read whole before anybody gets a byte: a connection that breaks is an
    error, never half a picture."""

    def __init__(self, **options: Any) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            signature_version="s3v4",
            # Servers of one's own seldom have a name for each bucket.
            s3={"addressing_style": "path" if options.get("endpoint_url") else "auto"},
            max_pool_connections=16,
            tcp_keepalive=True,
            # Newer checksums than many S3-compatible servers know.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(
            default_acl=None,
            # Names are random, so nothing is ever overwritten, and nobody has to ask first.
            file_overwrite=True,
            client_config=config,
            **options,
        )
        self._shared: Any = None
        self._sharing = threading.Lock()

    @property
    def connection(self) -> Any:
        """One for all threads, since each has read boto's descriptions of S3 anew. Of the resource
        only its client, which threads may share, and new objects are used."""
        with self._sharing:
            if self._shared is None:
                self._shared = self._create_session().resource(
                    "s3",
                    region_name=self.region_name,
                    endpoint_url=self.endpoint_url,
                    config=self.client_config,
                )
            return self._shared

    def exists(self, name: str) -> bool:
        with answered(name):
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        with answered(name):
            return int(super().size(name))

    def delete(self, name: str) -> None:
        with suppress(FileNotFoundError), answered(name):
            super().delete(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with answered(path):
            folders, files = super().listdir(path)
            return folders, files

    def get_modified_time(self, name: str) -> datetime:
        with answered(name):
            written: datetime = super().get_modified_time(name)
            return written

    def names_and_times(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """As `portal.files.names_and_times`: a call for every thousand files, none for each."""
        start = f"{self._key(folder)}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=start, Delimiter="/"
        )
        with answered(folder):
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield f"{folder}/{entry['Key'].removeprefix(start)}", entry["LastModified"]

    def beginning(self, name: str, size: int) -> bytes:
        """As `portal.files.beginning`: no more than that is fetched."""
        with answered(name):
            answer = self._client.get_object(
                Bucket=self.bucket_name, Key=self._key(name), Range=f"bytes=0-{size - 1}"
            )
            with closing(answer["Body"]) as body:
                return bytes(body.read(size))

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("Files of a bucket are read, or saved whole.")
        with answered(name):
            answer = self._client.get_object(Bucket=self.bucket_name, Key=self._key(name))
            small = answer["ContentLength"] <= IN_MEMORY
            file: Any = io.BytesIO() if small else tempfile.TemporaryFile()  # noqa: SIM115
            try:
                with closing(answer["Body"]) as body:
                    shutil.copyfileobj(body, file, 1024 * 1024)
            except BaseException:
                file.close()
                raise
        file.seek(0)
        return File(file, name)

    def _save(self, name: str, content: File) -> str:
        with answered(name):
            return str(super()._save(name, content))

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def _key(self, name: str) -> str:
        return str(self._normalize_name(clean_name(name)))
