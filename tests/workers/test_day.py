"""A day by a clock that is set: what has had its time goes when it has, and nothing else does."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from portal.accounts.models import User
from portal.api.models import IdempotencyKey
from portal.api.services import begin_call
from portal.dogs import pieces
from portal.dogs.models import PartialUpload
from portal.enquiries.models import Enquiry
from portal.enquiries.services import send_enquiry
from portal.feeds.models import Archive
from portal.insights.models import Prediction
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import EndedQuery, Match, Query, Ranking, SavedSearch
from portal.matching.queries import retention
from workers import tasks

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = timedelta(minutes=10)
RED, SAND = (200, 20, 20), (210, 180, 140)

# What goes by itself within this day, each at its own time; all other tables stay as they were.
PASSING = {Query, Ranking, Match, EndedQuery, Job, PartialUpload, Archive, IdempotencyKey, Session}
# What is written whenever something happens.
WRITTEN = {Prediction, WorkerHeartbeat}


@pytest.fixture
def clock():
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


def every_minute():
    """What the scheduler has done every few minutes, as a worker does it."""
    tasks.expire_queries()
    tasks.delete_orphans()
    tasks.index_missing()
    tasks.sweep_jobs()


def rows():
    models = [m for m in apps.get_models() if m not in PASSING | WRITTEN]
    return {
        model._meta.label: sorted(map(str, model._base_manager.values_list("pk", flat=True)))
        for model in models
    }


def test_a_day(clock, version, list_dog, search, run, act, files, shelter, staff):
    bori = list_dog("Bori", RED, SAND)
    list_dog("Nara", SAND)
    run()
    adopter = User.objects.create_user("adopter@example.org", "secret")
    services.keep_dog(dog=bori, owner=adopter)
    saved = search(RED)
    run()
    services.save_search(
        query=Query.objects.get(),
        filters=Filters(),
        email=adopter.email,
        owner=adopter,
        language="en",
        consent=True,
    )
    with act():
        send_enquiry(
            dog=bori,
            user=adopter,
            name="Kim",
            email=adopter.email,
            language="en",
            text="May we come?",
        )
    partial = pieces.begin(owner=staff, dog=bori, name="photo.jpg", length=1000)
    pieces.append(upload=partial, offset=0, data=b"x" * 100)
    begin_call(caller="user 1", key="key", content="content")
    session = SessionStore()
    session["visited"] = True
    session.set_expiry(timedelta(hours=20))
    session.create()
    kept_rows = rows()
    kept_files = {name for name in files() if not name.startswith(("queries/", "pieces/"))}

    asked = {saved.pk: timezone.now()}
    lifetime = timedelta(hours=retention().query_hours)
    assert lifetime == timedelta(hours=24)
    most = 0
    for step in range(1, int(timedelta(hours=49) / STEP)):
        clock.shift(STEP)
        now = timezone.now()
        if step % 3 == 0 and now < BEGIN + timedelta(hours=24):
            query = search(RED)
            asked[query.pk] = now
            run()
        with act():
            every_minute()
        due = {pk for pk, at in asked.items() if now < at + lifetime}
        there = list(Query.objects.all())
        assert {query.pk for query in there} == due
        assert {name for name in files() if name.startswith("queries/")} == {
            query.image.name for query in there
        }
        assert set(Ranking.objects.values_list("query", flat=True)) == due
        subjects = Job.objects.filter(kind="answer_query").values_list("subject", flat=True)
        assert {uuid.UUID(subject) for subject in subjects} <= due
        assert EndedQuery.objects.count() == len(asked) - len(due)
        for model, span in ((PartialUpload, 24), (IdempotencyKey, 24), (Session, 20)):
            assert model.objects.exists() == (now <= BEGIN + timedelta(hours=span)), (model, now)
        most = max(most, len(due))
    assert most == 48
    assert (Query.objects.count(), Match.objects.count()) == (0, 0)
    assert rows() == kept_rows
    assert set(files()) == kept_files
    assert SavedSearch.objects.get().vector is not None
    assert Enquiry.objects.count() == 1
