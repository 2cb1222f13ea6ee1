"""Dogs and their photos: what is stored, what is refused, what is left behind."""

import hashlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.dogs import services
from portal.dogs.models import Breed, Dog, Photo, TemperamentValue
from portal.dogs.storage import new_files
from portal.dogs.uploads import Refusal
from portal.jobs.models import Job
from portal.shelters.services import create_shelter
from tests.portal.uploads import jpeg, upload

pytestmark = pytest.mark.django_db

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"></svg>'


def test_a_dog_with_photos(make_dog, media_files, messages_sent, on_commit):
    with on_commit():
        dog = make_dog(photos=2, temperament={"energy": 4, "good_with_cats": "no"}, weight_kg=5)
    photos = list(dog.photos.all())
    assert [photo.position for photo in photos] == [0, 1]
    assert {photo.state for photo in photos} == {"waiting"}
    assert media_files() == sorted(photo.upload.name for photo in photos)
    with photos[0].upload.open() as file:
        assert hashlib.sha256(file.read()).hexdigest() == photos[0].sha256
    assert len(messages_sent) == 2
    assert set(Job.objects.values_list("subject", flat=True)) == {str(p.pk) for p in photos}
    assert dog.status == Dog.Status.AVAILABLE
    assert dog.listed_at is not None
    assert dict(dog.temperament.values_list("trait", "level")) == {
        "energy": 4,
        "good_with_cats": None,
    }


def test_the_file_name_of_the_uploader_is_not_kept(make_dog, media_files):
    dog = make_dog()
    services.add_photos(dog=dog, files=[upload(name="../../etc/passwd.jpg")])
    assert "passwd" not in media_files()[0]
    assert media_files()[0].startswith("uploads/")


@pytest.mark.parametrize("bad", [SVG, b"", jpeg()[:20], b"\x89PNG\r\n\x1a\n<html>"])
def test_a_new_dog_with_a_bad_photo_is_not_stored(shelter, staff, media_files, bad):
    with pytest.raises(services.PhotosRefused) as caught:
        services.create_dog(
            shelter=shelter,
            by=staff,
            fields={"name": "Bori"},
            photos=[upload(), upload(bad, "bad.jpg")],
        )
    assert [refusal.file_name for refusal in caught.value.refusals] == ["bad.jpg"]
    assert not Dog.objects.exists()
    assert media_files() == []


def test_the_good_ones_of_mixed_photos_are_kept_in_order(make_dog, media_files):
    dog = make_dog()
    again = jpeg((1, 2, 3))
    files = [upload(SVG, "a.svg"), upload(again), upload(b"", "c"), upload(again, "d.jpg")]
    results = services.add_photos(dog=dog, files=files)
    assert results[0] == Refusal("a.svg", "unsupported_format")
    assert isinstance(results[1], Photo)
    assert results[2] == Refusal("c", "empty_file")
    assert results[3] == Refusal("d.jpg", "photo_already_there")
    assert services.add_photos(dog=dog, files=[upload(again, "e.jpg")]) == [
        Refusal("e.jpg", "photo_already_there")
    ]
    assert media_files() == [results[1].upload.name]


def test_another_dog_may_have_the_same_photo(make_dog):
    same = jpeg((9, 9, 9))
    for name in ("Bori", "Kong"):
        assert isinstance(services.add_photos(dog=make_dog(name), files=[upload(same)])[0], Photo)


def test_a_file_over_the_limit_is_refused_whatever_size_it_declares(
    make_dog, settings, media_files
):
    settings.UPLOAD_MAX_BYTES = 500
    file = upload(jpeg() + b"\0" * 500, "large.jpg")
    file.size = 1
    assert services.add_photos(dog=make_dog(), files=[file]) == [
        Refusal("large.jpg", "file_too_large")
    ]
    assert media_files() == []


def test_a_dog_has_a_limited_number_of_photos(make_dog, monkeypatch):
    monkeypatch.setattr(services, "PHOTOS_PER_DOG", 2)
    dog = make_dog(photos=1)
    results = services.add_photos(dog=dog, files=[upload(), upload(name="third.jpg")])
    assert isinstance(results[0], Photo)
    assert results[1] == Refusal("third.jpg", "too_many_photos")


