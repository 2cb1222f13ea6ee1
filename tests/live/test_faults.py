"""What may go wrong in a night: every accepted photo is searchable, once, or says why not.

The long form is `script/bench faults`; docs/reliability.md says which test holds which promise.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from benchmarks import faults
from benchmarks.content import images
from benchmarks.installation import ROOT, Installation
from portal.dogs import services as dogs
from portal.dogs.models import Photo
from portal.dogs.services import PhotosRefused
from portal.jobs import services as jobs
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching.models import Embedding, ModelVersion, Query
from tests.live.acts import RED, SAND, answer, is_answered, is_in, newest_job, search
from tests.live.rigged import HUNGRY, SLOW
from tests.stack import eventually, patience

with_sqlite = pytest.mark.parametrize("cluster", ["sqlite"], indirect=True)
with_postgres = pytest.mark.parametrize("cluster", ["postgres"], indirect=True)


def described_once(photos):
    return all(Embedding.objects.filter(photo=photo).count() == 1 for photo in photos)


def test_uploads_and_searches_while_workers_are_killed(
    postgres_stack: Installation, drawn_dogs: Path
) -> None:
    plan = faults.Plan(
        uploads=24, searches=12, kills=4, flushes=1, victims=("interactive", "batch"), at_once=2
    )
    outcome = faults.measure(postgres_stack, images(drawn_dogs), plan)
    assert outcome.is_clean, outcome
    assert outcome.uploads == {"searchable": 24}
    assert sum(count for name, count in outcome.faults.items() if "killed" in name) == 4


@with_sqlite
def test_messages_that_come_three_times_and_in_any_order(portal, list_dog, within):
    worker = portal.workers["interactive"]
    worker.stop()
    listed = [list_dog((20 * n, 40, 90)) for n in range(1, 9)]
    photos = Photo.objects.filter(dog__in=listed)
    portal.broker().flushall()
    messages = [
        (f"workers.tasks.{job.kind}", str(job.pk)) for job in Job.objects.open() for _ in range(3)
    ]
    random.Random(1).shuffle(messages)
    broker = jobs.app
    for task, job_id in messages:
        broker.send_task(task, args=[job_id], queue="interactive")
    worker.start()
    within(40, lambda: not photos.exclude(state="searchable").exists(), "all are searchable")
    within(20, lambda: portal.broker().llen("interactive") == 0, "all messages are taken")
    assert described_once(photos)
    subjects = [str(photo.pk) for photo in photos]
    attempts = Job.objects.filter(kind="index_photo", subject__in=subjects)
    assert set(attempts.values_list("attempts", "state")) == {(1, "done")}


@with_sqlite
def test_a_photo_that_needs_all_memory_fails_and_its_worker_lives(portal, list_dog, within):
    before = portal.workers["interactive"].child().pid
    hungry = list_dog(HUNGRY)
    within(20, is_in(hungry, "failed"), "the photo is given up")
    photo = hungry.photos.get()
    job = newest_job("index_photo", photo.pk)
    assert (photo.error_code, job.attempts) == ("too_heavy", 1)
    query = search(HUNGRY)
    within(20, lambda: Query.objects.get(pk=query.pk).error_code == "too_heavy", "so does a search")
    red = list_dog(RED)
    within(10, is_in(red), "the next photo is fine")
    assert portal.workers["interactive"].child().pid == before
    memory = WorkerHeartbeat.objects.get(queue="interactive").memory_bytes
    assert 0 < memory < 2 * 2**30


@pytest.fixture
def clock(portal):
    """Sets the cluster's clock so many seconds off."""
    path = portal.folder / "clock"
    yield lambda seconds: path.write_text(str(seconds))
    path.unlink(missing_ok=True)
    # Times from the future would make later tests wait.
    WorkerHeartbeat.objects.all().delete()


