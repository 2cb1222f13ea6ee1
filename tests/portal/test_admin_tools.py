"""What admins look back on and decide: charts, the log of answers, shelters, dogs listed twice,
how long things are kept, pausing a reindex."""

import csv
import io
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs.models import Breed, Dog, Photo
from portal.insights import activity
from portal.insights.charts import activity_charts
from portal.insights.models import Prediction
from portal.insights.services import forget_predictions, log_prediction
from portal.insights.spans import LAST_DAY, LAST_MONTH, LAST_WEEK, SPANS
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import (
    Click,
    DuplicateHint,
    Embedding,
    Keypoints,
    ModelVersion,
    Query,
    Retention,
    SavedSearch,
)
from portal.matching.queries import retention
from portal.shelters.services import create_shelter
from tests.portal.answers import answer, text
from workers import duplicates

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(minute=30, second=0, microsecond=0)


@pytest.fixture
def admin(db):
    return User.objects.create_superuser("admin@example.org", "secret")


@pytest.fixture
def page(client, admin):
    client.force_login(admin)
    return client


def answered(*, ago=timedelta(minutes=5), **fields):
    given = {"purpose": "search", "outcome": "ok", "band": "strong", "milliseconds": 100, **fields}
    row = Prediction.objects.create(**given)
    Prediction.objects.filter(pk=row.pk).update(at=NOW - ago)
    return row


# Spans


@pytest.mark.parametrize("span", SPANS.values(), ids=lambda span: span.key)
def test_every_moment_of_a_span_has_its_column(span):
    starts = span.starts(NOW)
    assert len(starts) == span.columns
    assert span.place(NOW, starts) == span.columns - 1
    assert [span.place(start, starts) for start in starts] == list(range(span.columns))
    assert span.place(starts[0] - timedelta(seconds=1), starts) is None
    assert span.sort([(NOW, "now"), (starts[0], "then")], starts)[0] == ["then"]


def test_columns_say_when_they_began():
    for span, words in ((LAST_DAY, r":00"), (LAST_WEEK, ", "), (LAST_MONTH, " ")):
        assert words in span.clock(span.starts(NOW)[0])


# Activity


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([], 0.5, None), ([7], 0.95, 7), ([1, 2, 3, 4], 0.5, 2), (list(range(1, 101)), 0.95, 95)],
)
def test_quantiles(values, share, found):
    assert activity.quantile(values, share) == found


def test_activity_counts_people_and_not_the_hints_of_staff(listed):
    dog = listed()
    answered(dog=dog, milliseconds=100)
    answered(dog=dog, milliseconds=300)
    answered(dog=dog, milliseconds=900, band="none", ago=timedelta(hours=3))
    answered(outcome="no_dog")
    answered(purpose="predict")
    answered(dog=dog, ago=timedelta(days=2))
    Click.objects.create(dog=dog, rank=1, score=90, band="strong")

    seen = activity.activity(LAST_DAY, NOW)
    assert (seen.answered, seen.failed, seen.clicks) == (3, 1, 1)
    assert (seen.median, seen.slowest) == (300, 900)
    assert (seen.without_match, seen.without_match_percent) == (1, 33)
    assert seen.clicks_a_hundred == 33
    now, earlier = seen.columns[-1], seen.columns[-4]
    assert (now.answered, now.failed, now.median, now.slowest) == (2, 1, 100, 300)
    assert (earlier.answered, earlier.median) == (1, 900)
    assert sum(column.uploads for column in seen.columns) == seen.uploads == 1
    assert activity.activity(LAST_WEEK, NOW).answered == 4


def test_charts_of_activity_show_both_parts():
    answered(milliseconds=1000)
    answered(milliseconds=3000)
    answered(outcome="no_dog")
    _photos, searches, times, _clicks = activity_charts(
        activity.activity(LAST_DAY, NOW).columns, LAST_DAY
    )
    assert (searches.bars[-1].height, searches.bars[-1].above) == (40, 20)
    assert searches.bars[-1].words.endswith("2 answered, 1 failed")
    assert times.top == "3.0 s"
    assert (times.bars[-1].height, times.bars[-1].above) == (20, 40)


