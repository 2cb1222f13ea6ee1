"""Photos on an origin of their own: it answers for nothing else, and private links end."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.matching.models import Query
from portal.media import own_photo_address, photo_address, private, query_photo_address
from portal.shelters.services import add_member
from tests.portal.test_settings import load, value
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db

ORIGIN = "https://photos.example"


@pytest.fixture
def apart(settings):
    settings.MEDIA_ORIGIN = ORIGIN
    settings.ALLOWED_HOSTS = ["testserver", "photos.example"]


@pytest.fixture
def elsewhere():
    """A browser without cookies at the photos' origin."""
    return Client(headers={"host": "photos.example"})


def path_of(address):
    assert address.startswith(ORIGIN)
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def test_without_one_photos_are_asked_of_the_site(listed, settings):
    photo = listed().photos.get()
    path = reverse("photo", args=[photo.name, "thumb"])
    assert photo_address(photo, "thumb") == own_photo_address(photo, "thumb") == path


def test_pages_ask_for_photos_there(client, apart, listed, settings):
    dog = listed()
    page = client.get(reverse("browse"))
    photo = dog.photos.get()
    assert f'src="{ORIGIN}/photos/{photo.name}/thumb/"' in page.content.decode()
    told = client.get(f"/api/v1/dogs/{dog.slug}/").json()
    assert told["photos"][0]["full"] == f"{ORIGIN}/photos/{photo.name}/full/"


def test_public_photos_are_there_and_nothing_else(apart, elsewhere, listed):
    dog = listed()
    answer = elsewhere.get(path_of(photo_address(dog.photos.get(), "thumb")))
    assert answer.status_code == 200
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not answer.cookies
    for path in ("/", "/login/", "/admin/", "/health", "/static/x", f"/dogs/{dog.slug}/",
                 "/api/v1/dogs/", f"/photos/{dog.slug}"):  # fmt: skip
        assert elsewhere.get(path).status_code == 404, path
    assert elsewhere.post("/search/", {"photo": upload()}).status_code == 404


def test_a_drafts_photo_is_there_by_a_signed_link_that_ends(
    client, apart, elsewhere, listed, staff, shelter
):
    add_member(shelter=shelter, user=staff)
    dog = listed(publish=False)
    photo = dog.photos.get()
    assert elsewhere.get(path_of(photo_address(photo, "thumb"))).status_code == 404
    client.force_login(staff)
    asked = reverse("staff:photos", args=[dog.slug])
    page = client.get(asked, headers={"HX-Request": "true"}).content.decode()
    link = own_photo_address(photo, "thumb")
    assert link.replace("&", "&amp;") in page
    answer = elsewhere.get(path_of(link))
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert elsewhere.get(path_of(link)).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=71)):
        assert elsewhere.get(path_of(link)).status_code == 404


def test_an_adopters_photo_is_there_by_its_link_until_it_is_deleted(
    client, apart, elsewhere, version
):
    client.post(reverse("search"), {"photo": upload()})
    query = Query.objects.get()
    link = path_of(query_photo_address(query.pk))
    assert elsewhere.get(link).status_code == 200
    assert elsewhere.get(urlsplit(link).path).status_code == 404
    Query.objects.update(expires_at=timezone.now())
    assert elsewhere.get(link).status_code == 404


@pytest.mark.parametrize(
    "forge",
    [
        lambda link: link.replace("until=", "until=9"),
        lambda link: link[:-1] + ("A" if link[-1] != "A" else "B"),
        lambda link: link.partition("&key=")[0],
        lambda link: link.partition("until=")[0] + "until=99999999999999999999&key=é",
    ],
)
def test_a_forged_link_opens_nothing(client, apart, elsewhere, version, forge):
    client.post(reverse("search"), {"photo": upload()})
    link = path_of(query_photo_address(Query.objects.get().pk))
    forged = forge(link)
    assert forged != link
    assert elsewhere.get(forged).status_code == 404


def test_a_link_opens_one_photo_only(client, apart, elsewhere, version):
    for _ in range(2):
        client.post(reverse("search"), {"photo": upload()})
    first, second = [query_photo_address(query.pk) for query in Query.objects.all()]
    swapped = f"{urlsplit(first).path}?{urlsplit(second).query}"
    assert elsewhere.get(swapped).status_code == 404


def test_a_page_that_asks_again_gets_the_same_link(apart):
    moment = timezone.now().replace(minute=1, second=0)
    with time_machine.travel(moment, tick=False):
        first = private("/photos/a/thumb/")
    with time_machine.travel(moment + timedelta(minutes=5), tick=False):
        assert private("/photos/a/thumb/") == first
    with time_machine.travel(moment + timedelta(minutes=11), tick=False):
        assert private("/photos/a/thumb/") != first


def test_the_policy_allows_pictures_from_there(tmp_path):
    environment = {"PAWKIN_EMBEDDED": "true", "PAWKIN_DATA": str(tmp_path)}
    policy = "CONTENT_SECURITY_POLICY['DIRECTIVES']['img-src']"
    assert ORIGIN in value(policy, **environment, MEDIA_ORIGIN=f"{ORIGIN}/")
    assert "https" not in value(policy, **environment)
    refused = load("1", **environment, MEDIA_ORIGIN="photos.example/path")
    assert "give a scheme and a host" in refused.stderr