@with_sqlite
@pytest.mark.parametrize("seconds", [3600, -3600], ids=["ahead", "back"])
def test_a_clock_that_jumps_in_mid_job(portal, list_dog, within, clock, seconds):
    slow = list_dog(SLOW)
    photo = slow.photos.get()
    within(10, Job.objects.filter(subject=photo.pk, state="running").exists, "it is at work")
    clock(seconds)
    within(40, is_in(slow), "the photo is searchable after all")
    within(40, lambda: not Job.objects.open().filter(subject=photo.pk).exists(), "no job is open")
    assert described_once([photo])
    query = search(RED)
    within(20, lambda: is_answered(query), "searches are answered")


@with_sqlite
def test_a_lost_message_is_sent_again_though_the_clock_was_set_back(
    portal, list_dog, within, clock
):
    worker = portal.workers["interactive"]
    worker.stop()
    dog = list_dog(RED)
    portal.broker().flushall()
    # Its message left an hour ahead of what the clock says from now on.
    clock(-3600)
    worker.start()
    within(90, is_in(dog), "the photo is searchable within the sweeper's time")
    assert described_once(dog.photos.all())


@with_postgres
def test_a_database_that_restarts(portal, list_dog, within, postgres_url):
    from pgserver._commands import POSTGRES_BIN_PATH, pg_ctl

    slow, red = list_dog(SLOW), list_dog(RED)
    photo = slow.photos.get()
    within(10, Job.objects.filter(subject=photo.pk, state="running").exists, "it is at work")
    connection.close()
    data = postgres_url.partition("host=")[2]
    assert POSTGRES_BIN_PATH.exists()
    user = "pgserver" if os.geteuid() == 0 else None
    pg_ctl(["restart", "-m", "immediate", "-w"], pgdata=Path(data), user=user)
    within(90, is_in(slow), "the photo is described after all")
    within(60, is_in(red), "and the next one")
    within(60, lambda: not Job.objects.open().exists(), "no job is left open")
    assert described_once([photo, red.photos.get()])
    assert answer(search(RED), within)[0] == red


@with_sqlite
def test_a_broker_that_hangs_keeps_nobody_waiting(portal, list_dog, within):
    red = list_dog(RED)
    within(10, is_in(red), "searchable")
    [redis] = [p for p in portal.processes if "redis-server" in str(p.args[0])]
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        sand, query = list_dog(SAND), search(RED)
        # Only the first message waits for it.
        assert time.monotonic() - begun < 8
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    within(60, is_in(sand), "the photo is described")
    within(60, lambda: is_answered(query), "the search is answered")
    assert described_once(sand.photos.all())


@with_sqlite
def test_a_broker_that_hangs_while_a_child_is_killed(portal, list_dog, within):
    """The message cannot be given back then; the worker takes the next one all the same."""
    worker = portal.workers["interactive"]
    before = worker.process.pid
    slow = list_dog(SLOW)
    within(10, Job.objects.filter(subject=slow.photos.get().pk, state="running").exists, "at work")
    [redis] = [p for p in portal.processes if "redis-server" in str(p.args[0])]
    os.kill(redis.pid, signal.SIGSTOP)
    worker.child().kill()
    time.sleep(4.5)
    os.kill(redis.pid, signal.SIGCONT)
    jobs.broker_absence.end()
    red = list_dog(RED)
    within(20, is_in(red), "the next photo is searchable")
    within(20, is_in(slow), "so is the one that was being described")
    assert worker.process.pid == before
    assert described_once([*slow.photos.all(), *red.photos.all()])


@with_sqlite
def test_a_worker_that_takes_no_messages_ends_itself(portal, list_dog, within):
    """Whatever the reason: here its process is stopped, and its child sees messages lie there."""
    worker = portal.workers["interactive"]
    os.kill(worker.process.pid, signal.SIGSTOP)
    dog = list_dog(RED)
    status = worker.process.wait(timeout=90)
    assert status in (-signal.SIGKILL, -signal.SIGTERM, 0)
    worker.start()
    within(30, is_in(dog), "the photo is searchable after all")
    assert described_once(dog.photos.all())