def test_clicks_by_rank_with_the_far_ones_together(listed):
    dog = listed()
    for rank in (1, 1, 2, 14):
        Click.objects.create(dog=dog, rank=rank, score=90, band="strong")
    rows = activity.clicks_by_rank(LAST_DAY)
    assert [(row.label, row.value, row.percent) for row in rows[:3]] == [
        ("1.", 2, 50),
        ("2.", 1, 25),
        ("3.", 0, 0),
    ]
    assert (rows[-1].label, rows[-1].value) == ("> 10.", 1)


def test_postures_of_dogs_that_can_be_adopted_are_counted(listed, make_dog, version):
    assert activity.postures_seen() == []
    for name, posture in (("a", "sitting"), ("b", "sitting"), ("c", "other"), ("d", "")):
        Keypoints.objects.filter(photo__dog=listed(name)).update(posture=posture)
    gone = listed("gone")
    Keypoints.objects.filter(photo__dog=gone).update(posture="lying")
    Dog.objects.filter(pk=gone.pk).update(status=Dog.Status.ADOPTED)
    rows = {row.label: (row.value, row.percent) for row in activity.postures_seen()}
    assert rows == {
        "standing": (0, 0),
        "sitting": (2, 67),
        "lying": (0, 0),
        "cannot be told": (1, 33),
    }


def test_breeds_told_are_held_against_what_shelters_wrote(listed, version):
    maltese, poodle = (
        Breed.objects.get_or_create(slug=slug, defaults={"name_en": slug.title()})[0]
        for slug in ("maltese", "poodle")
    )
    told = {
        "right": [["maltese", 0.9], ["poodle", 0.1]],
        "second": [["poodle", 0.6], ["maltese", 0.3]],
        "never": [["poodle", 0.9]],
    }
    for name, breeds in told.items():
        dog = listed(name, mixed=False, breeds=[maltese])
        Embedding.objects.filter(photo__dog=dog).update(breeds=breeds)
    crossed = listed("of two breeds", mixed=False, breeds=[maltese, poodle])
    mixed = listed("mixed", mixed=True, breeds=[maltese])
    Embedding.objects.filter(photo__dog__in=[crossed, mixed]).update(breeds=told["right"])
    listed("before breeds were told", mixed=False, breeds=[maltese])

    every, one = activity.breeds_told()
    assert (one.label, one.photos, one.first, one.among) == (str(maltese), 3, 1, 2)
    assert (every.photos, every.first_percent, every.among_percent) == (3, 33, 67)


def test_a_photos_breeds_are_stored_with_its_description(make_dog, version):
    [photo] = make_dog(photos=1).photos.all()
    services.store_features(
        photo=photo,
        version=version,
        vector=bytes(512),
        points=[[0.5, 0.5, 0.9]] * 21,
        box=[0, 0, 1, 1],
        breeds=[("maltese", 0.81239), ("poodle", 0.1)],
    )
    assert photo.embeddings.get().breeds == [["maltese", 0.8124], ["poodle", 0.1]]


def test_how_versions_served(version, listed):
    dog = listed()
    answered(version=version, dog=dog, score=80, milliseconds=200)
    answered(version=version, score=None, band="", milliseconds=400)
    [row] = activity.versions_served()
    assert (row.version, row.answered, row.without_match_percent) == (version, 2, 50)
    assert (row.score, row.milliseconds) == (80, 300)


@pytest.mark.parametrize("span", ["", "24h", "7d", "30d", "nonsense"])
def test_the_charts_page(page, listed, version, span):
    dog = listed(breeds=[Breed.objects.first()] if Breed.objects.exists() else [])
    answered(version=version, dog=dog, score=80)
    Click.objects.create(dog=dog, rank=1, score=90, band="strong")
    response = page.get("/manage/charts/", {"span": span})
    assert response.status_code == 200
    assert "What people did" in text(response)


