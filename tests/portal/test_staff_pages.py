"""The pages of shelter staff: who may open them, what they store, what they say."""

import uuid
from datetime import date

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs import services
from portal.dogs.forms import months_ago
from portal.dogs.models import Dog, Photo
from portal.dogs.words import age_words, facts_line
from portal.jobs.models import Job
from portal.shelters.services import add_member, create_shelter
from tests.portal.uploads import jpeg, upload

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def staff(shelter):
    user = User.objects.create_user("staff@example.org", "secret", display_name="Minji")
    add_member(shelter=shelter, user=user)
    return user


@pytest.fixture
def people(staff):
    other = User.objects.create_user("other@example.org", "secret")
    add_member(shelter=create_shelter(name="Bada"), user=other)
    return {
        "anonymous": None,
        "adopter": User.objects.create_user("adopter@example.org", "secret"),
        "other staff": other,
        "staff": staff,
        "admin": User.objects.create_superuser("admin@example.org", "secret"),
    }


@pytest.fixture
def page(client, staff):
    client.force_login(staff)
    return client


def new_dog(**fields):
    return {
        "submission": str(uuid.uuid4()),
        "name": "Bori",
        "sex": "female",
        "neutered": "unknown",
        "action": "publish",
        **fields,
    }


def list_dog(client, shelter, photos=None, **fields):
    data = new_dog(shelter=shelter.pk, **fields)
    data["photos"] = [upload()] if photos is None else photos
    return client.post(reverse("staff:dog_new"), data, follow=True)


# Who may

GUARDED = [
    ("get", "staff:dog_edit"),
    ("post", "staff:dog_edit"),
    ("post", "staff:dog_status"),
    ("post", "staff:dog_bond"),
    ("get", "staff:photos"),
    ("post", "staff:photo_add"),
    ("post", "staff:photo_order"),
    ("post", "staff:photo_delete"),
    ("post", "staff:photo_retry"),
]
ALLOWED = {"anonymous": "login", "adopter": 403, "other staff": 404, "staff": "in", "admin": "in"}


@pytest.mark.parametrize("who", ALLOWED)
@pytest.mark.parametrize(("method", "view"), GUARDED)
def test_only_the_dogs_own_shelter_and_admins_may_edit(client, people, make_dog, method, view, who):
    dog = make_dog(photos=1)
    photo = dog.photos.get()
    about_photo = view in ("staff:photo_delete", "staff:photo_retry")
    address = reverse(view, args=[photo.pk if about_photo else dog.slug])
    if people[who]:
        client.force_login(people[who])
    answer = getattr(client, method)(address)
    expected = ALLOWED[who]
    if expected == "login":
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("login"))
    elif expected == "in":
        assert answer.status_code in (200, 302, 422)
        assert "/login/" not in answer.get("Location", "")
    else:
        assert answer.status_code == expected
        assert Photo.objects.filter(pk=photo.pk).exists()


@pytest.mark.parametrize("view", ["staff:dogs", "staff:dog_new"])
def test_the_list_and_the_form_are_for_staff(client, people, view):
    statuses = {}
    for who, user in people.items():
        client.logout()
        if user:
            client.force_login(user)
        statuses[who] = client.get(reverse(view)).status_code
    assert statuses == {
        "anonymous": 302,
        "adopter": 403,
        "other staff": 200,
        "staff": 200,
        "admin": 200,
    }


def test_nobody_lists_a_dog_in_another_shelter(page, make_dog):
    elsewhere = create_shelter(name="Bada")
    answer = list_dog(page, elsewhere)
    assert answer.status_code == 422
    assert not Dog.objects.exists()


def test_a_bond_with_another_shelters_dog_is_no_choice(page, make_dog):
    dog, other = make_dog(), make_dog("Nari", shelter=create_shelter(name="Bada"))
    page.post(reverse("staff:dog_bond", args=[dog.slug]), {"other": other.pk})
    dog.refresh_from_db()
    assert dog.bonded_with is None


# The list


def test_the_list_shows_own_dogs_with_the_state_that_matters(page, make_dog):
    make_dog("Bori", photos=2)
    Photo.objects.filter(position=0).update(state="searchable")
    Photo.objects.filter(position=1).update(state="no_dog", error_code="no_dog")
    make_dog("Nari")
    make_dog("Elsewhere", shelter=create_shelter(name="Bada"))
    answer = page.get(reverse("staff:dogs"))
    rows = {row.dog.name: row for row in answer.context["rows"]}
    assert set(rows) == {"Bori", "Nari"}
    assert (rows["Bori"].state, rows["Bori"].trouble) == ("searchable", 1)
    assert rows["Nari"].state is None
    assert "1 photo to look at" in answer.content.decode()


