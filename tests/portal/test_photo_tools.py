"""Photos of a listed dog: cropped, put in order, shown in the size that suits."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from portal.dogs import services
from portal.dogs.models import DogChange, Photo
from portal.jobs.models import Job
from portal.matching.queries import photos_without_variants
from portal.shelters.services import add_member, create_shelter
from tests.portal.answers import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, shelter, staff):
    add_member(shelter=shelter, user=staff)
    client.force_login(staff)
    return client


def crop(page, photo, **sides):
    given = {"left": 10, "top": 20, "right": 90, "bottom": 100, **sides}
    return page.post(f"/staff/photos/{photo.pk}/crop/", given)


def test_a_crop_is_a_workers_work(page, listed, messages_sent):
    photo = listed().photos.get()
    assert page.get(f"/staff/photos/{photo.pk}/crop/").status_code == 200
    assert crop(page, photo).status_code == 302
    photo.refresh_from_db()
    assert photo.crop == [0.1, 0.2, 0.9, 1.0]
    assert Job.objects.open().get(kind="crop_photo").subject == str(photo.pk)
    assert DogChange.objects.filter(field="photo_cropped").get().by is not None
    assert "a photo cropped" in text(page.get(f"/staff/dogs/{photo.dog.slug}/changes/")).lower()


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ({"left": 90, "right": 10}, "That leaves too little of the photo."),
        ({"left": 50, "right": 55}, "That leaves too little of the photo."),
        ({"right": 101}, "less than or equal to 100"),
        ({"top": ""}, "This field is required."),
    ],
)
def test_a_frame_that_is_none_says_so(page, listed, sides, words):
    photo = listed().photos.get()
    answer = crop(page, photo, **sides)
    assert answer.status_code == 422
    assert words in text(answer)
    assert not Job.objects.filter(kind="crop_photo").exists()


def test_photos_of_other_shelters_are_not_there(page, listed):
    photo = listed(shelter=create_shelter(name="Other")).photos.get()
    assert crop(page, photo).status_code == 404


def test_a_cropped_photo_stands_where_the_whole_one_stood(
    listed, media_files, on_commit, messages_sent
):
    dog = listed(photos=3)
    middle = dog.photos.all()[1]
    upload = default_storage.save("uploads/ab/cropped", ContentFile(b"cropped"))
    with on_commit():
        new = services.replace_photo(photo=middle, upload=upload, sha256="c" * 64)
    assert [photo.pk for photo in dog.photos.all()][1] == new.pk
    assert dog.photos.count() == 3
    assert not Photo.objects.filter(pk=middle.pk).exists()
    assert middle.image.name not in media_files()
    assert Job.objects.open().filter(kind="index_photo", subject=str(new.pk)).exists()
    assert services.replace_photo(photo=middle, upload=upload, sha256="d" * 64) is None
    assert services.replace_photo(photo=new, upload=upload, sha256="c" * 64) is None


def test_any_photo_becomes_the_cover(page, listed):
    dog = listed(photos=3)
    first, second, third = dog.photos.all()
    shown = page.get(f"/staff/dogs/{dog.slug}/").content.decode()
    assert f'value="{third.pk},{first.pk},{second.pk}"' in shown
    assert f'data-order="{first.pk},{second.pk},{third.pk}"' in shown
    page.post(f"/staff/dogs/{dog.slug}/photos/order/", {"order": f"{third.pk}"})
    assert [photo.pk for photo in dog.photos.all()] == [third.pk, first.pk, second.pk]


# Sizes


def varied(photo):
    names = {}
    for name, kind in {"a480": "avif", "a960": "avif", "w960": "webp"}.items():
        names[name] = default_storage.save(f"thumbnails/{name}.{kind}", ContentFile(name.encode()))
    assert services.claim_variants(photo=photo)
    assert services.store_variants(photo=photo, variants=names)


def test_a_browser_chooses_among_sizes_and_formats(client, listed):
    photo = listed().photos.get()
    Photo.objects.update(width=1280, height=960)
    plain = client.get(f"/dogs/{photo.dog.slug}/").content.decode()
    assert "image/avif" not in plain
    varied(photo)
    shown = client.get(f"/dogs/{photo.dog.slug}/").content.decode()
    base = f"/photos/{photo.name}"
    assert f'srcset="{base}/a480/ 480w, {base}/a960/ 960w"' in shown
    assert f'{base}/thumb/ 480w, {base}/w960/ 960w, {base}/full/ 1280w"' in shown
    cards = client.get("/dogs/").content.decode()
    assert f'src="{base}/thumb/" srcset="{base}/thumb/ 480w, {base}/w960/ 960w"' in cards
    for size, kind in (("a480", "image/avif"), ("w960", "image/webp"), ("full", "image/webp")):
        answer = client.get(f"{base}/{size}/")
        assert answer["Content-Type"] == kind
    assert b"".join(client.get(f"{base}/a960/")) == b"a960"
    assert client.get(f"{base}/a4000/").status_code == 404


def test_a_size_that_is_not_made_yet_is_the_whole_picture(client, listed):
    photo = listed().photos.get()
    assert client.get(f"/photos/{photo.name}/a480/").status_code == 200


def test_variants_go_with_their_photo(listed, media_files, on_commit):
    photo = listed().photos.get()
    varied(photo)
    photo.refresh_from_db()
    assert not services.store_variants(photo=photo, variants={"a480": "x"})
    with on_commit():
        services.delete_photo(photo=photo)
    assert not [name for name in media_files() if name.startswith(("thumb", "photos"))]


def test_only_public_photos_are_varied_and_each_once(listed, messages_sent):
    public, gone = listed("public"), listed("gone")
    services.set_status(dog=gone, status="withdrawn", by=None)
    photo = public.photos.get()
    assert list(photos_without_variants()) == [photo]
    assert services.claim_variants(photo=photo)
    assert not services.claim_variants(photo=photo)
    assert not photos_without_variants().exists()
