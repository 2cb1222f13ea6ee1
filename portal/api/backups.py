"""Backups: everything that cannot be made anew, in one file; here, because this app knows all.

A backup is a tar (POSIX.1-2001) with `manifest.json` first, then a gzipped file of JSON lines for
each table, the photos and tables that rows name, and the weights of the versions in use; the
SHA-256 of each of these is in `checksums.json` at the end. It holds for any database: what SQLite
gave can go into PostgreSQL.

What adopters sent to search with is not in it, nor anything made of that, so that a backup keeps
nothing longer than was promised. What workers have to do is not in it either: pending work is a
query.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.core.files.storage import default_storage
from django.core.management.color import no_style
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, connections, models, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from ml.errors import PawkinError
from portal.accounts.models import User
from portal.clips.models import Clip
from portal.dogs.models import Photo
from portal.dogs.storage import delete_files
from portal.feeds.models import Feed
from portal.files import WEIGHTS, FilesAway, shared_weights
from portal.shelters.models import Shelter

FORMAT = 1
MANIFEST, CHECKSUMS = "manifest.json", "checksums.json"
ROWS_AT_ONCE = 500

NO_BACKUP = "This is no backup of Pawkin. Give the file that `manage.py backup` wrote."
DAMAGED = "This backup is damaged. Take an older one."
OTHER_VERSION = "This backup is of another version. Restore it with that one, then update."
AWAY = "The bucket with the photos does not answer. Look at MEDIA_S3_*, then try again."
NOT_EMPTY = "There are accounts or shelters here. Restore into a new installation."

KEPT = frozenset(
    {
        "account.EmailAddress",
        "mfa.Authenticator",
        "accounts.User",
        "accounts.AuditEvent",
        "shelters.Shelter",
        "shelters.Membership",
        "shelters.Invitation",
        "dogs.Breed",
        "dogs.Dog",
        "dogs.TemperamentValue",
        "dogs.DogEvent",
        "dogs.DogChange",
        "dogs.Photo",
        "matching.ModelVersion",
        "matching.Embedding",
        "matching.Keypoints",
        "matching.Rejection",
        "matching.DuplicateHint",
        "matching.Favourite",
        "matching.SavedSearch",
        "matching.Alert",
        "matching.Retention",
        "matching.EndedQuery",
        "matching.Click",
        "matching.Feedback",
        "matching.FusionWeights",
        "annotations.Annotation",
        "clips.Clip",
        "enquiries.Enquiry",
        "enquiries.Message",
        "feeds.Feed",
        "feeds.FeedRun",
        "feeds.FeedRejection",
        "feeds.FeedEntry",
        "feeds.FeedPhoto",
        "feeds.TemperamentSuggestion",
        "publishing.Webhook",
        "publishing.Delivery",
        "insights.Prediction",
        "api.ApiToken",
    }
)
# Searches and what was made of them; sessions and what is half sent; what workers do now; answers
# to repeated calls; and Django's own, which every installation makes for itself.
LEFT = frozenset(
    {
        "matching.Query",
        "matching.Ranking",
        "matching.Match",
        "matching.NotAlike",
        "sessions.Session",
        "account.EmailConfirmation",
        "dogs.PartialUpload",
        "feeds.Archive",
        "jobs.Job",
        "jobs.WorkerHeartbeat",
        "api.IdempotencyKey",
        "admin.LogEntry",
        "auth.Permission",
        "auth.Group",
        "contenttypes.ContentType",
    }
)


class BackupRefused(PawkinError):
    """Codes: not_a_backup, backup_damaged, other_version, not_empty, storage_away."""


@dataclass(frozen=True)
class Summary:
    """Rows by table, and numbers of files; `missing` had rows and were gone when they were read."""

    rows: dict[str, int]
    files: int
    missing: int


def kept_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model._meta.label in KEPT]


class Exact(DjangoJSONEncoder):
    """Times to the microsecond, which Django's own cuts to the millisecond."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


# Making one


