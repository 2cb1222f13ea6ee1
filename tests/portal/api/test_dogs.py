"""Dogs and photos by the API: who reads and writes what, and what is said of mistakes."""

import json

import pytest
from django.test import Client

from portal.dogs.models import Breed, Dog, DogEvent, Photo
from portal.dogs.services import set_status
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db
DOGS = "/api/v1/dogs/"


def problem(response, status, code):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    told = response.json()
    assert (told["status"], told["code"]) == (status, code)
    assert told["detail"]
    return told


def test_everybody_lists_what_can_be_adopted(make_dog, client):
    bori = make_dog("Bori", temperament={"good_with_children": "yes"}, weight_kg="4.50")
    make_dog("Draft", publish=False)
    told = client.get(DOGS).json()
    assert [dog["slug"] for dog in told["results"]] == [bori.slug]
    assert told["next"] is None
    [dog] = told["results"]
    assert dog["weight_kg"] == 4.5
    assert dog["temperament"][0]["trait"] == "good_with_children"
    assert dog["url"].startswith("http://testserver/dogs/bori-")


def test_filters_limit_and_their_mistakes_are_said(make_dog, client):
    make_dog("Small", weight_kg=3)
    make_dog("Large", weight_kg=30)
    unknown = make_dog("Unknown")
    names = {dog["name"] for dog in client.get(DOGS, {"size": "xs"}).json()["results"]}
    assert names == {"Small", "Unknown"}
    strict = client.get(DOGS, {"size": ["xs", "xl"], "unknown": "no"}).json()["results"]
    assert {dog["name"] for dog in strict} == {"Small", "Large"}
    assert unknown.slug
    for params, field in (
        ({"size": "huge"}, "size"),
        ({"energy": "4-2"}, "energy"),
        ({"breed": "no-such"}, "breed"),
        ({"siez": "s"}, "siez"),
        ({"status": "lost"}, "status"),
    ):
        assert list(problem(client.get(DOGS, params), 400, "invalid")["errors"]) == [field]


def test_pages_go_on_where_they_stopped_though_dogs_come(make_dog, client):
    made = [make_dog(f"Dog {number}").slug for number in range(5)]
    page = client.get(DOGS, {"page_size": 2}).json()
    seen = [dog["slug"] for dog in page["results"]]
    make_dog("Later")
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += [dog["slug"] for dog in page["results"]]
    assert seen == made[::-1]
    problem(client.get(DOGS, {"cursor": "nonsense"}), 404, "invalid_cursor")


def test_a_list_costs_the_same_however_long(make_dog, client, django_assert_max_num_queries):
    for number in range(12):
        make_dog(f"Dog {number}", photos=1, temperament={"energy": 3})
    with django_assert_max_num_queries(8):
        assert len(client.get(DOGS).json()["results"]) == 12


def test_staff_write_their_own_dogs_only(make_dog, caller, member, adopter, other_shelter, shelter):
    dog = make_dog("Bori")
    foreign = make_dog("Far", shelter=other_shelter)
    address = f"{DOGS}{dog.slug}/"
    sent = {"name": "Nara", "temperament": {"energy": 4, "house_trained": "no"}}

    def patch(client, address=address, **headers):
        return client.patch(address, json.dumps(sent), "application/json", headers=headers)

    problem(patch(Client()), 401, "not_authenticated")
    problem(patch(caller(adopter, "write")), 403, "not_allowed")
    problem(patch(caller(member)), 403, "not_allowed")
    problem(patch(caller(member, "write"), f"{DOGS}{foreign.slug}/"), 404, "not_found")
    limited = caller(member, "write", shelter=other_shelter)
    problem(patch(limited), 404, "not_found")
    response = patch(caller(member, "write"))
    assert response.status_code == 200
    dog.refresh_from_db()
    assert dog.name == "Nara"
    assert {row.trait: row.set_by for row in dog.temperament.all()} == {
        "energy": member,
        "house_trained": member,
    }
    foreign.refresh_from_db()
    assert foreign.name == "Far"


