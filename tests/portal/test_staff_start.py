"""The start page of a shelter's staff, several dogs at once, and who changed what."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.dogs import services
from portal.dogs.history import lines
from portal.dogs.models import Breed, Dog, DogChange, Photo
from portal.enquiries.services import send_enquiry
from portal.matching import services as matching
from portal.shelters.services import add_member, create_shelter
from tests.portal.answers import text
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def works(client, shelter, staff):
    staff.display_name = "Minji"
    staff.save()
    add_member(shelter=shelter, user=staff)
    client.force_login(staff)
    return client


@pytest.fixture
def stranger(db):
    user = User.objects.create_user("other@example.org", "secret")
    add_member(shelter=create_shelter(name="Bada"), user=user)
    client = Client()
    client.force_login(user)
    return client


def changes(dog):
    """The latest change of each kind."""
    found = lines(dog.changes.select_related("dog", "by").order_by("pk"))
    return {line.what: (line.before, line.after) for line in found}


def test_it_says_what_waits(works, make_dog, staff, on_commit):
    bori = make_dog("Bori", photos=2)
    make_dog("Nari", publish=False)
    first, second = bori.photos.all()
    matching.fail_photo(photo=first, code="failed")
    matching.refuse_photo(photo=second, code="truncated_image")
    send_enquiry(dog=bori, user=staff, name="Jiho", email=staff.email, language="en", text="Hello")
    page = text(works.get("/staff/"))
    assert "1 draft 1 can be adopted 0 on hold" in page
    assert "Photos to look at 2" in page
    assert "This photo is damaged or incomplete." in page
    assert "Jiho about Bori" in page
    assert "Bori · Photos: 0 → 2" in page
    works.post("/staff/photos/retry/")
    first.refresh_from_db()
    assert (first.state, first.error_code) == (Photo.State.WAITING, "")
    assert "Photos to look at 1" in text(works.get("/staff/"))


def test_a_busy_shelter_costs_no_more_questions(works, make_dog, django_assert_max_num_queries):
    for number in range(15):
        dog = make_dog(f"Dog {number}", photos=1)
        matching.fail_photo(photo=dog.photos.get(), code="failed")
    with django_assert_max_num_queries(15):
        works.get("/staff/")


def test_another_shelter_sees_none_of_it(works, stranger, make_dog):
    dog = make_dog("Bori", photos=1)
    matching.fail_photo(photo=dog.photos.get(), code="failed")
    assert "Bori" not in text(stranger.get("/staff/"))
    stranger.post("/staff/photos/retry/")
    assert dog.photos.get().state == Photo.State.FAILED
    assert stranger.get(f"/staff/dogs/{dog.slug}/changes/").status_code == 404
    sent = {"dog": dog.slug, "status": "adopted", "sure": "yes"}
    stranger.post(reverse("staff:set_statuses"), sent)
    assert Dog.objects.get().status == Dog.Status.AVAILABLE


def test_several_dogs_change_at_once_after_a_look_at_their_names(works, make_dog, staff):
    dogs = [make_dog(name, photos=1) for name in ("Bori", "Nari", "Haru")]
    sent = {"dog": [dog.slug for dog in dogs[:2]], "status": "adopted"}
    page = text(works.post(reverse("staff:set_statuses"), sent))
    assert "Change 2 dogs to: adopted?" in page
    assert "Bori" in page
    assert "Haru" not in page
    assert not Dog.objects.filter(status=Dog.Status.ADOPTED).exists()
    answer = works.post(reverse("staff:set_statuses"), {**sent, "sure": "yes"}, follow=True)
    assert "2 dogs are now: adopted." in text(answer)
    found = Dog.objects.filter(status=Dog.Status.ADOPTED)
    assert {dog.name for dog in found} == {"Bori", "Nari"}
    assert changes(found.get(name="Bori"))["status"] == ("can be adopted", "adopted")


def test_of_several_those_without_a_photo_are_not_listed(works, make_dog):
    with_photo = make_dog("Bori", photos=1, publish=False)
    without = make_dog("Nari", publish=False)
    sent = {"dog": [with_photo.slug, without.slug], "status": "available", "sure": "yes"}
    page = text(works.post(reverse("staff:set_statuses"), sent, follow=True))
    assert "1 dog is now: can be adopted." in page
    assert "Without a photo nobody finds a dog: Nari." in page
    without.refresh_from_db()
    assert without.status == Dog.Status.DRAFT


@pytest.mark.parametrize("sent", [{}, {"dog": "x", "status": "adopted"}, {"status": "lost"}])
def test_nothing_ticked_changes_nothing(works, make_dog, sent):
    make_dog("Bori", photos=1)
    page = text(works.post(reverse("staff:set_statuses"), sent, follow=True))
    assert "Tick dogs in the list" in page
    assert Dog.objects.get().status == Dog.Status.AVAILABLE


def test_every_change_is_told_in_words(works, make_dog, staff):
    dog = make_dog("Bori", temperament={"energy": 2, "house_trained": "yes"})
    other = make_dog("Nari")
    breed = Breed.objects.get(slug="jindo-dog")
    services.update_dog(
        dog=dog,
        by=staff,
        fields={
            "name": "Borim",
            "weight_kg": Decimal("8.50"),
            "birth_date": date(2024, 5, 1),
            "colours": ["white", "black"],
            "neutered": True,
            "sex": "female",
            "mixed": True,
            "tags": ["calm"],
            "breeds": [breed],
            "bonded_with": other,
            "status": "on_hold",
        },
        temperament={"energy": 4, "house_trained": None},
    )
    services.add_photos(dog=dog, files=[upload(), upload()], by=staff)
    one, two = dog.photos.all()
    services.order_photos(dog=dog, photo_ids=[two.pk, one.pk], by=staff)
    services.delete_photo(photo=one, by=staff)
    told = changes(dog)
    assert told["name"] == ("Bori", "Borim")
    assert told["weight (kg)"] == ("empty", "8.5 kg")
    assert told["birth date"] == ("empty", "May 1, 2024")
    assert told["colours"] == ("empty", "white, black")
    assert told["neutered"] == ("empty", "yes")
    assert told["breed"] == ("empty", str(breed))
    assert told["bonded with"] == ("empty", "Nari")
    assert told["energy"] == ("2", "4")
    assert told["house-trained"] == ("yes", "unknown")
    assert told["photos"] == ("2", "1")
    assert "order of the photos" in told
    assert "mixed breed" not in told
    assert all(change.by == staff for change in dog.changes.all())
    page = text(works.get(f"/staff/dogs/{dog.slug}/changes/"))
    assert "Weight (kg): empty → 8.5 kg Minji" in page
    assert "Weight" in text(works.get(f"/staff/dogs/{dog.slug}/"))


def test_saving_what_is_there_already_changes_nothing(make_dog, staff):
    dog = make_dog("Bori", weight_kg=Decimal("8.50"), colours=["white"])
    before = DogChange.objects.count()
    fields = {"name": "Bori", "weight_kg": Decimal("8.5"), "colours": ["white"], "breeds": []}
    services.update_dog(dog=Dog.objects.get(pk=dog.pk), by=staff, fields=fields)
    services.set_status(dog=dog, status="available", by=staff)
    assert DogChange.objects.count() == before


def test_a_program_is_named_as_one(make_dog):
    dog = make_dog("Bori")
    services.update_dog(dog=dog, by=None, fields={"name": "Borim"})
    assert lines(dog.changes.select_related("dog", "by"))[0].who == "a feed or a program"


def test_adopters_see_no_history(client, make_dog):
    dog = make_dog("Bori", photos=1)
    services.update_dog(dog=dog, by=None, fields={"name": "Borim"})
    assert "History" not in text(client.get(f"/dogs/{dog.slug}/"))
    assert client.get(f"/staff/dogs/{dog.slug}/changes/").status_code == 302
