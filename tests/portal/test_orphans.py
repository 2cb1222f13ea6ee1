"""Files that no row names go; files that one names stay, whatever kind of row it is."""

import io
import os
import re
import time
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from portal.api import orphans
from portal.clips import services as clips
from portal.clips.models import Clip
from portal.dogs import pieces
from portal.dogs.models import Photo
from portal.feeds import archives
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Query
from portal.shelters.services import add_member
from tests.portal.uploads import jpeg, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(shelter, staff, listed, make_dog, media, on_commit):
    """One row of every kind that has files, and the files, all of them of yesterday."""
    add_member(shelter=shelter, user=staff)
    with on_commit():
        dog = listed("Bori", photos=2)
    make_dog("Nara", photos=1)
    photo = dog.photos.first()
    sizes = {
        size: f"thumbnails/0{n}/{size}.avif" for n, size in enumerate(("a480", "a960", "w960"))
    }
    for name in sizes.values():
        default_storage.save(name, ContentFile(b"picture"))
    Photo.objects.filter(pk=photo.pk).update(variants=sizes)
    services.start_query(file=upload(), owner=None, owner_key="k", filters=Filters())
    data = jpeg()
    partial = pieces.begin(owner=staff, dog=dog, name="photo.jpg", length=len(data))
    pieces.append(upload=partial, offset=0, data=data[:100])
    clips.take_clip(dog=dog, by=staff, file=ContentFile(b"\0\0\0\x20ftypisom" + bytes(40)))
    kept = {
        name: default_storage.save(f"clips/0c/{name}", ContentFile(b"seen"))
        for name in ("film", "poster")
    }
    Clip.objects.create(dog=dog, state=Clip.State.READY, **kept)
    table = io.BytesIO()
    with zipfile.ZipFile(table, "w") as file:
        file.writestr("dogs.csv", "name\nNara\n")
    sent = ContentFile(table.getvalue(), name="dogs.zip")
    archives.take_archive(shelter=shelter, by=staff, file=sent, whole=False, language="en")
    age(media, days=1)
    return dog


def age(folder, **span):
    then = time.time() - timedelta(**span).total_seconds()
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def test_what_a_row_names_stays(everything, media_files):
    before = media_files()
    assert {name.partition("/")[0] for name in before} >= {
        "archives", "clips", "photos", "pieces", "queries", "thumbnails", "uploads",
    }  # fmt: skip
    assert orphans.delete_orphans(everything=True) == 0
    assert media_files() == before


@pytest.mark.parametrize("folder", orphans.FOLDERS)
def test_what_none_names_goes_after_an_hour(everything, media, media_files, folder):
    before = media_files()
    left = default_storage.save(f"{folder}/3f/3f{'0' * 30}.jpg", ContentFile(b"left behind"))
    assert orphans.delete_orphans(everything=True) == 0
    age(media, minutes=61)
    assert orphans.delete_orphans(everything=True) == 1
    assert not default_storage.exists(left)
    assert media_files() == before


def test_a_file_whose_row_is_gone_is_an_orphan(everything, media, media_files):
    queries = [name for name in media_files() if name.startswith("queries/")]
    # As if the process had been killed between the row and its file.
    Query.objects.all().delete()
    assert orphans.delete_orphans(everything=True) == len(queries) == 1


def test_every_folder_has_its_turn_within_a_day(media, media_files):
    for shard in range(256):
        default_storage.save(f"queries/{shard:02x}/{shard:02x}.jpg", ContentFile(b"left"))
    age(media, hours=2)
    begin = timezone.now()
    turns = int(timedelta(hours=22) / orphans.A_SHARD_EVERY)
    for turn in range(turns):
        orphans.delete_orphans(now=begin + turn * orphans.A_SHARD_EVERY)
    assert media_files() == []


def test_all_folders_that_are_written_to_are_known():
    """Names of folders as the code has them: `folder="…"` and `FOLDER = "…"`."""
    found = set()
    for place in ("portal", "workers"):
        for path in (Path(django_settings.BASE_DIR) / place).rglob("*.py"):
            found.update(re.findall(r'(?:folder=|^FOLDER = )"(\w+)"', path.read_text(), re.M))
    assert found == set(orphans.FOLDERS)
