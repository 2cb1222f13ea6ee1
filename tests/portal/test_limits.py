"""How often one may try: log-in, photos, calls; and that nobody gets round it by forged headers."""

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse

from portal import settings as site
from portal.accounts.models import User
from portal.matching.models import Query
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db

RIGHT = "a long enough secret"


@pytest.fixture(autouse=True)
def counted_anew():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def rates(monkeypatch):
    def limit(**changed):
        every = {**site.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], **changed}
        monkeypatch.setattr("rest_framework.settings.api_settings.DEFAULT_THROTTLE_RATES", every)

    return limit


@pytest.fixture
def behind_a_proxy(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    with override_settings(REST_FRAMEWORK={**site.REST_FRAMEWORK, "NUM_PROXIES": 1}):
        yield


def log_in(password, *, email="bori@example.org", seen_as="10.0.0.1", told=None):
    """A fresh browser at `seen_as`, which claims to be elsewhere."""
    headers = {"X-Forwarded-For": told} if told else {}
    return Client(REMOTE_ADDR=seen_as, headers=headers).post(
        reverse("login"), {"login": email, "password": password}
    )


@pytest.fixture
def bori():
    return User.objects.create_user("bori@example.org", RIGHT)


def test_the_right_password_opens(bori):
    assert log_in(RIGHT).status_code == 302


def test_five_wrong_passwords_lock_an_account_wherever_they_come_from(bori):
    for number in range(5):
        assert log_in("wrong", seen_as=f"10.0.0.{number}").status_code == 200
    refused = log_in(RIGHT, seen_as="10.0.9.9")
    assert refused.status_code == 200
    assert "_auth_user_id" not in refused.wsgi_request.session
    assert "That was wrong too often." in refused.content.decode()
    # Another account is not locked with it.
    User.objects.create_user("nari@example.org", RIGHT)
    assert log_in(RIGHT, email="nari@example.org", seen_as="10.0.9.9").status_code == 302


def test_many_accounts_from_one_address_are_locked_out(bori):
    for number in range(10):
        log_in("wrong", email=f"nobody{number}@example.org")
    assert log_in(RIGHT).status_code == 200
    assert log_in(RIGHT, seen_as="10.0.0.2").status_code == 302


def test_a_forged_header_is_no_other_address(bori):
    for number in range(10):
        log_in("wrong", email=f"nobody{number}@example.org", told=f"192.0.2.{number}")
    assert log_in(RIGHT, told="192.0.2.99").status_code == 200


def test_behind_a_proxy_its_word_counts_and_not_the_callers(bori, behind_a_proxy):
    # What the proxy saw stands last; what stands before it was sent by the caller.
    for number in range(10):
        log_in(
            "wrong",
            email=f"nobody{number}@example.org",
            seen_as="127.0.0.1",
            told=f"192.0.2.{number}, 10.0.0.1",
        )
    assert log_in(RIGHT, seen_as="127.0.0.1", told="192.0.2.99, 10.0.0.1").status_code == 200
    assert log_in(RIGHT, seen_as="127.0.0.1", told="192.0.2.99, 10.0.0.2").status_code == 302


def call(*, seen_as="10.0.0.1", told=None):
    headers = {"X-Forwarded-For": told} if told else {}
    return Client(REMOTE_ADDR=seen_as, headers=headers).get("/api/v1/breeds/").status_code


def test_calls_are_counted_by_address(rates):
    rates(visitors="3/min")
    assert [call(told=f"192.0.2.{number}") for number in range(4)] == [200, 200, 200, 429]
    assert call(seen_as="10.0.0.2") == 200


def test_calls_behind_a_proxy_are_counted_by_what_it_saw(rates, behind_a_proxy):
    rates(visitors="3/min")
    answers = [call(seen_as="127.0.0.1", told=f"192.0.2.{number}, 10.0.0.1") for number in range(4)]
    assert answers == [200, 200, 200, 429]
    assert call(seen_as="127.0.0.1", told="192.0.2.0, 10.0.0.2") == 200


def send(**elsewhere):
    """A photo from a browser without cookies, as a script sends it."""
    return Client(**elsewhere).post(reverse("search"), {"photo": upload()})


def test_photos_without_cookies_are_counted_by_address(rates, version):
    rates(uploads="3/min")
    answers = [
        send(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": f"192.0.2.{number}"})
        for number in range(4)
    ]
    assert [answer.status_code for answer in answers] == [302, 302, 302, 429]
    assert answers[-1]["Retry-After"] == "60"
    assert Query.objects.count() == 3
    assert send(REMOTE_ADDR="10.0.0.2").status_code == 302


def test_a_browser_may_send_so_many_photos_a_minute(client, version, media_files):
    from portal.matching.views import SEARCHES_A_MINUTE

    for _ in range(SEARCHES_A_MINUTE):
        assert client.post(reverse("search"), {"photo": upload()}).status_code == 302
    assert client.post(reverse("search"), {"photo": upload()}).status_code == 429
    assert len(media_files()) == SEARCHES_A_MINUTE
