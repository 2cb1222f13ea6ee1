"""Feeds and suggestions by the API and on staff's pages: theirs, and nobody else's."""

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.api.services import create_token
from portal.feeds import services
from portal.feeds.models import Feed, TemperamentSuggestion
from portal.shelters.services import add_member, create_shelter
from tests.portal.api.test_dogs import problem

pytestmark = pytest.mark.django_db
FEEDS = "/api/v1/feeds/"


def client_of(user, *scopes):
    _token, secret = create_token(user=user, name="t", scopes=scopes)
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def desk(staff, shelter):
    add_member(shelter=shelter, user=staff)
    return client_of(staff, "write")


@pytest.fixture
def stranger(db):
    user = User.objects.create_user("other@example.org", "x")
    add_member(shelter=create_shelter(name="Bada"), user=user)
    return client_of(user, "write")


@pytest.fixture
def made(desk, shelter):
    sent = {
        "shelter": shelter.slug, "kind": "asm3", "name": "asm", "key": "hush", "every_hours": 6,
        "settings": {"address": "https://asm.example/service"},
    }  # fmt: skip
    response = desk.post(FEEDS, sent, "application/json")
    assert response.status_code == 201, response.content
    assert "hush" not in response.content.decode()
    return sent, response["Location"]


def test_a_feed_is_its_shelters(made, desk, stranger, client, messages_sent, on_commit):
    sent, address = made
    assert desk.get(FEEDS).json()[0]["has_key"] is True
    problem(client.get(FEEDS), 401, "not_authenticated")
    assert stranger.get(FEEDS).json() == []
    problem(stranger.get(address), 404, "not_found")
    problem(stranger.post(f"{address}runs/"), 404, "not_found")
    problem(stranger.post(FEEDS, sent, "application/json"), 400, "invalid")
    problem(desk.post(FEEDS, sent, "application/json"), 400, "invalid")
    for wrong in ({"kind": "petfinder"}, {"every_hours": 0}, {"name": ""}):
        problem(desk.post(FEEDS, sent | wrong, "application/json"), 400, "invalid")
    with on_commit():
        assert desk.post(f"{address}runs/").status_code == 202
    assert [name for name, _ in messages_sent] == ["workers.tasks.import_feed"]
    changed = desk.patch(address, {"enabled": False, "every_hours": None}, "application/json")
    assert (changed.json()["enabled"], changed.json()["next_run_at"]) == (False, None)
    run = services.open_run(feed=Feed.objects.get(), incremental=False)
    services.fail_run(run=run, code="feed_key_refused")
    assert desk.get(f"{address}runs/").json()[0]["error_code"] == "feed_key_refused"
    assert desk.delete(address).status_code == 204


@pytest.fixture
def suggestion(make_dog):
    return TemperamentSuggestion.objects.create(
        dog=make_dog("Bori"), trait="good_with_cats", answer="no", words="not good with cats"
    )


def test_suggestions_by_the_api(suggestion, desk, stranger):
    address = f"/api/v1/dogs/{suggestion.dog.slug}/suggestions/"
    assert desk.get(address).json()[0]["words"] == "not good with cats"
    problem(stranger.get(address), 404, "not_found")
    problem(desk.post(f"{address}energy/", {"take": True}, "application/json"), 404, "not_found")
    told = desk.post(f"{address}good_with_cats/", {"take": True}, "application/json").json()
    assert told["state"] == "taken"
    assert suggestion.dog.temperament.get().answer == "no"


def test_suggestions_on_the_dogs_page(suggestion, desk, staff):
    browser = Client()
    browser.force_login(staff)
    page = f"/staff/dogs/{suggestion.dog.slug}/"
    text = browser.get(page).content.decode()
    assert "Read in the feed" in text
    assert "“not good with cats”" in text
    public = Client().get(f"/dogs/{suggestion.dog.slug}/").content.decode()
    assert "not good with cats" not in public
    address = f"/staff/suggestions/{suggestion.pk}/"
    other = Client()
    other.force_login(User.objects.create_user("nobody@example.org", "x"))
    assert other.post(address, {"decision": "take"}).status_code == 403
    for _ in range(2):
        assert browser.post(address, {"decision": "take"}).status_code == 302
    assert suggestion.dog.temperament.get().set_by == staff
    assert "Read in the feed" not in browser.get(page).content.decode()