def test_the_list_is_narrowed_by_status_trouble_and_name(page, make_dog):
    make_dog("Bori", photos=1)
    Photo.objects.update(state="failed", error_code="timed_out")
    make_dog("Nari", publish=False)

    def names(**wanted):
        answer = page.get(reverse("staff:dogs"), wanted)
        return [row.dog.name for row in answer.context["rows"]]

    assert names() == ["Nari", "Bori"]
    assert names(status="draft") == ["Nari"]
    assert names(status="trouble") == ["Bori"]
    assert names(q="nar") == ["Nari"]
    assert names(status="available", q="nar") == []
    counts = {tab[0]: tab[2] for tab in page.get(reverse("staff:dogs")).context["tabs"]}
    assert (counts[""], counts["available"], counts["draft"], counts["trouble"]) == (2, 1, 1, 1)


def test_the_list_asks_as_often_for_thirty_dogs_as_for_one(
    page, make_dog, django_assert_max_num_queries
):
    make_dog(photos=1)
    with django_assert_max_num_queries(12) as few:
        page.get(reverse("staff:dogs"))
    for _ in range(33):
        make_dog(photos=1)
    with django_assert_max_num_queries(len(few)):
        answer = page.get(reverse("staff:dogs"))
    assert len(answer.context["rows"]) == 30
    assert answer.context["page"].paginator.num_pages == 2


def test_a_shelter_without_dogs_is_told_what_to_do(page):
    assert "No dogs yet" in page.get(reverse("staff:dogs")).content.decode()


# A new dog


def test_listing_a_dog(page, shelter, staff):
    answer = list_dog(
        page,
        shelter,
        photos=[upload(), upload()],
        weight_kg="9.5",
        breeds="진돗개, beagle",
        colours=["brown", "white"],
        neutered="yes",
        good_with_cats="no",
        energy="4",
        tags="calm, loves snow",
        age_years="3",
    )
    dog = Dog.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("staff:dog_edit", args=[dog.slug])
    assert (dog.shelter, dog.status, dog.neutered) == (shelter, Dog.Status.AVAILABLE, True)
    assert dog.listed_at is not None
    assert sorted(b.slug for b in dog.breeds.all()) == ["beagle", "jindo-dog"]
    assert dog.tags == ["calm", "loves snow"]
    assert (dog.birth_precision, age_words(dog)) == ("year", "about 3 years")
    assert {v.trait: (v.answer or v.level, v.set_by) for v in dog.temperament.all()} == {
        "good_with_cats": ("no", staff),
        "energy": (4, staff),
    }
    assert dog.photos.count() == 2
    assert set(Job.objects.values_list("queue", flat=True)) == {Job.Queue.INTERACTIVE}


def test_the_same_form_twice_makes_one_dog(page, shelter):
    form = new_dog(shelter=shelter.pk)
    for _ in range(2):
        answer = page.post(reverse("staff:dog_new"), {**form, "photos": [upload(jpeg("red"))]})
        assert answer.status_code == 302
    assert Dog.objects.get().photos.count() == 1