def test_the_charts_page_of_an_empty_site(page):
    assert "No search has been answered yet." in text(page.get("/manage/charts/"))


# The log of answers


def test_the_log_is_narrowed_and_downloaded_as_it_was_narrowed(page, listed, version):
    dog = listed("=Bori()")
    answered(version=version, dog=dog, breed="maltese", score=88)
    answered(outcome="no_dog_cat")
    assert "This looks like a cat" in text(page.get("/manage/answers/"))
    only = text(page.get("/manage/answers/", {"outcome": "ok"}))
    assert "=Bori()" in only
    assert "This looks like a cat" not in only
    table = page.get("/manage/answers/table.csv", {"outcome": "ok", "purpose": "search"})
    assert table["Content-Disposition"] == 'attachment; filename="pawkin-answers.csv"'
    rows = list(csv.DictReader(io.StringIO(table.getvalue().decode("utf-8-sig"))))
    assert [(row["breed"], row["score"], row["dog"]) for row in rows] == [
        ("maltese", "88", dog.slug)
    ]
    assert "No answer yet" in text(page.get("/manage/answers/", {"purpose": "predict"}))


def test_the_log_says_how_close_the_best_dog_was(sent, listed, version):
    answer(sent, version, [(listed(), 35, "none")])
    log_prediction(query=sent)
    assert Prediction.objects.get().band == "none"


# Shelters


def test_a_shelters_photos_are_tried_again_and_no_others(page, listed, shelter, messages_sent):
    failed, none = listed("failed").photos.get(), listed("none").photos.get()
    for photo, state in ((failed, "failed"), (none, "no_dog")):
        Photo.objects.filter(pk=photo.pk).update(state=state)
        photo.embeddings.all().delete()
    fine = listed("fine").photos.get()
    missing = listed("missing").photos.get()
    missing.embeddings.all().delete()
    elsewhere = listed("elsewhere", shelter=create_shelter(name="Other")).photos.get()
    Photo.objects.filter(pk=elsewhere.pk).update(state="failed")
    Job.objects.all().delete()

    assert "Try 3 photos again" in text(page.get("/manage/shelters/"))
    response = page.post(f"/manage/shelters/{shelter.pk}/retry/", follow=True)
    assert "3 photos of Haneul wait for a worker." in text(response)
    asked = set(Job.objects.open().values_list("subject", "queue"))
    assert asked == {(str(photo.pk), "batch") for photo in (failed, none, missing)}
    assert Photo.objects.get(pk=fine.pk).state == "searchable"

    Job.objects.all().delete()
    Photo.objects.filter(dog__shelter=shelter).update(state="searchable")
    missing.delete(), failed.delete(), none.delete()
    again = page.post(f"/manage/shelters/{shelter.pk}/retry/", follow=True)
    assert "No photo of this shelter is to be tried again." in text(again)


# Dogs listed twice


@pytest.fixture
def pair(listed):
    one, other = listed("Bori"), listed("Bori again")
    services.store_hints(
        pairs=[services.Pair(other.pk, one.pk, photo(other).pk, photo(one).pk, 0.97)]
    )
    return DuplicateHint.objects.get()


def photo(dog):
    return dog.photos.get()


def test_a_pair_is_kept_once_the_first_listing_first(pair):
    assert (pair.dog.name, pair.photo) == ("Bori", photo(pair.dog))
    again = services.Pair(pair.dog_id, pair.other_id, pair.photo_id, pair.other_photo_id, 0.98)
    assert services.store_hints(pairs=[again]) == 0
    gone = services.Pair(pair.dog_id, pair.other_id + 1, pair.photo_id, 10**6, 0.98)
    assert services.store_hints(pairs=[gone]) == 0


