"""Photos that arrive in pieces, and what a new dog's first photo says."""

import base64
import json
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.api.purging import purge_expired
from portal.dogs import pieces
from portal.dogs.models import Breed, Dog, PartialUpload
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Query
from portal.shelters.services import add_member, create_shelter
from tests.portal.answers import open_job, store, text
from tests.portal.uploads import jpeg, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def works(client, shelter, staff):
    add_member(shelter=shelter, user=staff)
    client.force_login(staff)
    return client


def begin(client, data, dog=None, length=None):
    name = base64.b64encode("보리 1.jpg".encode()).decode()
    address = reverse("staff:uploads") + (f"?dog={dog.slug}" if dog else "")
    headers = {
        "Upload-Length": str(len(data) if length is None else length),
        "Upload-Metadata": f"filename {name}",
    }
    return client.post(address, headers=headers)


def patch(client, place, offset, data):
    return client.patch(
        place,
        data,
        content_type="application/offset+octet-stream",
        headers={"Upload-Offset": str(offset)},
    )


def sent(client, data, dog=None, size=700):
    place = begin(client, data, dog)["Location"]
    for offset in range(0, len(data), size):
        answer = patch(client, place, offset, data[offset : offset + size])
    return place, answer


def test_a_dog_gets_its_photo_with_the_last_piece(works, make_dog, media_files, on_commit):
    dog, data = make_dog("Bori"), jpeg(size=(400, 300))
    with on_commit():
        place, answer = sent(works, data, dog)
    assert answer.status_code == 204
    photo = dog.photos.get()
    with photo.upload.open() as file:
        assert file.read() == data
    assert not PartialUpload.objects.exists()
    assert works.head(place).status_code == 404
    assert media_files() == [photo.upload.name]


def test_after_a_break_it_goes_on_where_it_was(works, make_dog):
    dog, data = make_dog("Bori"), jpeg(size=(400, 300))
    place = begin(works, data, dog)["Location"]
    patch(works, place, 0, data[:500])
    head = works.head(place)
    assert (head["Upload-Offset"], head["Upload-Length"]) == ("500", str(len(data)))
    # The answer was lost, and the piece is sent again.
    assert patch(works, place, 0, data[:500]).status_code == 409
    assert works.head(place)["Upload-Offset"] == "500"
    assert patch(works, place, 500, data[500:]).status_code == 204
    assert dog.photos.count() == 1


def test_more_than_was_said_is_refused(works, make_dog):
    place = begin(works, b"x" * 10)["Location"]
    assert patch(works, place, 0, b"x" * 11).status_code == 409
    assert works.head(place)["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        (0, 422, "empty_file"),
        (-5, 422, "empty_file"),
        (settings.UPLOAD_MAX_BYTES + 1, 413, "file_too_large"),
    ],
)
def test_a_length_that_cannot_be_is_refused_at_once(works, length, status, code):
    answer = begin(works, b"", length=length)
    assert (answer.status_code, json.loads(answer.content)["code"]) == (status, code)


def test_what_is_no_photo_is_refused_with_the_last_piece(works, make_dog, media_files, on_commit):
    for dog in (None, make_dog("Bori")):
        with on_commit():
            _place, answer = sent(works, b"not a photo" * 100, dog)
        told = json.loads(answer.content)
        assert (answer.status_code, told["code"]) == (422, "not_an_image")
        assert "Please send a JPEG" in told["detail"]
    assert not PartialUpload.objects.exists()
    assert media_files() == []


def test_a_new_dog_takes_what_came_before_its_form(works, shelter, media_files):
    places = [sent(works, jpeg())[0] for _ in range(2)]
    unfinished = begin(works, jpeg())["Location"]
    ids = [place.split("/")[-2] for place in [*places, unfinished]]
    form = {
        "submission": str(uuid.uuid4()),
        "shelter": shelter.pk,
        "name": "Bori",
        "sex": "female",
        "neutered": "unknown",
        "action": "publish",
        "uploads": [*ids, "nonsense"],
        "photos": [upload()],
    }
    for _ in range(2):
        works.post(reverse("staff:dog_new"), form)
        form["photos"] = []
    dog = Dog.objects.get()
    assert dog.photos.count() == 3
    assert dog.status == Dog.Status.AVAILABLE
    assert PartialUpload.objects.count() == 1


def test_nobody_else_reaches_it(works, make_dog, shelter):
    dog, data = make_dog("Bori"), jpeg()
    place = begin(works, data)["Location"]
    other = User.objects.create_user("other@example.org", "secret")
    stranger = Client()
    stranger.force_login(other)
    assert begin(stranger, data).status_code == 403
    add_member(shelter=create_shelter(name="Bada"), user=other)
    assert begin(stranger, data, dog).status_code == 404
    assert stranger.head(place).status_code == 404
    assert patch(stranger, place, 0, data).status_code == 404
    assert stranger.delete(place).status_code == 404
    assert begin(Client(), data).status_code == 302
    assert pieces.arrived(owner=other, ids=[place.split("/")[-2]]) == []
    assert works.delete(place).status_code == 204
    assert not PartialUpload.objects.exists()


def test_one_person_keeps_only_so_many(works, monkeypatch):
    monkeypatch.setattr(pieces, "AT_ONCE", 2)
    answers = [begin(works, jpeg()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]


def test_what_nobody_used_goes_after_a_day(works, media_files, on_commit):
    sent(works, jpeg())
    before = timezone.now() - timedelta(days=1, minutes=1)
    PartialUpload.objects.update(created_at=before)
    sent(works, jpeg(), size=10_000)
    with on_commit():
        assert purge_expired()["photos_in_pieces"] == 1
    assert PartialUpload.objects.count() == 1
    assert len(media_files()) == 1


def hints(client, version, breeds, matches=()):
    page = client.post(reverse("photo_hints"), {"photo": upload()}).content.decode()
    query = Query.objects.get()
    address = reverse("photo_hint", args=[query.pk])
    assert f'hx-get="{address}"' in page
    services.store_query_features(
        query=query,
        version=version,
        vector=bytes(512),
        points=[[0.5, 0.5, 0.9]] * 21,
        box=[0.1, 0.1, 0.9, 0.9],
        breeds=breeds,
    )
    store(query.rankings.get(), version, matches)
    jobs.finish(job=jobs.start(job_id=open_job(Job.Kind.ANSWER_QUERY).pk))
    return address


def test_a_first_photo_names_breeds_and_dogs_that_look_the_same(works, version, listed):
    dog = listed("Bori")
    address = hints(works, version, [("jindo-dog", 0.72), ("poodle", 0.05)], [(dog, 96, "strong")])
    page = works.get(address)
    assert "Looks like:" in text(page)
    assert 'data-breed="Jindo Dog"' in page.content.decode()
    assert "72 %" in text(page)
    assert "Poodle" not in text(page)
    assert "Is this dog listed already?" in text(page)
    assert f'href="/staff/dogs/{dog.slug}/"' in page.content.decode()
    assert not Query.objects.exists()


def test_a_photo_that_says_nothing_is_no_obstacle(works, version):
    address = hints(works, version, [("poodle", 0.05)])
    assert "No breed stands out" in text(works.get(address))
    answer = works.post(reverse("photo_hints"), {"photo": upload(b"not a photo")})
    assert "This file is not a photo." in text(answer)
    assert not Query.objects.exists()
    assert Breed.objects.filter(slug="poodle").exists()


def test_adopters_get_no_hints(client, db):
    client.force_login(User.objects.create_user("jiho@example.org", "secret"))
    assert client.post(reverse("photo_hints"), {"photo": upload()}).status_code == 403
