"""The predecessors' calls, with a worker that works while they wait; and the log of answers."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from ml.breeds import BreedGuess
from portal.accounts.models import User
from portal.api.models import IdempotencyKey
from portal.api.services import create_token
from portal.dogs.models import Breed
from portal.insights.models import Prediction
from portal.matching.models import EndedQuery, Query
from portal.shelters.models import Membership, Shelter
from tests.portal.api.test_dogs import problem
from tests.workers.conftest import file, picture

pytestmark = pytest.mark.django_db(transaction=True)
RED, BLUE = (200, 40, 40), (30, 60, 200)


@pytest.fixture(autouse=True)
def working(monkeypatch, outbox):
    """Whoever sleeps lets the worker work."""
    from django.core.cache import cache

    from workers import pipeline

    cache.clear()

    def work(_seconds):
        while outbox:
            pipeline.run(outbox.pop(0))

    monkeypatch.setattr("portal.api.predecessors.time.sleep", work)
    monkeypatch.setattr("portal.matching.management.commands.search.time.sleep", work)
    return work


@pytest.fixture
def dogs(version, list_dog, working):
    found = {name: list_dog(name, colour) for name, colour in (("Red", RED), ("Blue", BLUE))}
    working(0)
    return found


def ask(client, colour=RED, **more):
    sent = {"imageId": "their-17", "image": file(picture(colour)), **more}
    return client.post("/api/v1/similar-dog", sent)


def test_the_most_similar_dogs_photo_is_told_and_nothing_stays(dogs, files):
    before = files()
    browser = Client(enforce_csrf_checks=True)
    response = ask(browser)
    assert response.status_code == 200, response.content
    told = response.json()
    assert told["dogImageId"] == dogs["Red"].photos.get().name
    assert told["dogId"] == dogs["Red"].slug
    assert ask(browser, BLUE).json()["dogId"] == dogs["Blue"].slug
    assert files() == before
    assert not Query.objects.exists()
    assert EndedQuery.objects.count() == 2


def test_answers_about_temperament_narrow_the_dogs(dogs):
    told = ask(Client(), good_with_cats="yes", unknown="no")
    problem(told, 404, "no_match")
    problem(ask(Client(), energy="9"), 400, "invalid")


def test_what_cannot_be_answered_is_said(dogs, analyser, monkeypatch, settings, files):
    before = files()
    client = Client()
    problem(
        client.post("/api/v1/similar-dog", {"image": file(b"no photo at all")}), 415, "not_an_image"
    )
    problem(client.post("/api/v1/similar-dog", {"imageId": "1"}), 400, "invalid")
    monkeypatch.setattr("portal.api.predecessors.time.sleep", lambda _: None)
    settings.SIMILAR_DOG_WAIT_SECONDS = 0.01
    response = ask(client)
    problem(response, 503, "timed_out")
    assert response["Retry-After"]
    settings.UPLOAD_MAX_BYTES = 100
    problem(ask(client), 413, "file_too_large")
    assert files() == before


def test_a_cat_is_no_dog(dogs, analyser, monkeypatch):
    from ml.errors import NoSubject

    monkeypatch.setattr(analyser, "analyse", lambda images: [NoSubject("cat") for _ in images])
    problem(ask(Client()), 422, "no_dog_cat")
    assert Prediction.objects.first().outcome == "no_dog_cat"


def test_breeds_are_told_with_their_chances(dogs, analyser, monkeypatch):
    import dataclasses

    Breed.objects.get_or_create(slug="beagle", name_en="Beagle", name_ko="비글")
    look = analyser.analyse
    guess = BreedGuess(None, 0.6, (("beagle", 0.6), ("moon-hound", 0.1)))
    monkeypatch.setattr(
        analyser,
        "analyse",
        lambda images: [dataclasses.replace(seen, breeds=guess) for seen in look(images)],
    )
    for address in ("/predict", "/api/v1/predict"):
        told = Client(enforce_csrf_checks=True).post(address, {"file": file(picture(RED))}).json()
        assert told["model"] == "starter"
        assert told["predictions"] == [
            {"slug": "beagle", "name_en": "Beagle", "name_ko": "비글", "probability": 0.6},
            {"slug": "moon-hound", "name_en": "Moon Hound", "name_ko": "", "probability": 0.1},
        ]
    rows = Prediction.objects.filter(purpose="predict")
    assert {(row.breed, row.dog, row.outcome) for row in rows} == {("beagle", None, "ok")}


def test_the_log_is_for_admins_and_knows_no_person(dogs):
    ask(Client())
    ask(Client(), BLUE)
    admin = User.objects.create_superuser("admin@example.org", "secret")
    _token, secret = create_token(user=admin, name="t", scopes=["admin"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    problem(Client().get("/logs"), 401, "not_authenticated")
    for address in ("/logs", "/api/v1/predictions/"):
        rows = client.get(address, {"purpose": "similar_dog", "outcome": "ok"}).json()["results"]
        assert [row["dog"] for row in rows] == [dogs["Blue"].slug, dogs["Red"].slug]
    assert set(rows[0]) == {
        "id", "at", "purpose", "outcome", "model", "breed", "dog", "score", "band", "milliseconds",
    }  # fmt: skip
    assert client.get("/logs", {"since": "2999-01-01T00:00Z"}).json()["results"] == []
    problem(client.get("/logs", {"purpose": "gossip"}), 400, "invalid")
    problem(client.get("/logs", {"since": "yesterday"}), 400, "invalid")


def test_searching_by_command(dogs, tmp_path, capsys, files):
    before = files()
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(RED))
    call_command("search", str(photo), json=True, k=1)
    told = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert told["candidates"] == 2
    assert [row["dog"] for row in told["results"]] == [dogs["Red"].slug]
    call_command("search", str(photo))
    assert "Red (Haneul)" in capsys.readouterr().out
    assert files() == before
    assert not Query.objects.exists()
    photo.write_bytes(b"no photo at all")
    with pytest.raises(CommandError, match="not a photo"):
        call_command("search", str(photo))
    with pytest.raises(CommandError, match="can't be read"):
        call_command("search", str(tmp_path / "none.jpg"))


def test_reindexing_by_command(dogs, outbox, capsys, working):
    outbox.clear()
    call_command("reindex", json=True)
    assert json.loads(capsys.readouterr().out)["state"] == "queued"
    with pytest.raises(CommandError, match="no model of that name"):
        call_command("reindex", model="none")
    working(0)
    call_command("reindex", shelter="haneul", json=True)
    assert json.loads(capsys.readouterr().out) == {"shelter": "haneul", "photos": 0}
    with pytest.raises(CommandError, match="no shelter"):
        call_command("reindex", shelter="nowhere")


def test_purging_by_command(dogs, capsys):
    ask(Client())
    Prediction.objects.update(at=timezone.now() - timedelta(days=91))
    IdempotencyKey.objects.create(caller="x", key="y", content="z")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=2))
    call_command("purge_expired", json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["predictions"], told["answers_to_calls"], told["searches"]) == (1, 1, 0)
    call_command("purge_expired")
    assert "0 predictions" in capsys.readouterr().out


def test_creating_a_shelter_by_command(db, capsys):
    User.objects.create_user("a@example.org", "secret")
    call_command("createshelter", "새봄", city="Seoul", staff=["A@example.org"], json=True)
    slug = json.loads(capsys.readouterr().out)["slug"]
    assert Shelter.objects.get(slug=slug).city == "Seoul"
    assert Membership.objects.get().user.email == "a@example.org"
    for wrong in ({"staff": ["nobody@example.org"]}, {"email": "none"}):
        with pytest.raises(CommandError):
            call_command("createshelter", "Other", **wrong)
    with pytest.raises(CommandError):
        call_command("createshelter", " ")
    assert Shelter.objects.count() == 1