def test_one_of_two_listings_of_a_dog_is_withdrawn(page, pair, admin):
    assert "Bori again" in text(page.get("/manage/duplicates/"))
    page.post(f"/manage/duplicates/{pair.pk}/", {"keep": pair.dog_id})
    assert Dog.objects.get(pk=pair.dog_id).status == "available"
    assert Dog.objects.get(pk=pair.other_id).status == "withdrawn"
    pair.refresh_from_db()
    assert (pair.state, pair.decided_by) == ("same", admin)
    second = page.post(f"/manage/duplicates/{pair.pk}/", {"keep": pair.other_id}, follow=True)
    assert "decided before" in text(second)
    assert Dog.objects.get(pk=pair.dog_id).status == "available"


def test_two_different_dogs_are_not_shown_again(page, pair):
    nothing = page.post(f"/manage/duplicates/{pair.pk}/", {"keep": "999999"}, follow=True)
    assert "Choose which of the two stays." in text(nothing)
    page.post(f"/manage/duplicates/{pair.pk}/", {"keep": "both"})
    assert "No pair to decide on" in text(page.get("/manage/duplicates/"))
    same = services.Pair(pair.dog_id, pair.other_id, pair.photo_id, pair.other_photo_id, 0.99)
    assert services.store_hints(pairs=[same]) == 0


def test_deciding_for_a_third_dog_is_an_error(pair, listed):
    with pytest.raises(ValueError, match="neither"):
        services.decide_hint(hint=pair, keep=listed("Third"), by=None)


def unit(*numbers):
    vector = np.zeros(128, dtype="<f4")
    vector[: len(numbers)] = numbers
    return (vector / np.linalg.norm(vector)).tobytes()


def test_a_worker_finds_them_block_by_block(page, listed, monkeypatch, messages_sent):
    monkeypatch.setattr(duplicates, "BLOCK", 2)
    vectors = {
        "a": [1, 0],
        "like a": [1, 0.1],
        "b": [0, 1],
        "like b": [0.1, 1],
        "withdrawn": [1, 0],
    }
    dogs = {name: listed(name) for name in vectors}
    for name, vector in vectors.items():
        Embedding.objects.filter(photo__dog=dogs[name]).update(vector=unit(*vector))
    Dog.objects.filter(pk=dogs["withdrawn"].pk).update(status="withdrawn")

    page.post("/manage/duplicates/look/")
    job = jobs.start(job_id=Job.objects.open().get(kind="find_duplicates").pk)
    duplicates.find_duplicates(job)
    pairs = {(hint.dog.name, hint.other.name) for hint in DuplicateHint.objects.all()}
    assert pairs == {("a", "like a"), ("b", "like b")}
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("done", 4, 4)


alike = duplicates.alike


def test_comparing_goes_on_where_it_was_put_back(listed, version, monkeypatch, messages_sent):
    monkeypatch.setattr(duplicates, "BLOCK", 1)
    monkeypatch.setattr(duplicates, "SLICE_SECONDS", -1.0)
    for name in "abc":
        listed(name)
    Embedding.objects.update(vector=unit(1))
    seen = []
    monkeypatch.setattr(duplicates, "alike", lambda *rows: seen.append(rows[-1]) or alike(*rows))
    job = services.start_looking()
    while job.state == "queued":
        duplicates.find_duplicates(jobs.start(job_id=job.pk))
        job.refresh_from_db()
    assert (job.state, seen) == ("done", [0, 1, 2])
    assert DuplicateHint.objects.count() == 3


# How long things are kept


