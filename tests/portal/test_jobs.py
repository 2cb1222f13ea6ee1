"""Job state: guarded changes, lost messages, lost workers."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django.utils.translation import override
from kombu.exceptions import ChannelError

from ml import errors
from portal.jobs import messages, services
from portal.jobs.models import Job, WorkerHeartbeat

pytestmark = pytest.mark.django_db

INTERACTIVE = Job.Queue.INTERACTIVE
BATCH = Job.Queue.BATCH


@pytest.fixture
def sent(monkeypatch):
    """Names, ids and options of the messages that left."""
    messages = []

    def send_task(name, args, **options):
        messages.append((name, args[0], options))

    monkeypatch.setattr(services.app, "send_task", send_task)
    return messages


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def make(subject=1, kind=Job.Kind.INDEX_PHOTO, queue=INTERACTIVE):
    return services.enqueue(kind=kind, subject=subject, queue=queue)


def age(job, seconds, *fields):
    Job.objects.filter(pk=job.pk).update(
        **dict.fromkeys(fields, timezone.now() - timedelta(seconds=seconds))
    )


def running(subject=1, queue=INTERACTIVE, worker=""):
    return services.start(job_id=make(subject, queue=queue).pk, worker=worker)


def test_a_second_request_gets_the_open_job_and_no_second_message(sent, on_commit):
    with on_commit():
        first, second = make(), make()
    assert first.pk == second.pk
    assert [message[:2] for message in sent] == [("workers.tasks.index_photo", str(first.pk))]


def test_a_closed_job_does_not_stand_in_the_way(sent):
    job = running()
    assert services.finish(job=job)
    assert make().pk != job.pk
    assert Job.objects.for_subject("index_photo", 1).count() == 2


def test_the_message_leaves_after_the_commit_only(sent, on_commit):
    with on_commit(), transaction.atomic():
        make()
        assert sent == []
    assert len(sent) == 1


def test_answers_overtake_photos(sent, on_commit):
    with on_commit():
        make(1)
        make("q", kind=Job.Kind.ANSWER_QUERY)
    photo, answer = (options for _, _, options in sent)
    assert answer["priority"] < photo["priority"]
    assert answer["queue"] == "interactive"


def test_a_broker_that_is_away_is_no_error(monkeypatch, on_commit):
    def send_task(*args, **kwargs):
        raise ConnectionError("refused")

    monkeypatch.setattr(services.app, "send_task", send_task)
    with on_commit():
        job = make()
    job.refresh_from_db()
    assert (job.state, job.sent_at) == ("queued", None)
    assert services.sweep().resent == [job]


def test_only_one_start_wins():
    job = make()
    mine = services.start(job_id=job.pk, worker="interactive@a", step="preparing")
    assert (mine.state, mine.attempts, mine.step) == ("running", 1, "preparing")
    assert services.start(job_id=job.pk) is None


def test_progress_and_end():
    job = running()
    assert services.beat(job=job, step="comparing", done=3, total=9)
    job.refresh_from_db()
    assert (job.step, job.done, job.total) == ("comparing", 3, 9)
    assert services.fail(job=job, code="no_dog", detail="x" * 9000)
    job.refresh_from_db()
    assert (job.state, job.error_code, len(job.error_detail)) == ("failed", "no_dog", 4000)
    assert not services.finish(job=job)


def test_a_cancelled_job_is_noticed_at_the_next_beat():
    job = running()
    assert services.cancel(job=job)
    assert not services.beat(job=job)
    assert not services.finish(job=job)
    assert not services.cancel(job=job)


def test_whoever_lost_the_job_cannot_touch_it():
    first = running()
    age(first, 31, "heartbeat_at")
    services.sweep()
    second = services.start(job_id=first.pk)
    assert second.attempts == 2
    assert not services.beat(job=first)
    assert not services.finish(job=first)
    assert not services.fail(job=first, code="failed")
    assert services.finish(job=second)


@pytest.mark.parametrize(
    ("queue", "seconds", "lost"),
    [(INTERACTIVE, 25, False), (INTERACTIVE, 31, True), (BATCH, 115, False), (BATCH, 121, True)],
)
def test_a_job_without_beats_is_lost(sent, on_commit, queue, seconds, lost):
    job = running(queue=queue)
    age(job, seconds, "heartbeat_at")
    with on_commit():
        result = services.sweep()
    assert bool(result.resent) is lost
    assert len(sent) == int(lost)
    job.refresh_from_db()
    assert job.state == ("queued" if lost else "running")


def test_the_third_lost_worker_fails_the_job():
    job = make()
    for _ in range(services.MAX_ATTEMPTS):
        started = services.start(job_id=job.pk)
        assert started is not None
        age(started, 31, "heartbeat_at")
        result = services.sweep()
    assert result.failed == [job]
    assert result.resent == []
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "worker_lost")
    assert services.sweep() == services.SweepResult()


def test_a_new_worker_takes_up_what_its_predecessor_left(sent, on_commit):
    mine, other = running(1, worker="interactive@a"), running(2, worker="interactive@b")
    with on_commit():
        assert services.reclaim(worker="interactive@a").resent == [mine]
    assert len(sent) == 1
    other.refresh_from_db()
    assert other.state == "running"


def test_a_lost_message_is_sent_again_soon_where_nothing_else_happens(sent, on_commit):
    job = make()
    age(job, 9, "sent_at")
    assert services.sweep().resent == []
    age(job, 11, "sent_at")
    with on_commit():
        assert services.sweep().resent == [job]
        assert services.sweep().resent == []
    assert len(sent) == 1


def test_a_backlog_is_not_sent_again_and_again():
    job = make(1)
    age(job, 30, "sent_at")
    services.finish(job=running(2))
    assert services.sweep().resent == []
    age(job, 61, "sent_at")
    assert services.sweep().resent == [job]


def test_a_worker_that_gets_ready_is_not_sent_everything_again():
    age(make(1), 30, "sent_at")
    services.beat_worker(queue="interactive", ready=False)
    assert services.sweep().resent == []
    services.beat_worker(queue="interactive", ready=True)
    assert len(services.sweep().resent) == 1


def test_a_paused_job_goes_on_with_all_its_attempts(sent, on_commit):
    job = running()
    services.beat(job=job, done=16, total=40)
    with on_commit():
        assert services.put_back(job=job, got_on=True)
    assert len(sent) == 1
    again = services.start(job_id=job.pk)
    assert (again.attempts, again.done) == (1, 16)
    assert again.started_at == job.started_at
    assert not services.put_back(job=job, got_on=True)


def test_a_job_that_did_not_get_on_keeps_its_count():
    job = running()
    assert services.put_back(job=job, got_on=False)
    assert services.start(job_id=job.pk).attempts == 2


def test_retry_opens_a_failed_job_only(sent, on_commit):
    job = running()
    services.fail(job=job, code="worker_lost", detail="why")
    with on_commit():
        services.retry(job=job)
    assert (job.state, job.attempts, job.error_code, job.error_detail) == ("queued", 0, "", "")
    assert len(sent) == 1
    services.finish(job=services.start(job_id=job.pk))
    assert services.retry(job=job).state == "done"


def test_retry_of_an_old_failure_gives_the_job_that_is_open():
    failed = running()
    services.fail(job=failed, code="worker_lost")
    opened = make()
    assert services.retry(job=failed) == opened


def test_jobs_that_ended_well_are_forgotten():
    old, new, failed = running(1), running(2), running(3)
    services.finish(job=old)
    services.finish(job=new)
    services.fail(job=failed, code="failed")
    for job in (old, failed):
        age(job, 90_000, "finished_at")
    services.forget(kinds=["index_photo"], older_than=timedelta(days=1))
    assert set(Job.objects.all()) == {new, failed}


def test_a_worker_has_one_heartbeat_row_a_queue():
    services.beat_worker(queue="interactive", ready=False)
    services.beat_worker(queue="interactive", ready=True)
    beat = WorkerHeartbeat.objects.get()
    assert beat.ready
    assert beat.beat_at <= timezone.now()


def test_every_code_of_a_refused_photo_has_a_sentence():
    codes = [
        "empty_file", "file_too_large", "not_an_image", "unsupported_format", "too_many_pixels",
        "image_too_small", "truncated_image", errors.NoSubject().code,
        *(f"no_dog_{kind}" for kind in ("cat", "person")),
        "worker_lost", "failed", "photo_already_there",
    ]  # fmt: skip
    with override("en"):
        for code in codes:
            assert code in messages.SENTENCES, code
            assert str(messages.sentence(code)).count(".") >= 2, code
        assert str(messages.sentence("never heard of")) == str(messages.UNKNOWN)
        assert "20 MB" in messages.sentence("file_too_large")


class Broker:
    """What `queue_declare(passive=True)` says of one: a number of messages, or an error."""

    def __init__(self, said):
        self.said = said
        self.default_channel = self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def queue_declare(self, queue, passive):
        assert passive
        if isinstance(self.said, Exception):
            raise self.said
        return type("Declared", (), {"message_count": self.said})


@pytest.mark.parametrize(
    ("said", "resent"),
    [(0, 3), (2, 0), (ChannelError("no such queue"), 3), (OSError("away"), 0)],
)
def test_a_backlog_without_messages_is_sent_again_soon(monkeypatch, said, resent):
    for number in range(3):
        age(make(number), 11, "sent_at")
    services.finish(job=running(9))
    monkeypatch.setattr(services.app, "connection", lambda **_: Broker(said))
    assert len(services.sweep(emptied=services.emptied_queues()).resent) == resent


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_times_from_a_clock_that_was_set_back_count_as_old(seconds):
    lost, waits = running(1), make(2)
    age(lost, seconds, "heartbeat_at")
    age(waits, seconds, "sent_at")
    assert set(services.sweep().resent) == {lost, waits}