def test_a_change_on_top_of_an_unseen_one_is_refused(make_dog, caller, member):
    dog = make_dog("Bori")
    client, address = caller(member, "write"), f"{DOGS}{dog.slug}/"
    seen = client.get(address)["ETag"]
    unchanged = client.get(address, headers={"If-None-Match": seen})
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    def patch(name, tag):
        return client.patch(
            address, json.dumps({"name": name}), "application/json", headers={"If-Match": tag}
        )

    assert patch("First", seen).status_code == 200
    problem(patch("Second", seen), 412, "changed_meanwhile")
    dog.refresh_from_db()
    assert dog.name == "First"
    assert client.get(address, headers={"If-None-Match": seen}).status_code == 200


def test_a_new_dog_is_a_draft_until_it_is_listed(caller, member, shelter, other_shelter):
    client = caller(member, "write")
    breed = Breed.objects.first()
    sent = {
        "shelter": shelter.slug,
        "name": "Bori",
        "breeds": [breed.slug],
        "weight_kg": 4.2,
        "colours": ["white"],
    }
    response = client.post(DOGS, sent, "application/json")
    assert response.status_code == 201, response.content
    dog = Dog.objects.get()
    assert response["Location"] == f"{DOGS}{dog.slug}/"
    assert (dog.status, list(dog.breeds.all())) == ("draft", [breed])
    problem(
        client.post(DOGS, sent | {"shelter": other_shelter.slug}, "application/json"),
        400,
        "invalid",
    )
    listed = client.patch(f"{DOGS}{dog.slug}/", {"status": "available"}, "application/json")
    assert listed.json()["status"] == "available"
    assert DogEvent.objects.get().kind == "listed"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("weight_kg", 0),
        ("weight_kg", 121),
        ("birth_date", "1980-01-01"),
        ("birth_date", "2999-01-01"),
        ("colours", ["pink"]),
        ("breeds", ["no-such-breed"]),
        ("tags", ["x"] * 13),
        ("temperament", {"energy": 6}),
        ("temperament", {"energy": True}),
        ("temperament", {"loves_rain": "yes"}),
    ],
)
def test_each_wrong_field_is_named(field, value, make_dog, caller, member):
    dog = make_dog("Bori")
    response = caller(member, "write").patch(
        f"{DOGS}{dog.slug}/", json.dumps({field: value}), "application/json"
    )
    errors = problem(response, 400, "invalid")["errors"]
    assert [name.partition(".")[0] for name in errors] == [field]
    dog.refresh_from_db()
    assert dog.name == "Bori"


def test_a_dog_that_was_adopted_is_gone_and_a_draft_never_was(make_dog, client):
    dog = make_dog("Bori")
    set_status(dog=dog, status="adopted", by=None)
    problem(client.get(f"{DOGS}{dog.slug}/"), 410, "dog_gone")
    draft = make_dog("Draft", publish=False)
    problem(client.get(f"{DOGS}{draft.slug}/"), 404, "not_found")


def test_photos_are_taken_or_refused_one_by_one(make_dog, caller, member, media_files):
    dog = make_dog("Bori")
    client, address = caller(member, "write"), f"{DOGS}{dog.slug}/photos/"
    empty = upload(b"")
    same = upload()
    response = client.post(address, {"photos": [same, empty]})
    assert response.status_code == 201, response.content
    told = response.json()
    assert [photo["state"] for photo in told["photos"]] == ["waiting"]
    assert [refused["code"] for refused in told["refused"]] == ["empty_file"]
    files = media_files()
    text = upload(b"this is a text and no photo at all")
    problem(client.post(address, {"photos": [text]}), 415, "not_an_image")
    problem(client.post(address, {}), 400, "invalid")
    assert media_files() == files
    assert Photo.objects.count() == 1


def test_photos_are_ordered_and_deleted_by_their_staff(make_dog, caller, member, adopter, client):
    dog = make_dog("Bori", photos=3)
    staff, ids = caller(member, "write"), list(dog.photos.values_list("pk", flat=True))
    order = f"{DOGS}{dog.slug}/photos/order/"
    told = staff.put(order, {"photos": ids[::-1]}, "application/json").json()
    assert [photo["id"] for photo in told] == ids[::-1]
    problem(staff.put(order, {"photos": [10**9]}, "application/json"), 400, "invalid")
    address = f"/api/v1/photos/{ids[0]}/"
    problem(caller(adopter, "write").delete(address), 403, "not_allowed")
    assert staff.delete(address).status_code == 204
    assert dog.photos.count() == 2
