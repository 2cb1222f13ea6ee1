"""No room for files: a sentence that says so, and nothing half-stored."""

import errno
import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.urls import reverse

from portal.api.services import create_token
from portal.dogs import pieces, services
from portal.dogs.models import Dog, PartialUpload, Photo
from portal.dogs.uploads import Refusal
from portal.feeds import archives
from portal.feeds.models import Archive
from portal.matching.models import Query
from portal.shelters.services import add_member
from tests.portal.test_staff_pages import list_dog
from tests.portal.uploads import jpeg, upload

pytestmark = pytest.mark.django_db

SENTENCE = "We have no room for photos just now. Please try again later."


@pytest.fixture
def full(monkeypatch):
    """From now on a disk takes the first bytes of a file and no more."""

    def save(self, name, content):
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half a fi")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "_save", save)


@pytest.fixture(autouse=True)
def member(shelter, staff):
    add_member(shelter=shelter, user=staff)


def test_an_adopter_reads_so(client, version, full, media_files):
    answer = client.post(reverse("search"), {"photo": upload()}, follow=True)
    assert SENTENCE in answer.content.decode()
    assert (Query.objects.count(), media_files()) == (0, [])


def test_a_dog_is_a_draft_until_there_is_room_for_its_photos(
    client, staff, shelter, full, media_files
):
    client.force_login(staff)
    answer = list_dog(client, shelter)
    assert SENTENCE in answer.content.decode()
    assert Dog.objects.get().status == "draft"
    assert (Photo.objects.count(), media_files()) == (0, [])


def test_a_program_lists_a_dog_with_all_its_photos_or_not_at_all(make_dog, full, media_files):
    with pytest.raises(services.PhotosRefused) as refused:
        make_dog(photos=2)
    assert refused.value.refusals[0].code == "storage_full"
    assert (Dog.objects.count(), media_files()) == (0, [])


def test_photos_that_still_had_room_stay(make_dog, full, media_files):
    dog = make_dog()
    [refused] = services.add_photos(dog=dog, files=[upload()])
    assert refused == Refusal("photo.jpg", "storage_full")
    assert (dog.photos.count(), media_files()) == (0, [])


def test_a_photo_in_pieces_can_go_on_later(staff, make_dog, monkeypatch, media_files):
    data = jpeg()
    partial = pieces.begin(owner=staff, dog=make_dog(), name="photo.jpg", length=len(data))
    pieces.append(upload=partial, offset=0, data=data[:100])
    before = media_files()
    with monkeypatch.context() as patch:
        patch.setattr("portal.dogs.storage.default_storage.save", full_disk)
        with pytest.raises(pieces.UploadRefused) as refused:
            pieces.append(upload=partial, offset=100, data=data[100:])
    assert refused.value.code == "storage_full"
    assert media_files() == before
    assert PartialUpload.objects.get().received == 100
    pieces.append(upload=partial, offset=100, data=data[100:])
    assert pieces.complete(upload=partial, by=staff).state == "waiting"


def full_disk(name, content):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_calls_get_507(staff, make_dog, shelter, client, full, media_files):
    dog = make_dog()
    _token, secret = create_token(user=staff, name="t", scopes=["write"])
    answer = client.post(
        f"/api/v1/dogs/{dog.slug}/photos/",
        {"photos": [upload()]},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    answer = client.post("/api/v1/searches/", {"image": upload()})
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert media_files() == []


def test_a_table_is_not_kept_in_part(shelter, staff, full, media_files):
    table = io.BytesIO()
    with zipfile.ZipFile(table, "w") as file:
        file.writestr("dogs.csv", "name\nNara\n")
    sent = ContentFile(table.getvalue(), name="dogs.zip")
    with pytest.raises(archives.ArchiveRefused) as refused:
        archives.take_archive(shelter=shelter, by=staff, file=sent, whole=False, language="en")
    assert refused.value.code == "storage_full"
    assert (Archive.objects.count(), media_files()) == (0, [])