def make_backup(path: Path) -> Summary:
    """Writes a backup, whole or not at all, in place of an older one; its owner alone may read it.

    Neither readers nor writers are held up: SQLite is copied first, and PostgreSQL gives one moment
    to a transaction. Raises BackupRefused where files cannot be read now.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
            one_moment() as alias,
        ):
            summary = write_backup(tar, alias)
            tar.close()
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except FilesAway as error:
        raise BackupRefused("storage_away", AWAY, str(error)) from error
    finally:
        draft.unlink(missing_ok=True)
    return summary


def write_backup(tar: tarfile.TarFile, alias: str) -> Summary:
    sums: dict[str, str] = {}
    rows = {model._meta.label: model._base_manager.using(alias).count() for model in kept_models()}
    manifest = {
        "format": FORMAT,
        "made_at": timezone.now().isoformat(),
        "migrations": applied(alias),
        "rows": rows,
    }
    add(tar, MANIFEST, io.BytesIO(json.dumps(manifest, indent=1).encode()), sums)
    for model in kept_models():
        with tempfile.TemporaryFile() as table:
            with gzip.open(table, "wb") as lines:
                for line in lines_of(model, alias):
                    lines.write(line)
            add(tar, f"rows/{model._meta.label}.jsonl.gz", table, sums)
    missing = 0
    names = sorted(names_of_files(alias))
    for name in names:
        try:
            with default_storage.open(name) as stored:
                add(tar, f"media/{name}", stored, sums)
        except FileNotFoundError:
            missing += 1
    weights = 0
    for inside, opened in kept_weights():
        with opened as stored:
            add(tar, f"models/{inside}", stored, sums)
        weights += 1
    add(tar, CHECKSUMS, io.BytesIO(json.dumps(sums, indent=1).encode()), {})
    return Summary(rows, len(names) - missing + weights, missing)


@contextlib.contextmanager
def one_moment() -> Iterator[str]:
    """The alias of a connection that sees the database as it is now, whatever is written."""
    if connection.in_atomic_block:
        # The caller's transaction is one moment already.
        yield "default"
        return
    if connection.vendor != "sqlite":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield "default"
        return
    alias = "backup"
    with tempfile.TemporaryDirectory(prefix="pawkin-backup-") as folder:
        copy = Path(folder) / "copy.sqlite3"
        connection.ensure_connection()
        target = sqlite3.connect(copy)
        with contextlib.closing(target):
            connection.connection.backup(target)
        connections.databases[alias] = {**connections.databases["default"], "NAME": str(copy)}
        try:
            yield alias
        finally:
            connections[alias].close()
            del connections[alias]
            del connections.databases[alias]


def lines_of(model: type[models.Model], alias: str) -> Iterator[bytes]:
    """The table's rows as JSON lines, in chunks. References to what is left out are empty."""
    left_out = [
        field.attname
        for field in model._meta.concrete_fields
        if field.remote_field and field.remote_field.model._meta.label in LEFT
    ]
    rows = model._base_manager.using(alias).order_by("pk")
    chunk: list[models.Model] = []
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        for name in left_out:
            setattr(row, name, None)
        chunk.append(row)
        if len(chunk) == ROWS_AT_ONCE:
            yield serializers.serialize("jsonl", chunk, cls=Exact).encode()
            chunk = []
    if chunk:
        yield serializers.serialize("jsonl", chunk, cls=Exact).encode()


def names_of_files(alias: str) -> set[str]:
    """Stored names that kept rows have."""
    names: set[str] = set()
    photos = Photo.objects.using(alias)
    for upload, image, thumbnail, variants in photos.values_list(
        "upload", "image", "thumbnail", "variants"
    ).iterator():
        names.update((upload, image, thumbnail, *(variants or {}).values()))
    for stored in Clip.objects.using(alias).values_list("upload", "film", "poster"):
        names.update(stored)
    for values in Feed.objects.using(alias).values_list("settings", flat=True):
        names.add(str(values.get("upload", "")))
    return names - {""}


def kept_weights() -> Iterator[tuple[str, Any]]:
    """Weights of the versions in use: their names, and the files, open. From this machine, and from
    the bucket what other machines keep there."""
    here = Path(settings.MODEL_KEPT_DIR)
    names = {found.relative_to(here).as_posix() for found in here.rglob("*") if found.is_file()}
    for name in sorted(names):
        yield name, (here / name).open("rb")
    for name in shared_weights():
        if name not in names:
            yield name, default_storage.open(f"{WEIGHTS}/{name}")


def add(tar: tarfile.TarFile, name: str, content: Any, sums: dict[str, str]) -> None:
    """Adds a member from a file that can be sought, and notes its SHA-256."""
    content.seek(0, os.SEEK_END)
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = content.tell(), 0o600, int(timezone.now().timestamp())
    content.seek(0)
    sums[name] = hashlib.file_digest(content, "sha256").hexdigest()
    content.seek(0)
    tar.addfile(info, content)


