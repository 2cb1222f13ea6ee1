"""What adopters keep: dogs, and searches of which they want to hear; five questions; the sheet."""

import re

import pytest
from django.core import mail
from django.test import Client

from portal.accounts.models import User
from portal.dogs import services as dogs
from portal.dogs.models import Dog
from portal.matching.models import Favourite, SavedSearch
from portal.matching.survey import QUESTIONS, wishes
from tests.portal.answers import answer, text

pytestmark = pytest.mark.django_db


def test_a_visitor_keeps_a_dog_and_finds_it_again(client, listed):
    dog = listed("Bori")
    assert "No favourites yet" in text(client.get("/favourites/"))
    response = client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes", "next": "/dogs/"})
    assert response["Location"] == "/dogs/"
    client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes"})
    assert Favourite.objects.count() == 1
    assert "Bori" in text(client.get("/favourites/"))
    assert 'aria-pressed="true"' in client.get("/dogs/").content.decode()
    assert "Bori" not in text(Client().get("/favourites/"))
    client.post(f"/dogs/{dog.slug}/keep/", {"keep": "no"})
    assert not Favourite.objects.exists()


def test_the_heart_alone_is_answered_to_a_script(client, listed):
    dog = listed("Bori")
    part = client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes"}, headers={"HX-Request": "true"})
    assert 'value="no" aria-pressed="true"' in part.content.decode()
    part = client.post(f"/dogs/{dog.slug}/keep/", {"keep": "no"}, headers={"HX-Request": "true"})
    assert 'value="yes" aria-pressed="false"' in part.content.decode()


def test_a_form_leads_nowhere_else(client, listed):
    sent = {"keep": "yes", "next": "https://elsewhere.example/"}
    assert client.post(f"/dogs/{listed().slug}/keep/", sent)["Location"] == "/favourites/"


def test_what_has_gone_is_said_and_can_be_let_go(client, listed, staff):
    dog = listed("Bori")
    client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes"})
    dogs.set_status(dog=dog, status=Dog.Status.ADOPTED, by=staff)
    page = client.get("/favourites/").content.decode()
    assert "Bori has found a home." in page
    assert f'href="/dogs/{dog.slug}/"' not in page
    client.post(f"/dogs/{dog.slug}/keep/", {"keep": "no"})
    assert not Favourite.objects.exists()
    assert client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes"}).status_code == 404


def test_twenty_hearts_are_one_question(client, listed, django_assert_max_num_queries):
    for number in range(6):
        dog = listed(f"Dog {number}")
        client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes"})
    with django_assert_max_num_queries(15):
        client.get("/favourites/")
    with django_assert_max_num_queries(15):
        client.get("/dogs/")


def test_a_search_is_saved_once_its_address_is_proved(client, sent, version, listed, on_commit):
    answer(sent, version, [(listed(), 88, "strong")])
    path = f"/search/{sent.pk}/save/?sex=male"
    client.post(path, {"email": "a@example.org"})
    assert not SavedSearch.objects.exists()
    assert "Please tick" in text(client.get(f"/search/{sent.pk}/"))
    with on_commit():
        response = client.post(path, {"email": "a@example.org", "consent": "yes"})
    assert response["Location"] == f"/search/{sent.pk}/?sex=male"
    saved = SavedSearch.objects.get()
    assert saved.confirmed_at is None
    assert saved.filters == {"sex": "male"}
    link = re.search(r"/saved-searches/confirm/\S+", mail.outbox[0].body)[0]
    client.get(link)
    saved.refresh_from_db()
    assert saved.confirmed_at is None
    client.post(link)
    saved.refresh_from_db()
    assert saved.confirmed_at


def test_a_wrong_address_is_said(client, listed):
    dog = listed()
    response = client.post(f"/dogs/{dog.slug}/similar/save/", {"email": "not an address"})
    assert response["Location"] == f"/dogs/{dog.slug}/similar/#save"
    assert "no e-mail address" in text(client.get(f"/dogs/{dog.slug}/similar/"))
    assert not SavedSearch.objects.exists()


def test_a_user_sees_and_deletes_only_their_own(client, listed):
    dog, other = listed("Bori"), Client()
    for browser, address in ((client, "a@example.org"), (other, "b@example.org")):
        browser.force_login(User.objects.create_user(address, "secret"))
        browser.post(f"/dogs/{dog.slug}/similar/save/", {"email": address})
    saved = SavedSearch.objects.get(email="a@example.org")
    assert saved.confirmed_at
    assert "Dogs like Bori" in text(client.get("/saved-searches/"))
    assert other.post(f"/saved-searches/{saved.pk}/delete/").status_code == 404
    assert Client().post(f"/saved-searches/{saved.pk}/delete/").status_code == 404
    client.post(f"/saved-searches/{saved.pk}/delete/")
    assert "No saved search yet" in text(client.get("/saved-searches/"))
    assert SavedSearch.objects.count() == 1


def test_five_questions_become_filters(client):
    page = client.get("/survey/").content.decode()
    assert page.count("<fieldset") == 5
    response = client.get(
        "/survey/?done=yes&home=children&company=dog&day=calm&bond=devoted&time=patient"
    )
    assert response["Location"] == (
        "/dogs/?good_with_children=yes&good_with_dogs=yes&affinity=4-5&energy=1-3"
    )
    assert client.get("/survey/?done=yes")["Location"] == "/dogs/"


def test_every_side_can_be_answered():
    for question in QUESTIONS:
        one, two = (wishes({question.name: side.value}).canonical() for side in question.sides)
        assert one != two
        assert wishes({question.name: "nonsense"}).canonical() == {}


@pytest.mark.parametrize("page", ["//elsewhere.example", "/admin/", "https://elsewhere.example"])
def test_the_questions_lead_to_dogs_only(page, client):
    response = client.get("/survey/", {"done": "yes", "home": "children", "next": page})
    assert response["Location"].startswith("/dogs/?")


def test_the_sheet_has_a_code_that_leads_to_the_dog(client, listed, settings):
    settings.SITE_URL = "https://dogs.example"
    dog = listed("Bori", temperament={"good_with_cats": "yes"})
    page = client.get(f"/dogs/{dog.slug}/sheet/").content.decode()
    assert 'class="qr"' in page
    assert f"https://dogs.example/dogs/{dog.slug}/" in page
    assert "good with cats: yes" in page
    Dog.objects.update(status="draft")
    assert client.get(f"/dogs/{dog.slug}/sheet/").status_code == 404


def test_a_phone_can_install_it(client):
    told = client.get("/manifest.webmanifest")
    assert told["Content-Type"] == "application/manifest+json"
    sizes = {icon["sizes"] for icon in told.json()["icons"]}
    assert {"192x192", "512x512"} <= sizes