def test_a_form_cut_short_is_completed_by_sending_it_again(page, shelter, monkeypatch):
    form = new_dog(shelter=shelter.pk)
    photo = jpeg("red")
    with monkeypatch.context() as patch:
        patch.setattr(services, "add_photos", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            page.post(reverse("staff:dog_new"), {**form, "photos": [upload(photo)]})
    assert Dog.objects.get().status == Dog.Status.DRAFT
    for _ in range(2):
        answer = page.post(
            reverse("staff:dog_new"), {**form, "photos": [upload(photo)]}, follow=True
        )
        assert "already has this photo" not in answer.content.decode()
    dog = Dog.objects.get()
    assert (dog.status, dog.photos.count()) == (Dog.Status.AVAILABLE, 1)


def test_without_a_shelter_an_admin_is_led_to_making_one(client, db):
    client.force_login(User.objects.create_superuser("admin@example.org", "secret"))
    answer = client.get(reverse("staff:dog_new"), follow=True)
    assert reverse("admin:shelters_shelter_add") in answer.content.decode()


def test_a_script_of_someone_logged_out_gets_no_login_page(client, make_dog):
    answer = client.get(reverse("staff:photos", args=[make_dog().slug]), headers=HTMX)
    assert (answer.status_code, answer.content) == (401, b"")


def test_each_wrong_field_has_its_own_message_and_nothing_typed_is_lost(page, shelter):
    answer = list_dog(
        page,
        shelter,
        photos=[],
        name="",
        weight_kg="900",
        breeds="Moon dog",
        birth_date="2999-01-01",
        age_months="40",
        description="Sleeps in the sun",
        good_with_dogs="yes",
        energy="7",
    )
    assert answer.status_code == 422
    form = answer.context["form"]
    assert set(form.errors) == {
        "name", "weight_kg", "breeds", "birth_date", "age_months", "photos",
    }  # fmt: skip
    text = answer.content.decode()
    for errors in form.errors.values():
        assert str(errors[0]).replace("'", "&#x27;") in text
    assert "Moon dog" in text
    assert "Sleeps in the sun" in text
    chosen = {field.name: field.value() for field, _ in answer.context["answers"]}
    assert chosen["good_with_dogs"] == "yes"
    assert not Dog.objects.exists()


def test_a_script_gets_the_fields_only_and_then_the_way_to_the_dog(page, shelter):
    address = reverse("staff:dog_new")
    answer = page.post(address, new_dog(shelter=shelter.pk, name=""), headers=HTMX)
    assert answer.status_code == 422
    assert b'id="fields"' in answer.content
    assert b'type="file"' not in answer.content
    data = new_dog(shelter=shelter.pk, photos=[upload()])
    answer = page.post(address, data, headers=HTMX)
    assert answer["HX-Redirect"] == reverse("staff:dog_edit", args=[Dog.objects.get().slug])


def test_refused_photos_are_named_and_the_others_are_kept(page, shelter):
    photos = [upload(), upload(b"hello", "notes.txt"), upload(b"", "empty.jpg")]
    answer = list_dog(page, shelter, photos=photos)
    text = answer.content.decode()
    assert "notes.txt: This file is not a photo." in text
    assert "empty.jpg: This file is empty." in text
    dog = Dog.objects.get()
    assert dog.photos.count() == 1
    assert dog.status == Dog.Status.AVAILABLE


def test_a_dog_whose_photos_are_all_refused_stays_a_draft(page, shelter):
    answer = list_dog(page, shelter, photos=[upload(b"hello", "notes.txt")])
    assert Dog.objects.get().status == Dog.Status.DRAFT
    assert "none of the photos can be used" in answer.content.decode()


def test_a_draft_needs_no_photo(page, shelter):
    list_dog(page, shelter, photos=[], action="draft")
    assert Dog.objects.get().status == Dog.Status.DRAFT


# Ages


def test_an_age_is_kept_as_exactly_as_it_was_said(page, shelter):
    list_dog(page, shelter, age_years="0", age_months="5")
    dog = Dog.objects.get()
    assert (dog.birth_precision, age_words(dog)) == ("month", "5 months")
    assert dog.birth_date == months_ago(5)


def test_an_exact_birth_date_wins(page, shelter):
    list_dog(page, shelter, age_years="9", birth_date="2021-05-17")
    dog = Dog.objects.get()
    assert (dog.birth_precision, dog.birth_date) == ("day", date(2021, 5, 17))


def test_saving_an_age_unchanged_does_not_move_the_birth_date(page, make_dog):
    dog = make_dog(birth_date=date(2020, 2, 1), birth_precision="year")
    address = reverse("staff:dog_edit", args=[dog.slug])
    form = page.get(address).context["form"]
    data = {"name": "Bori", "sex": "male", "neutered": "unknown"}
    page.post(address, {**data, "age_years": form.initial["age_years"]})
    dog.refresh_from_db()
    assert (dog.sex, dog.birth_date) == ("male", date(2020, 2, 1))
    page.post(address, {**data, "age_years": "1"})
    dog.refresh_from_db()
    assert dog.birth_date.year == timezone.localdate().year - 1


def test_words_for_facts(make_dog):
    dog = make_dog(weight_kg="8.80", sex="female")
    dog.refresh_from_db()
    assert facts_line(dog) == "female · 8.8 kg"


# The edit page


def test_the_edit_page_says_who_knows_a_trait_and_when(page, make_dog):
    dog = make_dog(temperament={"good_with_cats": "no"})
    text = page.get(reverse("staff:dog_edit", args=[dog.slug])).content.decode()
    assert "Minji, now" in text


def test_another_answer_is_stored_and_unknown_deletes(page, make_dog):
    dog = make_dog(temperament={"good_with_cats": "no", "energy": 2})
    data = {"name": "Bori", "sex": "male", "neutered": "no", "good_with_cats": "", "energy": "5"}
    page.post(reverse("staff:dog_edit", args=[dog.slug]), data)
    assert list(dog.temperament.values_list("trait", "level")) == [("energy", 5)]


def test_a_wrong_edit_changes_nothing_and_keeps_what_was_typed(page, make_dog):
    dog = make_dog()
    data = {"name": "", "sex": "male", "neutered": "no", "description": "New words"}
    answer = page.post(reverse("staff:dog_edit", args=[dog.slug]), data)
    assert answer.status_code == 422
    assert "New words" in answer.content.decode()
    assert "<h1>Bori</h1>" in answer.content.decode()
    dog.refresh_from_db()
    assert (dog.name, dog.sex) == ("Bori", "unknown")


@pytest.mark.parametrize("status", ["available", "on_hold", "adopted", "withdrawn"])
def test_status_buttons(page, make_dog, status):
    dog = make_dog(photos=1, publish=status != "available")
    page.post(reverse("staff:dog_status", args=[dog.slug]), {"status": status})
    dog.refresh_from_db()
    assert dog.status == status


def test_a_dog_without_photos_is_not_listed(page, make_dog):
    dog = make_dog(publish=False)
    address = reverse("staff:dog_status", args=[dog.slug])
    answer = page.post(address, {"status": "available"}, follow=True)
    dog.refresh_from_db()
    assert dog.status == Dog.Status.DRAFT
    assert "Add a photo first" in answer.content.decode()


def test_a_status_that_does_not_exist(page, make_dog):
    dog = make_dog()
    address = reverse("staff:dog_status", args=[dog.slug])
    answer = page.post(address, {"status": "asleep"}, follow=True)
    assert "not a status" in answer.content.decode()


def test_bonding_and_freeing(page, make_dog):
    dog, other = make_dog(), make_dog("Nari")
    address = reverse("staff:dog_bond", args=[dog.slug])
    page.post(address, {"other": other.pk})
    other.refresh_from_db()
    assert other.bonded_with == dog
    page.post(address, {"other": ""})
    other.refresh_from_db()
    assert other.bonded_with is None


# Photos


def test_photos_ask_again_only_while_one_of_them_waits(page, make_dog):
    dog = make_dog(photos=2)
    address = reverse("staff:photos", args=[dog.slug])
    assert b'hx-trigger="every' in page.get(address, headers=HTMX).content
    Photo.objects.update(state="searchable")
    assert b'hx-trigger="every' not in page.get(address, headers=HTMX).content


def test_a_failed_photo_says_why_and_can_be_tried_again(page, make_dog):
    dog = make_dog(photos=1)
    Job.objects.update(state=Job.State.FAILED)
    Photo.objects.update(state="failed", error_code="timed_out")
    text = page.get(reverse("staff:photos", args=[dog.slug]), headers=HTMX).content.decode()
    assert "This took too long" in text
    retry = reverse("staff:photo_retry", args=[dog.photos.get().pk])
    assert retry in text
    assert "waiting" in page.post(retry, headers=HTMX).content.decode()
    assert Job.objects.open().count() == 1


def test_adding_reordering_and_deleting_photos(page, make_dog):
    dog = make_dog(photos=2)
    files = [upload(), upload(b"hello", "notes.txt")]
    answer = page.post(reverse("staff:photo_add", args=[dog.slug]), {"photos": files}, headers=HTMX)
    assert "notes.txt" in answer.content.decode()
    first, second, third = dog.photos.all()
    (tile, *_) = answer.context["tiles"]
    assert (tile.earlier, tile.later) == ("", f"{second.pk},{first.pk},{third.pk}")
    page.post(reverse("staff:photo_order", args=[dog.slug]), {"order": tile.later})
    assert list(dog.photos.all()) == [second, first, third]
    page.post(reverse("staff:photo_delete", args=[second.pk]))
    assert list(dog.photos.all()) == [first, third]


def test_an_order_of_nonsense_changes_nothing(page, make_dog):
    dog = make_dog(photos=2)
    before = list(dog.photos.all())
    page.post(reverse("staff:photo_order", args=[dog.slug]), {"order": "x,,-1,99999"})
    assert list(dog.photos.all()) == before


def test_the_edit_page_asks_little(page, make_dog, django_assert_max_num_queries):
    dog = make_dog(photos=8, temperament={"energy": 1, "good_with_cats": "yes"})
    with django_assert_max_num_queries(14):
        page.get(reverse("staff:dog_edit", args=[dog.slug]))


def test_photos_of_a_draft_are_prepared_too(page, make_dog):
    make_dog(photos=1, publish=False)
    assert Job.objects.filter(kind=Job.Kind.INDEX_PHOTO).count() == 1
