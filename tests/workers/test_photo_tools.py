"""Workers cut photos and make them in other sizes."""

import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from portal.dogs import services
from portal.dogs.models import Photo
from portal.jobs.models import Job
from portal.shelters.services import create_shelter
from tests.workers.conftest import picture
from workers import pipeline, tasks

pytestmark = pytest.mark.django_db(transaction=True)


def opened(name):
    with default_storage.open(name) as file:
        return Image.open(io.BytesIO(file.read())).copy()


def do(kind):
    pipeline.run(Job.objects.open().get(kind=kind).pk)


@pytest.fixture
def photo(version, outbox, shelter_dog):
    dog = shelter_dog([picture((200, 30, 30), size=(1000, 500), seed=1)])
    do("index_photo")
    return dog.photos.get()


@pytest.fixture
def shelter_dog(db, media):
    def make(photos):
        return services.create_dog(
            shelter=create_shelter(name="Hanbit"),
            by=None,
            fields={"name": "Bori"},
            photos=[SimpleUploadedFile("photo.jpg", data) for data in photos],
            publish=True,
        )

    return make


def test_a_photo_is_cut_and_described_anew(photo):
    services.crop_photo(photo=photo, box=[0.5, 0.0, 1.0, 1.0])
    do("crop_photo")
    do("index_photo")
    [cut] = Photo.objects.all()
    assert cut.pk != photo.pk
    assert (cut.width, cut.height, cut.state) == (500, 500, "searchable")
    assert cut.embeddings.count() == 1
    assert not default_storage.exists(photo.image.name)


def test_what_would_be_no_photo_stays_whole(photo):
    Photo.objects.update(crop=[0.0, 0.0, 0.02, 0.02])
    Job.objects.create(kind="crop_photo", subject=str(photo.pk), queue="interactive")
    do("crop_photo")
    photo.refresh_from_db()
    assert (photo.crop, photo.error_code, photo.state) == (None, "image_too_small", "searchable")
    assert default_storage.exists(photo.image.name)


def test_pictures_in_other_sizes(photo):
    tasks.vary_photos()
    do("make_variants")
    photo.refresh_from_db()
    found = {name: opened(file) for name, file in photo.variants.items()}
    assert {name: (one.format, one.size) for name, one in found.items()} == {
        "a480": (None, (480, 240)),
        "a960": (None, (960, 480)),
        "w960": (None, (960, 480)),
    }
    with default_storage.open(photo.variants["a480"]) as file:
        head = file.read(12)
    assert head[4:12] == b"ftypavif"
    tasks.vary_photos()
    assert not Job.objects.open().exists()


def test_a_photo_whose_file_is_gone_goes_without(photo):
    default_storage.delete(photo.image.name)
    tasks.vary_photos()
    do("make_variants")
    photo.refresh_from_db()
    assert photo.variants == {}
    assert Job.objects.latest("created_at").state == "done"


def test_smaller_pictures_wait_for_other_work(photo, shelter_dog, monkeypatch, outbox):
    shelter_dog([picture((20, 30, 230), size=(400, 300), seed=2)])
    do("index_photo")
    monkeypatch.setattr(pipeline, "VARIANTS_SECONDS", -1.0)
    tasks.vary_photos()
    do("make_variants")
    assert Photo.objects.filter(variants__isnull=True).count() == 1
    do("make_variants")
    do("make_variants")
    assert not Photo.objects.filter(variants__isnull=True).exists()
    assert Job.objects.latest("created_at").state == "done"
