"""A photo of a dog somebody likes, of their own face, of their lost dog."""

import pytest

from ml.skeleton import KEYPOINTS
from portal.dogs import services as dogs
from portal.dogs.models import Dog
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Click, Query
from portal.matching.queries import candidates
from tests.portal.answers import answer, keys, store, text
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db


def test_each_mode_says_what_it_wants(client):
    assert "Show us a dog you like" in text(client.get("/"))
    face = client.get("/?mode=face").content.decode()
    assert 'name="consent"' in face
    assert 'value="face"' in face
    lost = client.get("/?mode=lost").content.decode()
    assert 'name="since"' in lost
    assert "Suwon" in lost
    assert "Show us a dog you like" in text(client.get("/?mode=nonsense"))


def test_a_face_is_looked_at_with_consent_only(client):
    response = client.post("/search/", {"photo": upload(), "mode": "face"})
    assert response["Location"] == "/?mode=face&problem=face_consent_needed#find"
    assert not Query.objects.exists()
    assert "Please tick the box first" in text(client.get(response["Location"]))
    client.post("/search/", {"photo": upload(), "mode": "face", "consent": "yes"})
    assert Query.objects.get().subject == Query.Subject.PERSON


def test_of_a_face_only_proportions_are_shown(client, version, listed):
    client.post("/search/", {"photo": upload(), "mode": "face", "consent": "yes"})
    query, dog = Query.objects.get(), listed()
    services.store_query_face(query=query, version=version, ratios={"mouth_width": 0.71})
    store(services.rank(query=query, filters=Filters()), version, [(dog, 80, "strong")])
    page = client.get(f"/search/{query.pk}/")
    assert "What we kept of your face" in text(page)
    assert "mouth width 0.71" in text(page)
    html = page.content.decode()
    assert f"/search/{query.pk}/photo/" not in html
    assert f"/search/{query.pk}/save/" not in html


def test_a_face_is_compared_by_where_it_lies_among_faces(client, version, listed):
    client.post("/search/", {"photo": upload(), "mode": "face", "consent": "yes"})
    query, dog, other = Query.objects.get(), listed("Bori"), listed("Kong")
    services.store_query_face(query=query, version=version, ratios={"mouth_width": 0.71})
    ranking = services.rank(query=query, filters=Filters())
    store(ranking, version, [(dog, 80, "strong"), (other, 70, "weak")])
    near = {
        "person_ear_spacing": 0.1, "dog_ear_spacing": 0.2, "person_mouth_width": 0.9,
        "dog_mouth_width": 0.85, "person_eye_to_nose": 0.5, "dog_eye_to_nose": 0.95,
    }  # fmt: skip
    ranking.matches.filter(dog=dog).update(parts=near)
    page = client.get(f"/search/{query.pk}/")
    assert "wide mouth, both · eyes wide apart, both" in text(page)
    assert f"/search/{query.pk}/compare/{dog.pk}/" in page.content.decode()
    page = client.get(f"/search/{query.pk}/compare/{dog.pk}/")
    assert f"/search/{query.pk}/photo/" not in page.content.decode()
    page = text(page)
    assert "You and Bori" in page
    assert "Nose You: in the middle. Bori: long. Different" in page
    assert "Mouth You: wide. Bori: wide. Wide mouth, both" in page
    # Compared by an older version of Pawkin: nothing to show but the dog.
    page = text(client.get(f"/search/{query.pk}/compare/{other.pk}/"))
    assert "You and Kong" in page
    assert "Face beside face" not in page


def test_a_lost_dog_is_looked_for_among_all_dogs_in_shelters(client, version, listed, staff):
    held, free, gone = listed("Held"), listed("Free"), listed("Gone")
    dogs.set_status(dog=held, status=Dog.Status.ON_HOLD, by=staff)
    dogs.set_status(dog=gone, status=Dog.Status.ADOPTED, by=staff)
    assert keys(candidates(Filters())) == {free.pk}
    assert keys(candidates(Filters(), lost=True)) == {held.pk, free.pk}
    client.post("/search/", {"photo": upload(), "mode": "lost"})
    query = Query.objects.get()
    answer(query, version, [(held, 90, "strong"), (gone, 85, "strong"), (free, 80, "strong")])
    page = text(client.get(f"/search/{query.pk}/"))
    assert "Held" in page
    assert "in its notice period, or on hold" in page
    assert "Gone" not in page
    assert client.get(f"/search/{query.pk}/compare/{held.pk}/").status_code == 200


def test_a_dog_on_hold_answers_no_other_search(client, sent, version, listed, staff):
    held = listed("Held")
    answer(sent, version, [(held, 90, "strong")])
    dogs.set_status(dog=held, status=Dog.Status.ON_HOLD, by=staff)
    assert "Held" not in text(client.get(f"/search/{sent.pk}/"))


def test_the_wishes_of_the_form_stay_in_the_address(client):
    sent = {"photo": upload(), "mode": "lost", "near": "gyeonggi-suwon", "within": "25"}
    response = client.post("/search/", sent)
    assert response["Location"].endswith("/?near=gyeonggi-suwon&within=25")


def test_opening_a_match_counts_once_and_names_nobody(client, sent, version, listed):
    dog = listed("Near")
    answer(sent, version, [(dog, 88, "strong")])
    match = sent.rankings.get().matches.get()
    assert (
        f"/dogs/{dog.slug}/?match={match.pk}" in client.get(f"/search/{sent.pk}/").content.decode()
    )
    for _ in range(2):
        client.get(f"/dogs/{dog.slug}/?match={match.pk}")
    client.get(f"/dogs/{listed('Other').slug}/?match={match.pk}")
    client.get(f"/dogs/{dog.slug}/?match=" + "9" * 40)
    assert [(c.dog, c.rank, c.score) for c in Click.objects.all()] == [(dog, 1, 88)]
    services.delete_query(query=sent)
    assert Click.objects.get().match is None


def test_reasons_are_what_is_known_to_be_alike(client, version, listed):
    source = listed("Bori", colours=["white"], weight_kg=5)
    near = listed("Near", colours=["white", "black"], weight_kg="5.5")
    client.get(f"/dogs/{source.slug}/similar/")
    store(source.rankings.get(), version, [(near, 80, "strong")])
    page = text(client.get(f"/dogs/{source.slug}/similar/"))
    assert "same coat colour · about the same size" in page


def test_another_order_is_one_list(client, sent, version, listed):
    old, young = listed("Old", birth_date="2015-01-01"), listed("Young", birth_date="2025-01-01")
    answer(sent, version, [(old, 90, "strong"), (young, 70, "weak")])
    page = text(client.get(f"/search/{sent.pk}/?sort=youngest"))
    assert page.index("Young") < page.index("Old")
    page = text(client.get(f"/search/{sent.pk}/"))
    assert page.index("Old") < page.index("Young")


def test_compare_shows_proportions_beside_each_other(client, sent, version, listed):
    version.spec["keypoints"]["names"] = list(KEYPOINTS)
    version.save()
    dog = listed("Near")
    points = [[0.3 + 0.02 * n, 0.2 + 0.03 * (n % 5), 0.9] for n in range(len(KEYPOINTS))]
    answer(sent, version, [(dog, 88, "strong")])
    Query.objects.update(width=96, height=80, points=points)
    photo = dog.photos.get()
    photo.keypoints.update(points=points)
    page = text(client.get(f"/search/{sent.pk}/compare/{dog.pk}/"))
    assert "How they are built" in page
    assert "Head to back" in page
    assert " 0 %" in page