def test_no_file_stays_when_the_rows_cannot_be_written(make_dog, media_files, monkeypatch):
    dog = make_dog()
    monkeypatch.setattr(services, "enqueue", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        services.add_photos(dog=dog, files=[upload(), upload()])
    assert media_files() == []
    assert not dog.photos.exists()


def test_new_files_stay_when_the_block_ends_well(media_files):
    with new_files() as files:
        name = files.write(b"x", folder="photos", suffix=".jpg")
    assert media_files() == [name]


def test_update_writes_what_is_given_and_nothing_else(make_dog, staff):
    dog = make_dog(weight_kg=5)
    Dog.objects.filter(pk=dog.pk).update(description="written by somebody else")
    jindo = Breed.objects.get_or_create(slug="jindo", defaults={"name_en": "Jindo"})[0]
    services.update_dog(
        dog=dog, by=staff, fields={"name": "Kong", "breeds": [jindo]}, temperament={"energy": "2"}
    )
    dog.refresh_from_db()
    assert (dog.name, dog.description, float(dog.weight_kg)) == (
        "Kong",
        "written by somebody else",
        5,
    )
    assert list(dog.breeds.all()) == [jindo]
    assert dog.temperament.get().level == 2


def test_a_field_that_dogs_do_not_have_is_an_error(make_dog, staff):
    with pytest.raises(ValueError, match="colour"):
        services.update_dog(dog=make_dog(), by=staff, fields={"colour": "red"})


def test_unknown_is_no_row_and_an_unchanged_value_keeps_its_date(make_dog, staff):
    dog = make_dog(temperament={"good_with_dogs": "yes", "energy": None, "affinity": ""})
    first = TemperamentValue.objects.get()
    long_ago = timezone.now() - timedelta(days=3)
    TemperamentValue.objects.update(set_at=long_ago)
    services.set_temperament(dog=dog, trait="good_with_dogs", value="yes", by=None)
    first.refresh_from_db()
    assert (first.set_at, first.set_by) == (long_ago, staff)
    services.set_temperament(dog=dog, trait="good_with_dogs", value="selective", by=None)
    first.refresh_from_db()
    assert (first.answer, first.set_by) == ("selective", None)
    assert first.set_at > long_ago
    services.set_temperament(dog=dog, trait="good_with_dogs", value=None, by=staff)
    assert not TemperamentValue.objects.exists()


@pytest.mark.parametrize(
    ("trait", "value"),
    [("energy", 6), ("energy", 0), ("good_with_cats", "maybe"), ("looks", "yes")],
)
def test_the_database_refuses_a_value_that_does_not_suit_its_trait(make_dog, trait, value):
    dog = make_dog()
    with pytest.raises(IntegrityError), transaction.atomic():
        services.set_temperament(dog=dog, trait=trait, value=value, by=None)


def test_every_change_is_seen_by_rankings(make_dog, staff):
    dog = make_dog()
    changes = [
        lambda: services.set_temperament(dog=dog, trait="energy", value=1, by=staff),
        lambda: services.set_status(dog=dog, status="on_hold", by=staff),
        lambda: services.update_dog(dog=dog, by=staff, fields={"weight_kg": 9}),
        lambda: services.publish_dog(dog=dog),
        lambda: services.bond_dogs(dog=dog, other=make_dog("Kong")),
    ]
    for change in changes:
        Dog.objects.update(updated_at=timezone.now() - timedelta(hours=1))
        before = timezone.now()
        change()
        dog.refresh_from_db()
        assert dog.updated_at >= before


def test_a_status_that_does_not_exist_is_refused(make_dog, staff):
    dog = make_dog()
    with pytest.raises(services.DogConflict) as caught:
        services.set_status(dog=dog, status="sold", by=staff)
    assert caught.value.code == "unknown_status"


def test_listed_once_keeps_its_date(make_dog, staff):
    dog = make_dog()
    listed = dog.listed_at
    services.set_status(dog=dog, status="on_hold", by=staff)
    services.publish_dog(dog=dog)
    assert dog.listed_at == listed


def bonds():
    return {dog.name: dog.bonded_with and dog.bonded_with.name for dog in Dog.objects.all()}


def test_a_bond_has_two_sides_and_ends_older_ones(make_dog):
    a, b, c, d = (make_dog(name) for name in "abcd")
    services.bond_dogs(dog=a, other=b)
    services.bond_dogs(dog=c, other=d)
    services.bond_dogs(dog=b, other=c)
    assert bonds() == {"a": None, "b": "c", "c": "b", "d": None}
    services.bond_dogs(dog=c, other=None)
    assert bonds() == dict.fromkeys("abcd")


def test_bonds_that_cannot_be(make_dog):
    dog = make_dog()
    elsewhere = make_dog("Kong", shelter=create_shelter(name="Bada"))
    for other, code in [(dog, "bond_with_itself"), (elsewhere, "bond_other_shelter")]:
        with pytest.raises(services.DogConflict) as caught:
            services.bond_dogs(dog=dog, other=other)
        assert caught.value.code == code


def test_order_of_photos(make_dog):
    dog, other = make_dog(photos=3), make_dog("Kong", photos=1)
    a, b, c = dog.photos.values_list("pk", flat=True)
    services.order_photos(dog=dog, photo_ids=[c, other.photos.get().pk, a, c, 0])
    assert list(dog.photos.values_list("pk", flat=True)) == [c, a, b]
    services.add_photos(dog=dog, files=[upload()])
    assert list(dog.photos.values_list("position", flat=True)) == [0, 1, 2, 3]


def test_a_deleted_photo_leaves_nothing(make_dog, media_files, on_commit):
    dog = make_dog(photos=1)
    photo = dog.photos.get()
    with on_commit():
        services.delete_photo(photo=photo)
        assert media_files() != []
    assert media_files() == []
    assert not dog.photos.exists()
    assert Job.objects.get().state == "cancelled"


def test_retry_sends_the_photo_again(make_dog, messages_sent, on_commit):
    photo = make_dog(photos=1).photos.get()
    Job.objects.update(state="failed")
    Photo.objects.update(state=Photo.State.FAILED, error_code="worker_lost")
    photo.refresh_from_db()
    assert photo.can_retry
    with on_commit():
        services.retry_photo(photo=photo)
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("waiting", "")
    assert len(messages_sent) == 1
    Photo.objects.update(upload="", state=Photo.State.UNREADABLE)
    photo.refresh_from_db()
    assert not photo.can_retry
    with pytest.raises(services.DogConflict):
        services.retry_photo(photo=photo)


def test_adding_photos_takes_few_queries(make_dog, django_assert_max_num_queries):
    dog = make_dog(photos=10)
    with django_assert_max_num_queries(16):
        services.add_photos(dog=dog, files=[upload()])
