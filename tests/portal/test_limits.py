"""How often one may try: log-in, photos, calls; and that nobody gets round it by forged headers."""

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse

from ml.errors import ImageRejected
from portal import settings as site
from portal.accounts.models import User
from portal.matching.models import Favourite, Query, Ranking
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


def test_a_large_photo_on_its_way_in_has_no_name(client, settings, tmp_path, monkeypatch, version):
    """A process that is killed there leaves nothing of it."""
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "on-the-way")
    (tmp_path / "on-the-way").mkdir()
    large = b"\xff\xd8" + bytes(settings.FILE_UPLOAD_MAX_MEMORY_SIZE + 1)
    seen = {}

    def start(*, file, **_):
        seen.update(size=file.size, read=file.read() == large, name=file.name)
        seen["left"] = list((tmp_path / "on-the-way").iterdir())
        raise ImageRejected("not_an_image", "Send a photo.")

    monkeypatch.setattr("portal.matching.services.start_query", start)
    photo = SimpleUploadedFile("a.jpg", large)
    assert "problem=not_an_image" in client.post(reverse("search"), {"photo": photo})["Location"]
    assert seen == {"size": len(large), "read": True, "name": "a.jpg", "left": []}


def pressed(path, sent=None, *, seen_as="10.0.0.1", number=0):
    headers = {"X-Forwarded-For": f"192.0.2.{number}"}
    return Client(REMOTE_ADDR=seen_as, headers=headers).post(path, sent or {}).status_code


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("save_dog", {"email": "a@example.org"}),
        ("ask", {"email": "a@example.org", "name": "A", "text": "Is it true?"}),
    ],
)
def test_nobody_has_us_write_to_everybody(name, sent, rates, listed):
    """Each is an e-mail to an address that was only typed, with the words of whoever typed it."""
    rates(letters="3/hour")
    path = reverse(name, args=[listed("Bori").slug])
    told = [pressed(path, {**sent, "email": f"{n}@example.org"}, number=n) for n in range(4)]
    assert told == [302, 302, 302, 429]
    assert len(mail.outbox) <= 3
    assert pressed(path, sent, seen_as="10.0.0.2") == 302


def test_what_is_pressed_is_counted_by_address(rates, listed):
    """Without cookies each press would begin a session of its own."""
    rates(changes="3/min")
    bori = listed("Bori")
    keep = reverse("keep", args=[bori.slug])
    assert [pressed(keep, number=n) for n in range(4)] == [302, 302, 302, 429]
    assert Favourite.objects.count() == 3
    assert pressed(reverse("hide_from_similar", args=[bori.slug]), {"dog": "1"}) == 429
    assert pressed(keep, seen_as="10.0.0.2") == 302


def test_filters_without_end_are_no_work_without_end(rates, listed, client):
    rates(changes="3/min")
    similar = reverse("dog_similar", args=[listed("Bori").slug])

    def asked(words):
        return client.get(f"{similar}?q={words}" if words else similar).status_code

    assert [asked(f"dog{n}") for n in range(4)] == [200, 200, 200, 429]
    assert Ranking.objects.count() == 3
    # What is there already, and what is the same for all, is no more work.
    assert [asked("dog1"), asked("")] == [200, 200]


def test_clips_are_counted_too(rates, listed, admin_client):
    rates(uploads="1/min")
    path = reverse("staff_clips:clips", args=[listed("Bori").slug])
    assert [admin_client.post(path).status_code for _ in range(2)] == [422, 429]
    assert admin_client.get(path).status_code == 200