@with_sqlite
def test_a_broker_that_is_killed(portal, list_dog, within):
    worker = portal.workers["interactive"]
    [redis] = [p for p in portal.processes if "redis-server" in str(p.args[0])]
    redis.kill()
    redis.wait()
    dog, query = list_dog(RED), search(RED)
    portal.run(*redis.args)
    portal.processes.remove(redis)
    within(90, is_in(dog), "the photo is described")
    within(60, lambda: is_answered(query), "the search is answered")
    assert worker.process.poll() is None
    assert described_once(dog.photos.all())


def manage(portal, *arguments):
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=portal.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@with_postgres
def test_of_two_reindexes_at_once_one_runs(portal, list_dog, within):
    photo = list_dog(RED).photos.get()
    within(10, lambda: Photo.objects.get(pk=photo.pk).state == "searchable", "searchable")
    before = ModelVersion.objects.active().get()
    both = [manage(portal, "reindex", "--all") for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert ModelVersion.objects.filter(state="building").count() <= 1
    within(60, lambda: ModelVersion.objects.active().get() != before, "one of them goes live")
    refused = [text for process, text in zip(both, outputs, strict=True) if process.returncode]
    assert len(refused) == 1, outputs
    assert "Another reindex is running" in refused[0]
    live = ModelVersion.objects.active().get()
    assert Embedding.objects.filter(photo=photo, version=live).count() == 1


@with_sqlite
def test_a_worker_that_is_asked_to_end_finishes_what_it_does(portal, list_dog, within):
    worker = portal.workers["interactive"]
    dog = list_dog(SLOW)
    photo = dog.photos.get()
    within(10, Job.objects.filter(subject=photo.pk, state="running").exists, "it is at work")
    worker.stop(signal.SIGTERM)
    assert worker.process.returncode == 0
    job = newest_job("index_photo", photo.pk)
    assert (job.state, job.attempts) == ("done", 1)
    assert described_once([photo])


@pytest.fixture
def small_disk(portal):
    """The place of photos as a disk of 3 MB, filled by the function that this gives."""
    media = portal.folder / "media"
    media.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(media)]
    if os.geteuid() != 0:
        mount = ["sudo", "-n", *mount]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("This system lets nobody but its administrator make a small disk.")
    ballast = media / "ballast"

    def fill():
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    yield fill, ballast.unlink
    umount = ["umount", "--lazy", str(media)]
    subprocess.run(umount if os.geteuid() == 0 else ["sudo", "-n", *umount], check=True)


@with_sqlite
def test_a_disk_that_is_full(portal, list_dog, within, small_disk):
    fill, make_room = small_disk
    worker = portal.workers["interactive"]
    worker.stop()
    waiting = list_dog(RED)
    fill()
    with pytest.raises(PhotosRefused) as refused:
        list_dog(SAND)
    assert refused.value.refusals[0].code == "storage_full"
    worker.start()
    within(40, is_in(waiting, "failed"), "what cannot be prepared says so")
    photo = waiting.photos.get()
    assert photo.error_code == "storage_full"
    assert default_storage.exists(photo.upload.name)
    make_room()
    dogs.retry_photo(photo=photo)
    within(20, is_in(waiting), "once there is room it is searchable")
    assert described_once([photo])


@with_sqlite
def test_no_open_job_is_without_a_beat_or_a_message(portal, list_dog, within):
    """At any moment of a busy minute."""
    listed = [list_dog((10 * n, 200 - 10 * n, 120)) for n in range(12)]
    slow = list_dog(SLOW)
    deadline = time.monotonic() + 60
    while Photo.objects.filter(dog__in=[*listed, slow], state="waiting").exists():
        assert time.monotonic() < deadline
        running = Job.objects.filter(state="running")
        assert not running.filter(heartbeat_at=None).exists()
        assert not Job.objects.filter(state="queued", sent_at=None).exists()
        time.sleep(0.05)
    eventually(lambda: not Job.objects.open().exists(), within=20 * patience(), what="all is done")
