"""A day and a year by a clock that is set: what has had its time goes then, and nothing else."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from django.utils import timezone

from portal.accounts.models import AuditEvent, User
from portal.annotations.services import skip_photo
from portal.api.models import ApiToken, IdempotencyKey
from portal.api.services import begin_call
from portal.clips.models import Clip
from portal.dogs import pieces
from portal.dogs.models import Dog, DogChange, PartialUpload, Photo
from portal.enquiries.models import Enquiry
from portal.enquiries.services import send_enquiry
from portal.feeds.models import Archive
from portal.insights.models import Prediction
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import (
    Click,
    EndedQuery,
    Favourite,
    Feedback,
    FusionWeights,
    Match,
    NotAlike,
    Query,
    Ranking,
    SavedSearch,
)
from portal.matching.queries import retention
from portal.publishing.models import Delivery, Webhook
from portal.shelters.models import Invitation, Membership
from portal.shelters.services import add_member
from workers import tasks

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = timedelta(minutes=10)
RED, SAND = (200, 20, 20), (210, 180, 140)

# What goes by itself within this day, each at its own time; all other tables stay as they were.
PASSING = {Query, Ranking, Match, EndedQuery, Job, PartialUpload, Archive, IdempotencyKey, Session}
# What is written whenever something happens.
WRITTEN = {Prediction, WorkerHeartbeat}
# Tables from which nothing goes because of its age. Of a feed the newest fifty runs stay, and what
# is Django's own is written by nobody here.
STAYS = {
    "account.EmailAddress", "account.EmailConfirmation", "mfa.Authenticator", "shelters.Shelter",
    "dogs.Breed", "dogs.TemperamentValue", "dogs.DogEvent", "matching.ModelVersion",
    "matching.Embedding", "matching.Keypoints", "matching.Rejection", "matching.DuplicateHint",
    "matching.Alert", "matching.Retention", "enquiries.Message", "feeds.Feed", "feeds.FeedRun",
    "feeds.FeedRejection", "feeds.FeedEntry", "feeds.FeedPhoto", "feeds.TemperamentSuggestion",
    "jobs.WorkerHeartbeat", "admin.LogEntry", "auth.Permission", "auth.Group",
    "contenttypes.ContentType",
}  # fmt: skip


@pytest.fixture
def clock():
    with time_machine.travel(BEGIN, tick=False) as traveller:
        yield traveller


def every_minute():
    """What the scheduler has done every few minutes, as a worker does it."""
    tasks.expire_queries()
    tasks.deliver_webhooks()
    tasks.alert_saved_searches()
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


@dataclass
class Thing:
    """A row, or the file that a column of it names, and how long it is there; None: for good."""

    row: models.Model
    days: float | None
    file: str = ""
    since: datetime = field(default_factory=timezone.now)

    def is_there(self) -> bool:
        found = type(self.row)._base_manager.filter(pk=self.row.pk).first()
        if found is None or not self.file:
            return found is not None
        named = getattr(found, self.file).name
        stored = default_storage.exists(getattr(self.row, self.file).name)
        assert bool(named) == stored, (self.file, named)
        return stored

    def should_be(self) -> bool:
        return self.days is None or timezone.now() < self.since + timedelta(days=self.days)

    def __str__(self) -> str:
        return f"{self.row._meta.label} {self.row.pk} {self.file}".strip()


def stored(name):
    return default_storage.save(name, ContentFile(b"x"))


@pytest.fixture
def things(clock, version, list_dog, run, shelter, staff):
    """What goes by itself, with how long it is said to be kept, beside what looks nearly the same
    and stays."""
    bori, nara = list_dog("Bori", RED, SAND), list_dog("Nara", SAND)
    run()
    photo = bori.photos.first()
    add_member(shelter=shelter, user=staff)
    user = User.objects.create_user("adopter@example.org", "secret")
    now = timezone.now()

    def query(**more):
        return Query.objects.create(expires_at=now + timedelta(days=1), **more)

    def ranking(**more):
        row = {"filters_key": str(uuid.uuid4()), "filters": {}, "ranked_at": now, **more}
        made = Ranking.objects.create(**row)
        match = Match.objects.create(
            ranking=made, dog=nara, photo=nara.photos.first(), rank=1, similarity=0.9, score=90,
            band="strong", parts={"appearance": 0.9},
        )  # fmt: skip
        return made, match

    def job(kind, state):
        subject = str(uuid.uuid4())
        return Job.objects.create(
            kind=kind, state=state, subject=subject, queue="batch", finished_at=now
        )

    def clip(state, **files):
        return Clip.objects.create(
            dog=bori, by=staff, state=state, ended_at=now, error_code="x",
            **{name: stored(f"clips/aa/{uuid.uuid4()}") for name in files},
        )  # fmt: skip

    def search(**more):
        row = {"email": "a@example.org", "dog": bori, "expires_at": now + timedelta(days=2), **more}
        return SavedSearch.objects.create(**row)

    def enquiry(**more):
        return Enquiry.objects.create(
            dog=bori, shelter=shelter, name="Kim", email="a@example.org", **more
        )

    def session(**more):
        store = SessionStore()
        store.set_expiry(timedelta(**more))
        store.create()
        return Session.objects.get(pk=store.session_key)

    hook = Webhook.objects.create(
        owner=staff, shelter=shelter, url="https://a.example/", secret="s", disabled_at=now
    )

    def delivery(state):
        return Delivery.objects.create(
            webhook=hook, event="ping", payload={}, state=state, next_try_at=now
        )

    def invitation(**more):
        return Invitation.objects.create(
            shelter=shelter, email=f"{uuid.uuid4().hex}@example.org",
            expires_at=now + timedelta(days=7), **more,
        )  # fmt: skip

    theirs = query(image=stored(f"queries/aa/{uuid.uuid4()}"))
    face = query(subject=Query.Subject.PERSON, face={"eyes": 0.4}, consent="face 1")
    (of_dog, of_dogs), (of_photo, of_photos) = ranking(dog=bori), ranking(query=theirs)
    of_face, of_faces = ranking(query=face)
    failed, refused, ready = (
        clip("failed", upload=1), clip("failed"), clip("ready", film=1, poster=1),
    )  # fmt: skip
    archive = Archive.objects.create(
        shelter=shelter, by=staff, name="a.zip", state="failed",
        upload=stored(f"archives/aa/{uuid.uuid4()}"),
    )  # fmt: skip
    partial = pieces.begin(owner=staff, dog=bori, name="photo.jpg", length=1000)
    pieces.append(upload=partial, offset=0, data=b"x" * 100)
    confirmed = enquiry(confirmed_at=now)
    skip_photo(photo=photo, by=staff)
    gone = [Job.State.DONE, Job.State.CANCELLED]
    kinds = sorted(set(Job.Kind) - {Job.Kind.INDEX_PHOTO, Job.Kind.REINDEX, Job.Kind.IMPORT_FEED})
    return [
        *(Thing(row, 1) for row in (theirs, face, of_dog, of_dogs, of_photo, of_photos)),
        *(Thing(row, 1) for row in (of_face, of_faces)),
        Thing(theirs, 1, "image"),
        Thing(NotAlike.objects.create(query=theirs, dog=nara), 1),
        Thing(NotAlike.objects.create(source=bori, dog=nara, owner_key="k"), 1),
        Thing(Click.objects.create(match=of_dogs, dog=nara, rank=1, score=90, band="strong"), None),
        *(Thing(job(kind, state), 1) for kind in kinds for state in gone),
        *(Thing(job(kind, Job.State.FAILED), None) for kind in kinds
          if kind not in (Job.Kind.ANSWER_QUERY, Job.Kind.RANK)),
        Thing(partial, 1),
        Thing(archive, 1),
        Thing(failed, None),
        Thing(failed, 1, "upload"),
        Thing(refused, None),
        Thing(ready, None, "film"),
        Thing(ready, None, "poster"),
        Thing(IdempotencyKey.objects.create(caller="x", key="y", content="z", status=200), 1),
        Thing(session(hours=20), 20 / 24),
        Thing(session(days=30), 30),
        Thing(enquiry(), 2),
        Thing(confirmed, None),
        Thing(search(), 2),
        Thing(search(confirmed_at=now, expires_at=now + timedelta(days=90)), 90),
        Thing(invitation(), 7),
        Thing(invitation(accepted_at=now), 7),
        Thing(EndedQuery.objects.create(digest="d" * 64), 30),
        Thing(delivery("done"), 30),
        Thing(delivery("given_up"), 30),
        Thing(delivery("pending"), None),
        Thing(hook, None),
        Thing(Prediction.objects.create(milliseconds=9), 90),
        Thing(AuditEvent.objects.create(action="logged_in", by=staff), 365),
        # Of preferences only the day is known, so the last one may be a day more.
        Thing(Feedback.objects.create(kind="click", mode="like", preferred={}, other={}), 366),
        Thing(FusionWeights.objects.create(weights={}, pairs=1, held_back=1, agreement=0.5,
                                           agreement_fixed=0.5, margin=0.1), None),
        Thing(Favourite.objects.create(dog=bori, owner=user), None),
        Thing(Favourite.objects.create(dog=bori, owner_key="k"), None),
        Thing(ApiToken.objects.create(user=user, name="t", digest="d", hint="h"), None),
        Thing(photo.annotations.get(), None),
        *(Thing(row, None) for model in (User, Dog, Photo, DogChange, Membership)
          for row in model.objects.all()),
        *(Thing(row, None, name) for row in Photo.objects.all() for name in ("image", "thumbnail")),
    ]  # fmt: skip


def check(things):
    wrong = [str(thing) for thing in things if thing.is_there() != thing.should_be()]
    assert wrong == [], timezone.now()


def test_every_table_is_among_them_or_known_to_stay(things):
    there = {type(thing.row)._meta.label for thing in things}
    known = {model._meta.label for model in apps.get_models()}
    assert known - there == STAYS


def test_each_thing_goes_in_its_hour(clock, things, act):
    """Two days, an hour at a time."""
    clock.shift(timedelta(minutes=5))
    for _ in range(50):
        with act():
            every_minute()
        check(things)
        clock.shift(timedelta(hours=1))


def test_a_year(clock, things, act, files):
    """Thirteen months, three days at a time."""
    clock.shift(timedelta(minutes=5))
    for _ in range(132):
        with act():
            every_minute()
        check(things)
        clock.shift(timedelta(days=3))
    named = {
        getattr(thing.row, thing.file).name for thing in things if thing.file and thing.days is None
    }
    assert set(files()) == named
