"""A ZIP archive with dogs.csv and photos, for shelters without any other feed.

The table is that of docs/loading-dogs.md. The archive comes from an address or is a file that was
uploaded; it is read under limits, and what it names stays within it.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import lzma
import shutil
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.files.storage import default_storage

from portal.dogs.imports import SUFFIXES, TABLE, Listing, decode, read_folder
from portal.feeds.errors import FeedError
from portal.feeds.network import Client
from portal.feeds.records import Page, Record, Rejected
from portal.feeds.sources.reading import text
from portal.feeds.vocabulary.breeds import breed_of
from portal.feeds.vocabulary.temperament import suggestions_in
from portal.files import FilesAway

# Where uploaded archives lie.
FOLDER = "archives"
MOST_BYTES = 512 * 1024 * 1024
MOST_ENTRIES = 20_000
MOST_BYTES_A_FILE = 32 * 1024 * 1024
MOST_BYTES_UNPACKED = 2 * 1024**3
# The archive's list of entries, which zipfile reads whole before anything can be counted.
MOST_BYTES_LISTED = 8 * 1024 * 1024
# Each line and each column of a table may leave a sentence behind that says what is wrong with it.
MOST_LINES = 100_000
MOST_COLUMNS = 1000
LONGEST_HEAD = 64 * 1024
LONGEST_ID = 100
# Photos are compressed already: what grows more than this is made to fill a disk.
MOST_GROWTH = 100
# What a broken, encrypted or hostile archive makes zipfile raise.
FAULTS = (
    zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError,
    zlib.error, lzma.LZMAError,
)  # fmt: skip


class CsvZip:
    """Settings: `address` of the archive, or `upload`, the stored name of an uploaded one (see
    `portal.feeds.archives`), which with `partial` may lack dogs that are still there. `key` is sent
    as a bearer token where there is one."""

    incremental = False

    def __init__(self, client: Client, settings: Mapping[str, Any], key: str) -> None:
        self.client = client
        self.address = text(settings.get("address"), 500)
        upload = text(settings.get("upload"), 300)
        # Settings are written by staff, and other stored files are not theirs to name.
        self.upload = upload if upload.startswith(f"{FOLDER}/") and ".." not in upload else ""
        self.partial = bool(settings.get("partial"))
        self.key = key
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if not (self.address or self.upload):
            raise FeedError("feed_settings_missing", "Enter the address of the archive.", "address")

    def pages(self, *, since: datetime | None, cursor: Any) -> Iterator[Page]:
        """One page: everything in the archive."""
        try:
            _refuse_long(self.folder / TABLE)
            reading = read_folder(self.folder)
        except FilesAway:
            # Nothing is known of the archive; whoever reads it does so later.
            raise
        except (ValueError, OSError, csv.Error) as error:
            raise FeedError(
                "feed_answer_unreadable", "Put a dogs.csv into the archive.", str(error)
            ) from error
        if not reading.listings and not (self.folder / TABLE).is_file():
            # An archive of something else must not pass for one that lists nobody.
            raise FeedError("feed_answer_unreadable", "Put a dogs.csv into the archive.", "no dogs")
        rejected = tuple(
            # They quote the table, in which anything can stand.
            Rejected(text(problem.where), "row_unusable", text(problem.reason))
            for problem in reading.problems
        )
        records = tuple(self.record(listing) for listing in reading.listings)
        yield Page(records, rejected, total=len(records), complete=not self.partial)

    def photo(self, reference: str) -> bytes:
        path = (self.folder / reference).resolve()
        if not path.is_relative_to(self.folder) or not path.is_file():
            raise FeedError("feed_photo_refused", "Put the photo into the archive.", reference)
        return path.read_bytes()

    @property
    def folder(self) -> Path:
        """Where the archive is unpacked, for as long as this source lives."""
        if self._folder is None:
            folder = tempfile.TemporaryDirectory(prefix="pawkin-archive-")
            unpack(self._archive(), Path(folder.name))
            self._folder = folder
        return Path(self._folder.name).resolve()

    def _archive(self) -> Any:
        if self.upload:
            try:
                return default_storage.open(self.upload)
            except FileNotFoundError as error:
                raise FeedError(
                    "feed_answer_unreadable", "Upload the archive again.", self.upload
                ) from error
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        response = self.client.get(self.address, headers=headers, max_bytes=MOST_BYTES)
        if response.status != 200:
            raise FeedError("feed_answer_unreadable", "Check the address.", f"{response.status}")
        return io.BytesIO(response.body)

    def record(self, listing: Listing) -> Record:
        slugs = [(name, breed_of(name)) for word in listing.breeds if (name := text(word, 80))]
        fields = {name: value for name, value in listing.fields.items() if name != "name"}
        fields["tags"] = [tag for word in fields.get("tags", ()) if (tag := text(word, 80))]
        description = str(listing.fields.get("description", ""))
        return Record(
            external_id=_identity(listing.key),
            name=str(listing.fields["name"]),
            fields=fields,
            breeds=tuple(dict.fromkeys(slug for _name, slug in slugs if slug)),
            breed_text=", ".join(name for name, slug in slugs if not slug)[:80],
            status=listing.status,
            temperament=listing.temperament,
            suggestions=suggestions_in(description),
            photos=tuple(
                photo.resolve().relative_to(self.folder).as_posix() for photo in listing.photos
            ),
            bonded_with=_identity(listing.bonded_with),
        )


def _identity(key: str) -> str:
    """The key, or where it is longer than a row takes, its start and a hash of all of it."""
    if len(key) <= LONGEST_ID:
        return key
    return f"{key[: LONGEST_ID - 17]} {hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _refuse_long(table: Path) -> None:
    """Raises FeedError for a table of more lines or columns than dogs and their facts make."""
    if not table.is_file():
        return
    data = table.read_bytes()
    lines = data.count(b"\n") + data.count(b"\r")
    words = decode(data)
    rows = csv.reader(io.StringIO(words[:LONGEST_HEAD], newline=""))
    columns = len(next(rows, []))
    endless = len(words) > LONGEST_HEAD and next(rows, None) is None
    if lines > MOST_LINES or columns > MOST_COLUMNS or endless:
        raise FeedError(
            "feed_answer_too_large",
            "Send the dogs in several.",
            f"{lines} lines, {columns} columns",
        )


def unpack(archive: Any, folder: Path) -> None:
    """The table and the photos, and nothing outside of `folder`. Raises FeedError."""
    try:
        _refuse_long_list(archive)
        with zipfile.ZipFile(archive) as file:
            # An entry may have no name at all, which is_dir() does not expect.
            entries = [entry for entry in file.infolist() if entry.filename and not entry.is_dir()]
            _refuse_bombs(entries)
            for entry in entries:
                name = _name(entry)
                if name is not None:
                    target = folder.joinpath(*name.parts)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with file.open(entry) as source, target.open("wb") as out:
                        shutil.copyfileobj(_Limited(source), out)
    except FAULTS as error:
        raise FeedError(
            "feed_answer_unreadable", "Send a ZIP archive without a password.", str(error)[:200]
        ) from error
    inside = [path for path in folder.iterdir() if path.is_dir()]
    if not (folder / TABLE).exists() and len(inside) == 1 and (inside[0] / TABLE).exists():
        # One folder around everything, as archives of a folder have it.
        for path in inside[0].iterdir():
            path.rename(folder / path.name)


class _Limited(io.RawIOBase):
    """Reads no more of an entry than it may hold, whatever its header says."""

    def __init__(self, source: Any) -> None:
        self.source, self.left = source, MOST_BYTES_A_FILE

    def read(self, size: int = -1) -> bytes:
        data: bytes = self.source.read(min(size, 1024 * 1024) if size > 0 else 1024 * 1024)
        self.left -= len(data)
        if self.left < 0:
            raise FeedError("feed_answer_too_large", "Leave out what is no photo.", "entry")
        return data


def _refuse_long_list(archive: Any) -> None:
    """Raises FeedError where the list of entries, by what the archive's end says, is longer than
    that of as many entries as are allowed: a million entries would take a gigabyte of memory."""
    size = archive.seek(0, io.SEEK_END)
    archive.seek(max(0, size - 22 - 65_535 - 76))
    end = archive.read()
    archive.seek(0)
    # As zipfile does: without a comment first.
    bare = end[-22:].startswith(b"PK\5\6") and end.endswith(b"\0\0")
    at = len(end) - 22 if bare else end.rfind(b"PK\5\6")
    listed = [struct.unpack_from("<I", end, at + 12)[0]] if 0 <= at <= len(end) - 22 else []
    if at >= 76 and end[at - 20 : at - 16] == b"PK\6\7":
        listed.append(struct.unpack_from("<Q", end, at - 76 + 40)[0])
    if any(MOST_BYTES_LISTED < length <= size for length in listed):
        raise FeedError("feed_answer_too_large", "Send the dogs in several archives.", "entries")


def _refuse_bombs(entries: list[zipfile.ZipInfo]) -> None:
    size = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries) or 1
    if len(entries) > MOST_ENTRIES or size > MOST_BYTES_UNPACKED:
        raise FeedError("feed_answer_too_large", "Send the dogs in several archives.", f"{size}")
    if size > 16 * 1024 * 1024 and size / packed > MOST_GROWTH:
        raise FeedError("feed_answer_too_large", "Send an archive of photos.", "grows too much")


def _name(entry: zipfile.ZipInfo) -> PurePosixPath | None:
    """Where an entry goes; None for what is neither the table nor a photo, or leads outside."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        # Names without the mark of UTF-8 are that all the same from macOS, CP949 from Korean
        # Windows; zipfile takes them for CP437.
        for encoding in ("utf-8", "cp949"):
            with contextlib.suppress(UnicodeError):
                name = name.encode("cp437").decode(encoding)
                break
    # macOS takes syllables apart, and the table does not.
    name = unicodedata.normalize("NFC", name)
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or "\0" in name:
        return None
    outside = path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    if outside or hidden:
        return None
    return path if path.name == TABLE or path.suffix.lower() in SUFFIXES else None
