"""A backup holds all that cannot be made anew, nothing of adopters' searches, and is restored."""

import gzip
import io
import json
import tarfile

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from portal.accounts.models import User
from portal.api import backups
from portal.api.backups import BackupRefused, check_backup, make_backup, restore_backup
from portal.dogs.models import Breed, Dog, Photo, TemperamentValue
from portal.enquiries.models import Enquiry
from portal.enquiries.services import send_enquiry
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Embedding, Favourite, ModelVersion, Query
from portal.shelters.models import Membership
from portal.shelters.services import add_member
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def weights(settings, tmp_path):
    settings.MODEL_KEPT_DIR = tmp_path / "models"
    place = settings.MODEL_KEPT_DIR / ("f" * 64) / "embedder.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    return place


@pytest.fixture
def filled(shelter, staff, listed, make_dog, on_commit, weights):
    """Something in many tables: staff, two dogs, photos, a favourite, an enquiry, a search."""
    add_member(shelter=shelter, user=staff)
    with on_commit():
        bori = listed("Bori", photos=2, temperament={"good_with_dogs": "yes"})
    make_dog("나라", photos=1)
    bori.breeds.set(Breed.objects.all()[:2])
    name = default_storage.save("thumbnails/3f/variant.avif", ContentFile(b"variant"))
    Photo.objects.filter(pk=bori.photos.first().pk).update(variants={"a480": name})
    services.keep_dog(dog=bori, owner=staff)
    with on_commit():
        send_enquiry(
            dog=bori, user=staff, name="Kim", email=staff.email, language="ko", text="안녕하세요"
        )
        services.start_query(file=upload(), owner=None, owner_key="the-key", filters=Filters())
    return bori


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backups" / "pawkin.tar"


def rows():
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values())
        for model in backups.kept_models()
    }


def contents(media):
    return {
        str(p.relative_to(media)): p.read_bytes()
        for p in media.rglob("*")
        if p.is_file() and not str(p.relative_to(media)).startswith("queries/")
    }


def empty(media):
    for model in reversed(apps.get_models()):
        if model._meta.label in backups.KEPT | {"matching.Query", "jobs.Job"}:
            model._base_manager.all().delete()
    for file in media.rglob("*"):
        if file.is_file():
            file.unlink()


def test_every_table_is_kept_or_left_out_on_purpose():
    labels = {model._meta.label for model in apps.get_models()}
    assert labels == backups.KEPT | backups.LEFT
    assert not backups.KEPT & backups.LEFT


def test_what_is_restored_is_what_was(filled, path, media, weights):
    breeds = set(filled.breeds.values_list("slug", flat=True))
    rows_before, files_before = rows(), contents(media)
    summary = make_backup(path)
    assert summary.rows["dogs.Dog"] == 2
    assert summary.missing == 0
    assert path.stat().st_mode & 0o777 == 0o600
    empty(media)
    weights.unlink()
    restored = restore_backup(path)
    assert restored.rows == summary.rows
    assert rows() == rows_before
    assert contents(media) == files_before
    assert weights.read_bytes() == b"weights"
    bori = Dog.objects.get(name="Bori")
    assert set(bori.breeds.values_list("slug", flat=True)) == breeds
    assert bytes(Embedding.objects.first().vector)
    assert {Membership.objects.count(), Favourite.objects.count(), Enquiry.objects.count()} == {1}
    assert TemperamentValue.objects.get(dog=bori).answer == "yes"
    assert User.objects.get(email="staff@example.org").check_password("secret")
    assert ModelVersion.objects.active().exists()


def test_nothing_of_a_search_is_in_it(filled, path):
    query = Query.objects.get()
    make_backup(path)
    with tarfile.open(path) as tar:
        names = tar.getnames()
        texts = [
            gzip.decompress(tar.extractfile(name).read()) for name in names if name.endswith(".gz")
        ]
    assert "rows/matching.EndedQuery.jsonl.gz" in names
    assert not any("queries/" in name or "matching.Query" in name for name in names)
    for text in texts:
        for trace in (str(query.pk), query.pk.hex, "the-key", query.upload.name):
            assert trace.encode() not in text


def test_a_restore_needs_a_new_installation(filled, path, media):
    make_backup(path)
    before = rows()
    with pytest.raises(BackupRefused) as refused:
        restore_backup(path)
    assert refused.value.code == "not_empty"
    assert rows() == before


def test_a_backup_of_another_version_is_named(filled, path, media, monkeypatch):
    make_backup(path)
    empty(media)
    known = backups.applied("default")
    monkeypatch.setattr(backups, "applied", lambda alias: [*known, ["dogs", "9999_later"]])
    with pytest.raises(BackupRefused) as refused:
        restore_backup(path)
    assert refused.value.code == "other_version"
    assert "only here: dogs.9999_later" in refused.value.detail
    assert not Dog.objects.exists()


def changed(path, name, change):
    """The same tar with one member's bytes changed, or without it (None)."""
    out = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            data = old.extractfile(member).read()
            if member.name.startswith(name):
                data = change(data)
                if data is None:
                    continue
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    path.write_bytes(out.getvalue())


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("rows/dogs.Dog", lambda data: data[:-1], "backup_damaged"),
        ("media/", lambda data: b"x" + data[1:], "backup_damaged"),
        ("rows/dogs.Photo", lambda data: None, "backup_damaged"),
        ("checksums.json", lambda data: None, "backup_damaged"),
        ("manifest.json", lambda data: None, "not_a_backup"),
        ("manifest.json", lambda data: json.dumps({"format": 99}).encode(), "not_a_backup"),
    ],
)
def test_what_is_not_whole_is_refused(filled, path, media, name, change, code):
    make_backup(path)
    empty(media)
    changed(path, name, change)
    with pytest.raises(BackupRefused) as refused:
        restore_backup(path)
    assert refused.value.code == code
    assert not Dog.objects.exists()
    assert contents(media) == {}


@pytest.mark.parametrize("name", ["../outside", "/etc/x", "media/../../x", "other/x", "media//x"])
def test_a_member_that_would_lie_elsewhere_is_refused(path, name):
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo(name)
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(BackupRefused) as refused:
        check_backup(path)
    assert refused.value.code == "not_a_backup"


def test_what_is_no_tar_is_refused_in_a_sentence(path):
    path.parent.mkdir()
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CommandError, match="This is no backup of Pawkin"):
        call_command("restore", path)
    with pytest.raises(CommandError, match="This is no backup of Pawkin"):
        call_command("backup", path.with_name("absent"), check=True)


def test_a_restore_that_breaks_off_leaves_nothing(filled, path, media, monkeypatch):
    make_backup(path)
    empty(media)

    def broken():
        raise OSError("cut short")

    monkeypatch.setattr(backups, "reset_sequences", broken)
    with pytest.raises(OSError, match="cut short"):
        restore_backup(path)
    assert not Dog.objects.exists()
    assert contents(media) == {}


def test_a_backup_that_breaks_off_leaves_the_old_one(filled, path, monkeypatch):
    make_backup(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(backups, "names_of_files", full)
    with pytest.raises(CommandError, match="could not be written"):
        call_command("backup", path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["pawkin.tar"]


def test_a_photo_deleted_meanwhile_is_left_out(filled, path, media, capsys):
    default_storage.delete(filled.photos.first().image.name)
    call_command("backup", path)
    assert "1 files were deleted meanwhile" in capsys.readouterr().out
    call_command("backup", path, check=True)
    assert "is whole" in capsys.readouterr().out
