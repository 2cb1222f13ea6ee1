"""Admin pages: what is live, what waits, what failed; reindex and jobs by hand."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs.models import Photo
from portal.insights import health
from portal.insights.charts import jobs_chart, wait_chart
from portal.insights.reindexing import latest_reindex, progress
from portal.insights.templatetags.insights import duration
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching.models import Embedding, ModelVersion, Rejection
from portal.shelters.services import add_member

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
NOW = timezone.now().replace(minute=30, second=0, microsecond=0)


@pytest.fixture
def page(client, db):
    client.force_login(User.objects.create_superuser("admin@example.org", "secret"))
    return client


@pytest.fixture
def live(db):
    return version("starter", state="active", activated_at=timezone.now())


def version(name, *, build=1, **fields):
    return ModelVersion.objects.create(
        name=name,
        title=name.title(),
        fingerprint=name.ljust(64, "0"),
        build=build,
        spec={},
        **fields,
    )


def describe(*versions):
    for photo in Photo.objects.all():
        for one in versions:
            Embedding.objects.create(photo=photo, version=one, vector=b"\0" * 512)


def prepared(dog):
    dog.photos.update(image="photos/a.jpg", thumbnail="photos/a.webp", state="searchable")
    return dog


def job(*, ago=timedelta(0), waited=None, ran=timedelta(seconds=1), **fields):
    """A job asked for `ago` before NOW; started after `waited`, ended after `ran`."""
    made = NOW - ago
    if waited is not None:
        fields |= {"started_at": made + waited, "finished_at": made + waited + ran}
    given = {"kind": "rank", "subject": str(uuid.uuid4()), "queue": "interactive", **fields}
    row = Job.objects.create(**given)
    Job.objects.filter(pk=row.pk).update(created_at=made)
    row.refresh_from_db()
    return row


VIEWS = [
    ("get", "manage:overview", None),
    ("get", "manage:versions", None),
    ("post", "manage:reindex", None),
    ("post", "manage:version_activate", 1),
    ("post", "manage:reindex_cancel", 1),
    ("get", "manage:jobs", None),
    ("post", "manage:job_retry", uuid.uuid4()),
    ("post", "manage:job_cancel", uuid.uuid4()),
    ("post", "manage:jobs_retry", None),
    ("post", "manage:reindex_pause", 1),
    ("post", "manage:reindex_resume", 1),
    ("get", "manage:charts", None),
    ("get", "manage:predictions", None),
    ("get", "manage:predictions_table", None),
    ("get", "manage:shelters", None),
    ("post", "manage:shelter_retry", 1),
    ("get", "manage:duplicates", None),
    ("post", "manage:duplicates_look", None),
    ("post", "manage:duplicate_decide", 1),
    ("get", "manage:retention", None),
    ("post", "manage:retention", None),
]


@pytest.mark.parametrize(("method", "view", "argument"), VIEWS)
@pytest.mark.parametrize("who", ["anonymous", "adopter", "staff"])
def test_for_admins_only(client, shelter, method, view, argument, who):
    if who != "anonymous":
        user = User.objects.create_user("person@example.org", "secret")
        if who == "staff":
            add_member(shelter=shelter, user=user)
        client.force_login(user)
    answer = getattr(client, method)(reverse(view, args=[argument] if argument else []))
    assert answer.status_code == (302 if who == "anonymous" else 403)


# Numbers


def test_the_age_of_each_queue():
    job(ago=timedelta(seconds=90), state="queued")
    job(ago=timedelta(seconds=10), state="queued")
    job(ago=timedelta(seconds=5), state="running", queue="batch")
    interactive, batch = health.queues(NOW)
    assert (interactive.waiting, interactive.running) == (2, 0)
    assert interactive.oldest == timedelta(seconds=90)
    assert (batch.waiting, batch.running, batch.oldest) == (0, 1, None)


def test_a_queue_gets_slower_when_it_waits_longer_than_the_day_before():
    job(ago=timedelta(hours=30), waited=timedelta(seconds=1), state="done")
    job(ago=timedelta(hours=3), waited=timedelta(seconds=4), state="done")
    job(ago=timedelta(hours=2), waited=timedelta(seconds=2), state="done")
    (interactive, batch) = health.queues(NOW)
    assert interactive.wait == timedelta(seconds=3)
    assert interactive.wait_before == timedelta(seconds=1)
    assert interactive.slower
    assert not batch.slower


def test_a_worker_is_there_as_long_as_it_beats():
    WorkerHeartbeat.objects.create(queue="interactive", beat_at=NOW, ready=True)
    late = NOW - health.SILENT_AFTER - timedelta(seconds=1)
    WorkerHeartbeat.objects.create(queue="batch", beat_at=late, ready=True)
    interactive, batch = health.queues(NOW)
    assert interactive.alive
    assert not batch.alive


def test_failures_today_and_the_day_before():
    for hours, code in ((1, "timed_out"), (2, "timed_out"), (30, "timed_out"), (3, "worker_lost")):
        job(ago=timedelta(hours=hours), waited=timedelta(0), state="failed", error_code=code)
    job(ago=timedelta(days=3), waited=timedelta(0), state="failed", error_code="timed_out")
    job(ago=timedelta(hours=1), waited=timedelta(0), state="done")
    assert health.failures(NOW) == [
        health.FailureCount("timed_out", 2, 1),
        health.FailureCount("worker_lost", 1, 0),
    ]


def test_hours_of_the_last_day():
    job(ago=timedelta(minutes=10), waited=timedelta(seconds=2), state="done")
    job(ago=timedelta(minutes=10), waited=timedelta(seconds=4), state="failed")
    job(ago=timedelta(hours=5), waited=timedelta(seconds=1), state="done")
    hours = health.last_day(NOW)
    assert len(hours) == 24
    assert (hours[-1].finished, hours[-1].failed) == (1, 1)
    assert hours[-1].wait == timedelta(seconds=3)
    assert hours[-6].finished == 1
    assert sum(hour.finished + hour.failed for hour in hours) == 3


def test_charts_fill_their_height_and_say_their_unit():
    job(ago=timedelta(minutes=10), waited=timedelta(seconds=2), state="done")
    job(ago=timedelta(minutes=10), waited=timedelta(seconds=2), state="failed")
    job(ago=timedelta(hours=5), waited=timedelta(seconds=1), state="done")
    jobs, waits = jobs_chart(health.last_day(NOW)), wait_chart(health.last_day(NOW))
    assert (jobs.bars[-1].height, jobs.bars[-1].above, jobs.bars[-1].above_y) == (30, 30, 0)
    assert jobs.bars[-6].height == 30
    assert jobs.top == "2 jobs an hour"
    assert waits.top == "2.0 s"
    assert waits.bars[-6].height == 30


def test_a_chart_of_nothing():
    assert jobs_chart(health.last_day(NOW)).empty


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.44, "0.4 s"),
        (12, "12 s"),
        (200, "3 min"),
        (3600 * 2 + 300, "2 h 5 min"),
        (86400 * 3, "3 days"),
    ],
)
def test_spans_of_time_in_words(seconds, words):
    assert duration(timedelta(seconds=seconds)) == words


def test_the_overview_answers_with_nothing_there(page):
    text = page.get(reverse("manage:overview")).content.decode()
    assert "no worker yet" in text
    assert "No models are live yet" in text


def test_the_overview_asks_as_often_for_many_jobs(
    page, live, make_dog, django_assert_max_num_queries
):
    prepared(make_dog(photos=3))
    for _ in range(30):
        job(
            ago=timedelta(hours=1), waited=timedelta(seconds=1), state="failed", error_code="failed"
        )
    with django_assert_max_num_queries(20):
        page.get(reverse("manage:overview"))


# Reindex


def test_what_each_version_has_described_and_lacks(page, live, make_dog):
    prepared(make_dog(photos=3))
    other = version("other")
    first, second, _third = Photo.objects.all()
    Embedding.objects.create(photo=first, version=live, vector=b"\0" * 512)
    Rejection.objects.create(photo=second, version=live, code="no_dog")
    rows = {
        one.pk: (one.described, one.without_dog, missing)
        for one, missing in page.get(reverse("manage:overview")).context["versions"]
    }
    assert rows == {live.pk: (1, 1, 1), other.pk: (0, 0, 3)}


def test_reindexing_what_is_missing_keeps_the_live_version(page, live, make_dog):
    prepared(make_dog(photos=1))
    page.post(reverse("manage:reindex"))
    assert Job.objects.get(kind="reindex").subject == str(live.pk)
    assert ModelVersion.objects.count() == 1
    live.refresh_from_db()
    assert live.state == "active"


def test_building_anew_beside_the_live_version(page, live):
    answer = page.post(
        reverse("manage:reindex"), {"rebuild": "yes", "version": "starter"}, headers=HTMX
    )
    built = ModelVersion.objects.get(build=2)
    assert built.state == "building"
    assert Job.objects.get(kind="reindex").subject == str(built.pk)
    live.refresh_from_db()
    assert live.state == "active"
    text = answer.content.decode()
    assert 'hx-trigger="every 1s"' in text
    assert "Waiting for a worker" in text
    page.post(reverse("manage:reindex_cancel", args=[built.pk]))
    assert not Job.objects.open().exists()
    built.refresh_from_db()
    assert built.state == "available"


def test_a_second_reindex_is_refused_in_words(page, live):
    for _ in range(2):
        answer = page.post(
            reverse("manage:reindex"), {"rebuild": "yes", "version": "starter"}, headers=HTMX
        )
    assert "Another reindex is running" in answer.content.decode()
    assert Job.objects.count() == 1


def test_progress_says_the_rate_and_the_time_left():
    begun = timezone.now() - timedelta(seconds=10)
    row = job(kind="reindex", state="running", done=20, total=60, started_at=begun)
    now = progress(row)
    assert now.percent == 33
    assert now.rate == pytest.approx(2, rel=0.1)
    assert now.left.total_seconds() == pytest.approx(20, rel=0.1)


def test_progress_before_the_first_photo():
    now = progress(job(kind="reindex", state="queued"))
    assert (now.percent, now.rate, now.left) == (0, None, None)


def test_the_running_reindex_is_shown_before_a_later_one():
    running = job(kind="reindex", subject="1", ago=timedelta(hours=1), state="running")
    job(kind="reindex", subject="2", state="cancelled")
    assert latest_reindex().job == running


def test_the_panel_asks_again_only_while_a_reindex_runs(page, live):
    row = job(kind="reindex", subject=str(live.pk), state="running", done=1, total=3)
    address = reverse("manage:versions")
    assert b"hx-trigger" in page.get(address, headers=HTMX).content
    Job.objects.filter(pk=row.pk).update(state="done", finished_at=timezone.now())
    assert b"hx-trigger" not in page.get(address, headers=HTMX).content


def test_a_failed_reindex_says_why(page, live):
    job(kind="reindex", subject=str(live.pk), state="failed", error_code="worker_lost")
    assert "We tried three times" in page.get(reverse("manage:overview")).content.decode()


def test_switching_and_going_back(page, live, make_dog):
    prepared(make_dog(photos=1))
    other = version("other")
    describe(live, other)
    for target in (other, live):
        answer = page.post(reverse("manage:version_activate", args=[target.pk]), headers=HTMX)
        assert ModelVersion.objects.active().get() == target
        assert "answers now" in answer.content.decode()


def test_switching_is_offered_and_done_only_without_missing_photos(page, live, make_dog):
    prepared(make_dog(photos=1))
    other = version("other")
    describe(live)
    switch = reverse("manage:version_activate", args=[other.pk])
    assert switch not in page.get(reverse("manage:overview")).content.decode()
    answer = page.post(switch, headers=HTMX)
    assert "not described by this version yet" in answer.content.decode()
    assert ModelVersion.objects.active().get() == live


# Jobs


def test_the_list_says_what_a_job_is_about(page, live, make_dog):
    dog = make_dog(photos=1)
    job(kind="reindex", subject=str(live.pk), state="done", waited=timedelta(seconds=2))
    rows = {row.job.kind: row for row in page.get(reverse("manage:jobs")).context["rows"]}
    assert rows["index_photo"].dog == dog
    assert rows["reindex"].version == live
    assert rows["reindex"].waited == timedelta(seconds=2)
    assert rows["reindex"].ran == timedelta(seconds=1)
    assert rows["index_photo"].ran is None


def test_an_adopters_search_is_not_linked(page):
    row = job(kind="answer_query", state="done")
    text = page.get(reverse("manage:jobs")).content.decode()
    assert row.subject[:8] in text
    assert row.subject not in text


def test_jobs_are_narrowed_and_paged(page, django_assert_max_num_queries):
    for _ in range(60):
        job(kind="rank", state="done", waited=timedelta(0))
    failed = job(kind="reindex", subject="99", state="failed", error_code="timed_out")
    with django_assert_max_num_queries(9):
        answer = page.get(reverse("manage:jobs"))
    assert len(answer.context["rows"]) == 50
    answer = page.get(reverse("manage:jobs"), {"state": "failed"})
    assert [row.job for row in answer.context["rows"]] == [failed]
    answer = page.get(reverse("manage:jobs"), {"state": "failed", "kind": "rank"})
    assert "No such job" in answer.content.decode()


def test_a_failed_job_is_tried_again_from_the_narrowed_list(page):
    row = job(state="failed", error_code="timed_out", error_detail="<b>at line 3</b>")
    assert "&lt;b&gt;at line 3" in page.get(reverse("manage:jobs")).content.decode()
    answer = page.post(
        reverse("manage:job_retry", args=[row.pk]), {"narrowed": "state=failed&x=\r\nSet-Cookie: a"}
    )
    assert answer["Location"].startswith(f"{reverse('manage:jobs')}?state=failed")
    assert "\n" not in answer["Location"]
    row.refresh_from_db()
    assert row.state == "queued"


@pytest.mark.parametrize(
    ("kind", "state"), [("rank", "done"), ("reindex", "failed"), ("answer_query", "failed")]
)
def test_what_cannot_be_tried_again_is_not_offered(page, kind, state):
    row = job(kind=kind, state=state, waited=timedelta(0), error_code="timed_out")
    address = reverse("manage:job_retry", args=[row.pk])
    assert address not in page.get(reverse("manage:jobs")).content.decode()
    answer = page.post(address, follow=True)
    assert "cannot be tried again" in answer.content.decode()
    assert not Job.objects.open().exists()


def test_cancelling(page, live):
    row = job(state="queued")
    page.post(reverse("manage:job_cancel", args=[row.pk]))
    row.refresh_from_db()
    assert row.state == "cancelled"
    answer = page.post(reverse("manage:job_cancel", args=[row.pk]), follow=True)
    assert "had ended already" in answer.content.decode()


def test_cancelling_a_reindex_frees_its_version(page, live):
    page.post(reverse("manage:reindex"), {"rebuild": "yes", "version": "starter"})
    row = Job.objects.get(kind="reindex")
    page.post(reverse("manage:job_cancel", args=[row.pk]))
    assert not ModelVersion.objects.filter(state="building").exists()