def applied(alias: str) -> list[list[str]]:
    """Migrations that this database has had, by app and name."""
    recorder = MigrationRecorder(connections[alias])
    ours = {config.label for config in apps.get_app_configs()}
    return sorted([app, name] for app, name in recorder.applied_migrations() if app in ours)


# Reading one


def check_backup(path: Path) -> dict[str, Any]:
    """Reads all of a backup; its manifest. Raises BackupRefused where anything is not as it was."""
    try:
        with tarfile.open(path) as tar:
            return _check(tar)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupRefused("not_a_backup", NO_BACKUP, str(error)) from error


def restore_backup(path: Path) -> Summary:
    """Fills a new installation, whole or not at all. Nothing may run on it meanwhile.

    Raises BackupRefused, and then nothing has changed.
    """
    manifest = check_backup(path)
    if manifest["migrations"] != applied("default"):
        raise BackupRefused(
            "other_version",
            OTHER_VERSION,
            differences(manifest["migrations"], applied("default")),
        )
    if User.objects.exists() or Shelter.objects.exists():
        raise BackupRefused("not_empty", NOT_EMPTY)
    written: list[str] = []
    try:
        with tarfile.open(path) as tar, transaction.atomic():
            for model in reversed(kept_models()):
                # What migrations put there, with other keys perhaps.
                model._base_manager.all().delete()
            files = 0
            for member in tar:
                kind, _slash, name = member.name.partition("/")
                content = tar.extractfile(member)
                if content is None:
                    continue
                if kind == "rows":
                    load_rows(content)
                elif kind == "media":
                    # What a bucket had before stays there, if this comes to nothing.
                    was_there = default_storage.exists(name)
                    stored_as = default_storage.save(name, content)
                    written += [stored_as] * (not was_there or stored_as != name)
                    files += 1
                elif kind == "models":
                    place = Path(settings.MODEL_KEPT_DIR) / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with place.open("wb") as stored:
                        shutil.copyfileobj(content, stored)
                    if settings.MEDIA_S3_BUCKET:
                        content.seek(0)
                        default_storage.save(f"{WEIGHTS}/{name}", content)
                    files += 1
            reset_sequences()
    except BaseException as error:
        delete_files(written)
        if isinstance(error, FilesAway):
            raise BackupRefused("storage_away", AWAY, str(error)) from error
        raise
    return Summary(manifest["rows"], files, 0)


def load_rows(content: IO[bytes]) -> None:
    with gzip.open(content, "rt", encoding="utf-8") as lines:
        for row in serializers.deserialize("jsonl", lines):
            row.save(force_insert=True)


def reset_sequences() -> None:
    """On PostgreSQL the next key of a table follows the largest that was restored."""
    statements = connection.ops.sequence_reset_sql(no_style(), kept_models())
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def differences(theirs: list[list[str]], ours: list[list[str]]) -> str:
    def only(some: list[list[str]], others: list[list[str]]) -> str:
        return ", ".join(".".join(one) for one in some if one not in others) or "none"

    return f"only in the backup: {only(theirs, ours)}; only here: {only(ours, theirs)}"


def _check(tar: tarfile.TarFile) -> dict[str, Any]:
    manifest: dict[str, Any] | None = None
    found: dict[str, str] = {}
    expected: dict[str, str] | None = None
    for member in tar:
        content: Any = tar.extractfile(member)
        # Nothing that we write is a link, a folder or outside.
        if content is None or not safe(member.name):
            raise BackupRefused("not_a_backup", NO_BACKUP, member.name)
        if member.name == MANIFEST:
            manifest = json.load(content)
            content.seek(0)
        if member.name == CHECKSUMS:
            expected = json.load(content)
            continue
        found[member.name] = hashlib.file_digest(content, "sha256").hexdigest()
    if manifest is None or manifest.get("format") != FORMAT:
        raise BackupRefused("not_a_backup", NO_BACKUP, str(tar.name))
    if expected is None or found != expected:
        wrong = sorted(name for name in {*found, *(expected or {})}
                       if found.get(name) != (expected or {}).get(name))  # fmt: skip
        raise BackupRefused("backup_damaged", DAMAGED, ", ".join(wrong[:5]))
    return manifest


def safe(name: str) -> bool:
    parts = name.split("/")
    return (
        ".." not in parts
        and "" not in parts
        and (name in (MANIFEST, CHECKSUMS) or parts[0] in ("rows", "media", "models"))
    )