def test_a_shorter_time_holds_for_what_is_there(page, admin, sent, version, settings):
    before = Query.objects.get().expires_at
    saved = SavedSearch.objects.create(
        email="a@example.org",
        vector=bytes(512),
        version=version,
        consent="2026-11",
        expires_at=timezone.now() + timedelta(days=90),
    )
    old = answered(ago=timedelta(days=10))
    response = page.post(
        "/manage/retention/",
        {"query_hours": 2, "saved_search_days": 30, "predictions_days": 7},
        follow=True,
    )
    assert "Saved. It holds from now on" in text(response)
    query = Query.objects.get()
    assert query.expires_at < before
    assert abs(query.expires_at - query.created_at - timedelta(hours=2)) < timedelta(seconds=1)
    saved.refresh_from_db()
    assert saved.expires_at <= timezone.now() + timedelta(days=30)
    assert Retention.objects.get().changed_by == admin

    assert forget_predictions() == 1
    assert not Prediction.objects.filter(pk=old.pk).exists()
    assert "We delete it after 2 hours" in text(page.get("/"))
    settings.QUERY_LIFETIME_HOURS = 1
    assert retention().query_hours == 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("query_hours", "25", "This can be from 1 to 24. Choose less."),
        ("query_hours", "0", "This can be from 1 to 24. Choose more."),
        ("saved_search_days", "", "Say how long, from 1 to 90."),
        ("predictions_days", "91", "This can be from 1 to 90. Choose less."),
        ("predictions_days", "soon", "Enter a whole number."),
    ],
)
def test_a_time_that_cannot_be_says_why(page, name, value, words):
    good = {"query_hours": 24, "saved_search_days": 90, "predictions_days": 90}
    response = page.post("/manage/retention/", good | {name: value})
    assert response.status_code == 422
    assert words in text(response)
    assert not Retention.objects.exists()


def test_the_page_counts_what_is_overdue_and_what_was_agreed_to(page, sent, version):
    Query.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    SavedSearch.objects.create(
        email="a@example.org",
        vector=bytes(512),
        version=version,
        consent="2025-01",
        consented_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=9),
    )
    words = text(page.get("/manage/retention/"))
    assert "words of 2025-01" in words
    assert "Adopters&#x27; photos 1" in words


# Pausing


def test_a_paused_reindex_stays_and_goes_on(page, listed, version, messages_sent):
    listed()
    built = services.request_reindex(version_name=version.name, by=None, rebuild=True)
    page.post(f"/manage/versions/{built.pk}/pause/")
    built.refresh_from_db()
    assert built.state == "building"
    assert not Job.objects.open().filter(kind="reindex").exists()
    words = text(page.get("/manage/"))
    assert "paused" in words
    assert "Go on" in words
    with pytest.raises(services.VersionConflict) as refused:
        services.request_reindex(version_name=None, by=None)
    assert refused.value.code == "reindex_running"
    page.post(f"/manage/versions/{built.pk}/resume/")
    assert Job.objects.open().get(kind="reindex").subject == str(built.pk)
    page.post(f"/manage/versions/{built.pk}/cancel/")
    assert ModelVersion.objects.get(pk=built.pk).state == "available"


def test_only_what_is_paused_goes_on(page, version):
    response = page.post(f"/manage/versions/{version.pk}/resume/", follow=True)
    assert "paused. Begin a new one." in text(response).replace("&#x27;", "'")
    assert not Job.objects.exists()
    page.post(f"/manage/versions/{version.pk}/pause/")
    assert ModelVersion.objects.get(pk=version.pk).state == "active"


# Jobs by their reason


def test_failed_jobs_are_tried_again_by_their_reason(page, version, messages_sent):
    for number, code in enumerate(["timed_out", "timed_out", "failed_inside"]):
        Job.objects.create(
            kind="rank", subject=str(number), queue="interactive", state="failed", error_code=code
        )
    words = text(page.get("/manage/jobs/?state=failed&code=timed_out"))
    assert "Try 2 of them again" in words
    assert "failed_inside" in words
    response = page.post("/manage/jobs/retry/", {"narrowed": "state=failed&code=timed_out"})
    assert response["Location"] == "/manage/jobs/?state=failed&code=timed_out"
    assert Job.objects.open().count() == 2
    assert Job.objects.get(state="failed").error_code == "failed_inside"
