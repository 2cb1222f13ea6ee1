"""Files that no row names, left by a process that was killed between the two; here, because this
app knows all that stores files.

A file is written before its row and deleted after it, so whatever kills a process in between leaves
a file too many, never a row too many. Files lie in 256 folders by the first two digits of their
random names; each is looked through once a day.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.clips.models import Clip
from portal.dogs.models import PartialUpload, Photo
from portal.dogs.storage import delete_files
from portal.feeds.models import Archive, Feed
from portal.files import FilesAway, names_and_times
from portal.matching.models import Query
from portal.matching.photos import SIZES

# The folders of all that is stored; tests/portal/test_orphans.py holds them to the code.
FOLDERS = ("archives", "clips", "photos", "pieces", "queries", "thumbnails", "uploads")
# Rows that name files in fields of their own.
FIELDS: tuple[tuple[type[models.Model], tuple[str, ...]], ...] = (
    (Photo, ("upload", "image", "thumbnail")),
    (Query, ("upload", "image")),
    (Clip, ("upload", "film", "poster")),
)
SHARDS = 256
# A round through all shards takes less than a day: 21 hours and 20 minutes.
A_SHARD_EVERY = timedelta(minutes=5)
# Whoever writes a file writes its row soon after.
OLD_ENOUGH = timedelta(hours=1)

log = logging.getLogger(__name__)


def delete_orphans(*, now: datetime | None = None, everything: bool = False) -> int:
    """Deletes this moment's shard's files that no row names, or all such; the number of them."""
    now = now or timezone.now()
    turn = int(now.timestamp() // A_SHARD_EVERY.total_seconds()) % SHARDS
    deleted = 0
    for shard in range(SHARDS) if everything else [turn]:
        for folder in FOLDERS:
            try:
                old = list(old_files(f"{folder}/{shard:02x}", now - OLD_ENOUGH))
            except FilesAway:
                log.warning("Files are away, so this shard waits for its next turn")
                return deleted
            orphans = sorted(set(old) - named(old)) if old else []
            delete_files(orphans)
            deleted += len(orphans)
    if deleted:
        log.warning("Deleted %s files that no row named", deleted)
    return deleted


def old_files(folder: str, before: datetime) -> Iterator[str]:
    """Stored names of the files in a folder that were written before a moment. Raises FilesAway."""
    return (name for name, written in names_and_times(folder) if written < before)


def named(names: Iterable[str]) -> set[str]:
    """Those of these stored names that a row has."""
    wanted = list(names)
    found: set[str] = set()
    for model, fields in FIELDS:
        for field in fields:
            rows = model._default_manager.filter(**{f"{field}__in": wanted})
            found.update(rows.values_list(field, flat=True))
    sizes = Q()
    for size in SIZES:
        sizes |= Q(**{f"variants__{size}__in": wanted})
    for variants in Photo.objects.filter(sizes).values_list("variants", flat=True):
        found.update((variants or {}).values())
    for pieces in PartialUpload.objects.values_list("pieces", flat=True):
        found.update(pieces)
    found.update(Archive.objects.filter(upload__in=wanted).values_list("upload", flat=True))
    # The table that a feed was made of is read again with it.
    for settings in Feed.objects.values_list("settings", flat=True):
        found.add(str(settings.get("upload", "")))
    return found & set(wanted)
