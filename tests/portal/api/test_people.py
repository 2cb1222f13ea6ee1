"""Favourites, saved searches and enquiries: whose they are, and what leaves by e-mail."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from portal.dogs.services import set_status
from portal.enquiries.models import Enquiry
from portal.matching import services
from portal.matching.consent import DESCRIPTION
from portal.matching.filters import Filters
from portal.matching.models import Favourite, ModelVersion, Query, SavedSearch
from portal.shelters.services import add_member
from tests.histogram import spec
from tests.portal.api.test_dogs import problem
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db
FAVOURITES = "/api/v1/favourites/"
SAVED = "/api/v1/saved-searches/"
ENQUIRIES = "/api/v1/enquiries/"


def link_in(message):
    [address] = re.findall(r"http://\S+token=\S+", message.body)
    return address.partition("8000")[2]


def test_favourites_are_ones_own_and_a_gone_dog_is_told(make_dog, caller, adopter, staff, client):
    bori, nara = make_dog("Bori"), make_dog("Nara")
    mine, theirs = caller(adopter, "write"), caller(staff, "write")
    for dog in (bori, nara, bori):
        assert mine.put(f"{FAVOURITES}{dog.slug}/").status_code == 204
    set_status(dog=bori, status="adopted", by=None)
    told = mine.get(FAVOURITES).json()["results"]
    assert [(row["slug"], row["gone"]) for row in told] == [(nara.slug, False), (bori.slug, True)]
    assert told[0]["dog"]["name"] == "Nara"
    assert told[1]["dog"] is None
    assert theirs.get(FAVOURITES).json()["results"] == []
    problem(theirs.delete(f"{FAVOURITES}{nara.slug}/"), 404, "not_found")
    problem(client.get(FAVOURITES), 401, "not_authenticated")
    assert mine.delete(f"{FAVOURITES}{nara.slug}/").status_code == 204
    assert Favourite.objects.count() == 1


def test_what_a_visitor_kept_is_theirs_after_logging_in(make_dog, adopter, client):
    bori, nara = make_dog("Bori"), make_dog("Nara")
    client.get("/")
    session = client.session
    session["visited"] = True
    session.save()
    for dog in (bori, nara):
        services.keep_dog(dog=dog, owner=None, owner_key=session.session_key)
    services.keep_dog(dog=bori, owner=adopter)
    sent = {"login": adopter.email, "password": "secret"}
    assert client.post(reverse("login"), sent).status_code == 302
    assert set(Favourite.objects.filter(owner=adopter).values_list("dog", flat=True)) == {
        bori.pk, nara.pk,
    }  # fmt: skip
    assert not Favourite.objects.filter(owner=None).exists()


def test_a_visitors_search_is_saved_after_two_clicks_and_ended_by_one(make_dog, client, on_commit):
    dog = make_dog("Bori")
    sent = {"email": "who@example.org", "dog": dog.slug, "wishes": {"size": ["xs"]},
            "language": "ko"}  # fmt: skip
    with on_commit():
        response = client.post(SAVED, sent, "application/json")
    assert response.status_code == 202, response.content
    assert response.json()["state"] == "unconfirmed"
    saved = SavedSearch.objects.get()
    assert saved.filters == {"size": ["xs"]}
    [message] = mail.outbox
    assert message.to == ["who@example.org"]
    assert re.search("[가-힣]", message.subject)
    address = link_in(message)
    # A mail program that opens the link by itself confirms nothing.
    assert client.get(address).status_code == 200
    assert not SavedSearch.objects.active().exists()
    assert client.post(address).status_code == 200
    assert SavedSearch.objects.active().get() == saved
    end = address.replace("confirm", "unsubscribe")
    browser = Client(enforce_csrf_checks=True)
    assert browser.get(end).status_code == 200
    assert SavedSearch.objects.exists()
    assert browser.post(end, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not SavedSearch.objects.exists()
    assert client.post(address).status_code == 410
    assert client.get(address + "x").status_code == 410


def test_a_photos_description_is_kept_with_consent_only(caller, adopter, settings):
    [version] = services.register_specs(specs=[spec()], default="starter")
    client = caller(adopter, "search", "write")
    search = client.post("/api/v1/searches/", {"image": upload()}).json()["id"]

    def save(**more):
        return client.post(SAVED, {"search": search, **more}, "application/json")

    problem(save(consent=True), 422, "search_not_answered")
    query = Query.objects.get()
    services.store_query_features(
        query=query, version=version, vector=b"\0" * 512, points=[], box=[]
    )
    problem(save(), 422, "consent_needed")
    assert not SavedSearch.objects.exists()
    assert save(consent=True).json()["state"] == "active"
    saved = SavedSearch.objects.get()
    assert (saved.consent, bytes(saved.vector)) == (DESCRIPTION.version, b"\0" * 512)
    services.delete_query(query=query)
    saved.refresh_from_db()
    SavedSearch.objects.update(expires_at="2020-01-01T00:00Z")
    assert client.get(SAVED).json() == []
    assert services.expire_saved_searches() == 1
    assert ModelVersion.objects.exists()


def test_saved_searches_are_ones_own_and_not_without_end(
    make_dog, caller, adopter, staff, monkeypatch
):
    monkeypatch.setattr("portal.throttles.Rate.allow_request", lambda *_: True)
    dog = make_dog("Bori")
    mine = caller(adopter, "write")
    for _ in range(10):
        assert mine.post(SAVED, {"dog": dog.slug}, "application/json").status_code == 202
    problem(mine.post(SAVED, {"dog": dog.slug}, "application/json"), 422, "too_many_saved_searches")
    [first, *_] = mine.get(SAVED).json()
    problem(caller(staff, "write").delete(f"{SAVED}{first['id']}/"), 404, "not_found")
    assert mine.delete(f"{SAVED}{first['id']}/").status_code == 204
    for sent, field in (({}, "dog"), ({"dog": "x", "search": first["id"]}, "dog")):
        assert (
            field in problem(mine.post(SAVED, sent, "application/json"), 400, "invalid")["errors"]
        )


@pytest.fixture
def enquire(make_dog):
    dog = make_dog("Bori")

    def ask(client, email="who@example.org", **more):
        sent = {"dog": dog.slug, "name": "Minji", "email": email, "text": "May I visit?", **more}
        return client.post(ENQUIRIES, sent, "application/json")

    ask.dog = dog
    return ask


def test_a_visitors_question_reaches_the_shelter_once_its_link_is_followed(
    enquire, client, member, caller, shelter, on_commit
):
    shelter.email = "desk@shelter.example"
    shelter.save()
    with on_commit():
        response = enquire(client)
    assert response.status_code == 202, response.content
    assert not response.json()["confirmed"]
    staff = caller(member, "write")
    assert staff.get(ENQUIRIES).json()["results"] == []
    address = link_in(mail.outbox[0])
    assert client.get(address).status_code == 200
    assert len(mail.outbox) == 1
    with on_commit():
        assert client.post(address).status_code == 200
    with on_commit():
        assert client.post(address).status_code == 200
    assert [m.to for m in mail.outbox] == [["who@example.org"], ["desk@shelter.example"]]
    assert mail.outbox[1].reply_to == ["who@example.org"]
    [told] = staff.get(ENQUIRIES).json()["results"]
    assert told["messages"][0]["text"] == "May I visit?"


def test_both_sides_see_the_state_and_nobody_else_does(
    enquire, caller, adopter, member, staff, other_shelter, django_user_model, on_commit
):
    mine, desk = caller(adopter, "write"), caller(member, "write")
    other = django_user_model.objects.create_user("other@example.org", "secret")
    add_member(shelter=other_shelter, user=other)
    stranger = caller(other, "write")
    address = enquire(mine, adopter.email)["Location"]
    assert desk.patch(address, {"state": "read"}, "application/json").status_code == 200
    assert mine.get(address).json()["state"] == "read"
    problem(mine.patch(address, {"state": "closed"}, "application/json"), 404, "not_found")
    for call in (
        stranger.get(address),
        stranger.patch(address, {"state": "closed"}, "application/json"),
        stranger.post(f"{address}messages/", {"text": "x"}, "application/json"),
    ):
        problem(call, 404, "not_found")
    with on_commit():
        told = desk.post(f"{address}messages/", {"text": "Yes!"}, "application/json").json()
    assert told["state"] == "answered"
    assert [m["from_shelter"] for m in told["messages"]] == [False, True]
    assert mail.outbox[-1].to == [adopter.email]
    mine.post(f"{address}messages/", {"text": "When?"}, "application/json")
    assert desk.get(address).json()["state"] == "new"
    desk.patch(address, {"state": "closed"}, "application/json")
    problem(
        mine.post(f"{address}messages/", {"text": "?"}, "application/json"), 422, "enquiry_closed"
    )


def test_nobody_asks_about_a_dog_that_is_gone(enquire, caller, adopter):
    set_status(dog=enquire.dog, status="adopted", by=None)
    problem(enquire(caller(adopter, "write"), adopter.email), 410, "dog_gone")
    problem(enquire(caller(adopter, "write"), "no address"), 400, "invalid")
    assert not Enquiry.objects.exists()


def test_filters_of_a_saved_search_are_those_of_pages(make_dog):
    saved = services.save_search(
        email="a@example.org", owner=None, language="en", dog=make_dog("Bori"),
        filters=Filters(sex="male", traits={"good_with_cats": "yes"}),
    )  # fmt: skip
    male, female = make_dog("Him", sex="male"), make_dog("Her", sex="female")
    for dog in (male, female):
        dog.photos.create(sha256=dog.slug, state="searchable")
    assert services.new_dogs(saved) == {male.pk}
