"""Searches by the API: private, followed, ended; and calls that may be repeated."""

from datetime import timedelta

import pytest
from django.conf import settings as site
from django.test import Client
from django.utils import timezone

from portal.api.models import IdempotencyKey
from portal.api.purging import purge_expired
from portal.matching import services
from portal.matching.models import Query
from tests.portal.api.test_dogs import problem
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db
SEARCHES = "/api/v1/searches/"


def start(client, **more):
    return client.post(SEARCHES, {"image": upload(), **more})


def test_a_visitor_follows_a_search_with_its_secret(client, messages_sent, on_commit):
    with on_commit():
        response = start(client, size=["xs", "s"])
    assert response.status_code == 202, response.content
    told = response.json()
    assert (told["state"], told["results"]) == ("open", [])
    address = response["Location"]
    assert address == f"{SEARCHES}{told['id']}/"
    assert [name for name, _ in messages_sent] == ["workers.tasks.answer_query"]
    stranger = Client()
    problem(stranger.get(address), 404, "not_found")
    problem(stranger.get(address, headers={"X-Search-Secret": "guess"}), 404, "not_found")
    mine = stranger.get(address, headers={"X-Search-Secret": told["secret"]})
    assert mine.json()["id"] == told["id"]


def test_a_search_belongs_to_its_user(caller, adopter, staff):
    mine, theirs = caller(adopter, "search"), caller(staff, "search")
    response = start(mine)
    assert response.json()["secret"] == ""
    address = response["Location"]
    assert mine.get(address).status_code == 200
    problem(theirs.get(address), 404, "not_found")
    problem(theirs.delete(address), 404, "not_found")
    problem(start(caller(adopter)), 403, "not_allowed")


def test_an_ended_search_is_gone_with_everything(caller, adopter, media_files, on_commit):
    client = caller(adopter, "search")
    first, second = start(client)["Location"], start(client)["Location"]
    assert len(media_files()) == 2
    with on_commit():
        assert client.delete(first).status_code == 204
    problem(client.get(first), 410, "search_expired")
    Query.objects.update(expires_at="2020-01-01T00:00Z")
    problem(client.get(second), 410, "search_expired")
    with on_commit():
        services.expire_queries()
    assert media_files() == []
    problem(client.get(second), 410, "search_expired")
    problem(client.get(f"{SEARCHES}00000000-0000-4000-8000-000000000000/"), 404, "not_found")


def test_what_is_no_photo_is_refused_and_nothing_stays(client, media_files, settings):
    text = upload(b"this is a text and no photo at all")
    problem(client.post(SEARCHES, {"image": text}), 415, "not_an_image")
    settings.UPLOAD_MAX_BYTES = 100
    problem(start(client), 413, "file_too_large")
    problem(client.post(SEARCHES, {}), 400, "invalid")
    problem(start(client, size="huge"), 400, "invalid")
    problem(start(client, colour="blue"), 400, "invalid")
    problem(client.post(SEARCHES, "{}", "application/json"), 415, "unsupported_media_type")
    assert media_files() == []
    assert not Query.objects.exists()


def test_too_many_searches_wait(client, monkeypatch):
    rates = {**site.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "searches": "2/min"}
    monkeypatch.setattr("rest_framework.settings.api_settings.DEFAULT_THROTTLE_RATES", rates)
    assert start(client).status_code == 202
    assert start(client, size="s").status_code == 202
    # A forged header makes no new visitor: no proxy stands before us.
    response = client.post(
        SEARCHES, {"image": upload()}, headers={"X-Forwarded-For": "203.0.113.9"}
    )
    problem(response, 429, "throttled")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert Query.objects.count() == 2


def test_the_same_call_twice_is_one_search(caller, adopter):
    client = caller(adopter, "search")
    photo = upload()

    def send(key, **more):
        photo.seek(0)
        return client.post(SEARCHES, {"image": photo, **more}, headers={"Idempotency-Key": key})

    first, again = send("one"), send("one")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert again["Idempotent-Replayed"] == "true"
    problem(send("one", size="s"), 422, "idempotency_key_reused")
    assert send("two")["Location"] != first["Location"]
    assert Query.objects.count() == 2
    problem(send("with space"), 400, "invalid")


def test_what_failed_may_be_sent_again_under_its_key(caller, adopter):
    client = caller(adopter, "search")
    headers = {"Idempotency-Key": "one"}
    problem(
        client.post(SEARCHES, {"image": upload(), "size": "huge"}, headers=headers), 400, "invalid"
    )
    assert client.post(SEARCHES, {"image": upload()}, headers=headers).status_code == 202


def test_events_end_with_the_answer(client, settings):
    settings.API_EVENTS_SECONDS = 1
    started = start(client).json()
    services.fail_query(query=Query.objects.get(), code="no_dog")
    response = client.get(
        f"{SEARCHES}{started['id']}/events/",
        headers={"X-Search-Secret": started["secret"], "Accept": "text/event-stream"},
    )
    assert response["Content-Type"] == "text/event-stream"
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("retry: ")
    assert "event: answer" in text
    assert '"code":"no_dog"' in text


def test_an_address_that_leads_nowhere_is_a_problem_too(client):
    problem(client.get("/api/v1/no-such-thing/"), 404, "not_found")


def test_a_photo_too_large_for_memory_is_taken(client, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    response = start(client, size=["xs"], neutered="yes")
    assert response.status_code == 202, response.content
    assert Query.objects.get().rankings.get().filters == {"neutered": "yes", "size": ["xs"]}
    photo = upload()
    headers = {"Idempotency-Key": "large"}
    for _ in range(2):
        photo.seek(0)
        assert client.post(SEARCHES, {"image": photo}, headers=headers).status_code == 202
    assert Query.objects.count() == 2


def test_the_answer_to_a_repeatable_call_goes_with_its_search(client, version):
    """It holds the search's id and its visitor's secret."""
    deleted, expired, stays = (
        client.post(SEARCHES, {"image": upload()}, headers={"Idempotency-Key": key}).json()
        for key in "abc"
    )
    address = f"{SEARCHES}{deleted['id']}/"
    gone = client.delete(address, headers={"X-Search-Secret": deleted["secret"]})
    assert gone.status_code == 204
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"b", "c"}
    Query.objects.filter(pk=expired["id"]).update(expires_at=timezone.now())
    purge_expired()
    assert IdempotencyKey.objects.get().body["id"] == stays["id"]


def test_answers_are_kept_no_longer_than_photos(client, version):
    client.post(SEARCHES, {"image": upload()}, headers={"Idempotency-Key": "k"})
    services.set_retention(query_hours=3, saved_search_days=30, predictions_days=30, by=None)
    IdempotencyKey.objects.update(location="", created_at=timezone.now() - timedelta(hours=4))
    assert purge_expired()["answers_to_calls"] == 1
