"""What all calls have in common."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings as site
from django.test import Client
from django.utils import timezone

from portal.api import calls, services
from portal.api.dogs import Breeds
from portal.api.models import ApiToken, IdempotencyKey
from portal.dogs.models import Dog
from portal.matching.models import Query
from tests.portal.api.test_dogs import problem
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db


def test_a_browsers_session_needs_the_csrf_token(adopter, make_dog):
    dog = make_dog("Bori")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(adopter)
    address = f"/api/v1/favourites/{dog.slug}/"
    problem(browser.put(address), 403, "not_allowed")
    browser.get("/")
    token = browser.cookies["csrftoken"].value
    assert browser.put(address, headers={"X-CSRFToken": token}).status_code == 204


def test_tokens_end(caller, adopter):
    client = caller(adopter)
    address = "/api/v1/favourites/"
    assert client.get(address).status_code == 200
    token = ApiToken.objects.get()
    assert token.last_used_at is not None
    assert "pk_" not in token.digest
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    problem(client.get(address), 401, "token_invalid")
    ApiToken.objects.update(expires_at=None)
    adopter.is_active = False
    adopter.save()
    problem(client.get(address), 401, "token_invalid")
    adopter.is_active = True
    adopter.save()
    assert client.get(address).status_code == 200
    services.revoke_token(token=token)
    response = client.get(address)
    problem(response, 401, "token_invalid")
    assert response["WWW-Authenticate"] == "Bearer"


def test_tokens_are_made_in_the_browser_and_by_no_token(
    adopter, admin, caller, member, shelter, other_shelter
):
    address = "/api/v1/tokens/"
    sent = {"name": "site", "scopes": ["search"]}
    problem(
        caller(adopter, "write").post(address, sent, "application/json"), 403, "not_authenticated"
    )
    client = Client()
    client.force_login(member)
    made = client.post(address, sent | {"shelter": shelter.slug}, "application/json").json()
    assert made["token"].startswith("pk_")
    assert "token" not in client.get(address).json()[0]
    for wrong in (
        {"scopes": ["admin"]}, {"scopes": ["fly"]}, {"shelter": other_shelter.slug},
        {"expires_at": "2020-01-01T00:00Z"}, {"name": ""},
    ):  # fmt: skip
        problem(client.post(address, sent | wrong, "application/json"), 400, "invalid")
    assert client.delete(f"{address}{made['id']}/").status_code == 204
    bearer = Client(headers={"Authorization": f"Bearer {made['token']}"})
    problem(bearer.get("/api/v1/feeds/"), 401, "token_invalid")
    problem(client.delete(f"{address}{made['id']}/"), 404, "not_found")


def test_other_origins_call_where_they_are_allowed(client, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://site.example"]
    headers = {"Origin": "https://site.example"}
    answer = client.get("/api/v1/breeds/", headers=headers)
    assert answer["Access-Control-Allow-Origin"] == "https://site.example"
    asked = client.options(
        "/api/v1/searches/", headers=headers | {"Access-Control-Request-Method": "POST"}
    )
    assert "idempotency-key" in asked["Access-Control-Allow-Headers"]
    for address, origin in (
        ("/api/v1/breeds/", "https://evil.example"),
        ("/", "https://site.example"),
    ):
        other = client.get(address, headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in other


def test_an_end_is_announced(client, monkeypatch):
    monkeypatch.setattr(Breeds, "deprecated_since", datetime(2026, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(Breeds, "gone_from", datetime(2027, 1, 1, tzinfo=UTC))
    answer = client.get("/api/v1/breeds/")
    assert answer["Deprecation"] == "@1767225600"
    assert answer["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "same"),
    [
        (0, ("1.1.1.1", "2.2.2.2"), True),
        (1, ("1.1.1.1", "2.2.2.2"), False),
        # What stands before the proxy's own entry came from the caller.
        (1, ("9.9.9.9, 1.1.1.1", "8.8.8.8, 1.1.1.1"), True),
    ],
)
def test_visitors_are_told_apart_by_what_our_proxies_wrote(
    proxies, forwarded, same, client, monkeypatch
):
    rates = {**site.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "visitors": "1/min"}
    monkeypatch.setattr("rest_framework.settings.api_settings.DEFAULT_THROTTLE_RATES", rates)
    monkeypatch.setattr("rest_framework.settings.api_settings.NUM_PROXIES", proxies)
    first, second = (
        client.get("/api/v1/breeds/", headers={"X-Forwarded-For": address}) for address in forwarded
    )
    assert first.status_code == 200
    assert second.status_code == (429 if same else 200)


def test_what_is_much_too_large_is_refused_unread(client, settings, monkeypatch):
    monkeypatch.setattr(calls, "ROOM_FOR_FIELDS", 0)
    settings.UPLOAD_MAX_BYTES = 200
    for address, name in (("/api/v1/searches/", "image"), ("/api/v1/similar-dog", "image")):
        problem(client.post(address, {name: upload()}), 413, "file_too_large")
    assert not Query.objects.exists()


def test_a_call_at_work_is_not_done_twice(caller, adopter):
    client = caller(adopter, "search")
    headers = {"Idempotency-Key": "k"}
    photo = upload()
    assert client.post("/api/v1/searches/", {"image": photo}, headers=headers).status_code == 202
    IdempotencyKey.objects.update(status=None)
    photo.seek(0)
    response = client.post("/api/v1/searches/", {"image": photo}, headers=headers)
    problem(response, 409, "idempotency_in_progress")
    # Its process is gone: after a while the call may be made again.
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    photo.seek(0)
    assert client.post("/api/v1/searches/", {"image": photo}, headers=headers).status_code == 202
    assert Query.objects.count() == 2


def test_a_call_that_was_killed_is_done_once_when_it_is_repeated(
    caller, member, shelter, monkeypatch, media_files
):
    client, headers = caller(member, "write"), {"Idempotency-Key": "k"}

    def send():
        dog = {"shelter": shelter.slug, "name": "Bori"}
        return client.post("/api/v1/dogs/", dog, "application/json", headers=headers)

    def killed(**_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("portal.api.services.end_call", killed)
        with pytest.raises(SystemExit):
            send()
    assert not Dog.objects.exists()
    problem(send(), 409, "idempotency_in_progress")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    first, again = send(), send()
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert first.json()["slug"] == again.json()["slug"]
    assert Dog.objects.count() == 1


def test_a_slow_call_whose_place_was_taken_undoes_what_it_did(caller, member, shelter, monkeypatch):
    client, headers = caller(member, "write"), {"Idempotency-Key": "k"}
    end = services.end_call

    def overtaken(**values):
        """Its time was over, and the same call was begun anew elsewhere."""
        IdempotencyKey.objects.all().delete()
        end(**values)

    monkeypatch.setattr("portal.api.services.end_call", overtaken)
    client.raise_request_exception = False
    dog = {"shelter": shelter.slug, "name": "Bori"}
    answer = client.post("/api/v1/dogs/", dog, "application/json", headers=headers)
    assert answer.status_code == 500
    assert not Dog.objects.exists()


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        (lambda c: c.post("/api/v1/dogs/", "{", "application/json"), 400, "unreadable"),
        (lambda c: c.post("/api/v1/dogs/", "x", "text/plain"), 415, "unsupported_media_type"),
        (lambda c: c.delete("/api/v1/dogs/"), 405, "method_not_allowed"),
        (lambda c: c.get("/api/v1/dogs/", headers={"Accept": "text/csv"}), 406, "not_acceptable"),
    ],
)
def test_mistakes_have_codes(call, status, code, caller, member):
    problem(call(caller(member, "write")), status, code)


def test_operations_are_for_admins(caller, admin, member, client):
    for address in ("/api/v1/jobs/", "/api/v1/model-versions/", "/api/v1/predictions/"):
        problem(client.get(address), 401, "not_authenticated")
        problem(caller(member, "write", "admin").get(address), 403, "not_allowed")
        problem(caller(admin, "write").get(address), 403, "not_allowed")
        assert caller(admin, "admin").get(address).status_code == 200


def test_calls_are_answered_while_the_counts_are_away(client, settings):
    away = {"BACKEND": "portal.cache.ForgivingCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}
    assert client.get("/api/v1/breeds/").status_code == 200
