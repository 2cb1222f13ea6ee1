"""Searches and photos through real processes: lost workers, lost messages, lost photos, reindex."""

import signal
import time

import numpy as np
import pytest
from django.core.files.storage import default_storage

from portal.dogs import services as dogs
from portal.dogs.models import Photo
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Embedding, ModelVersion, Query
from tests.live.acts import (
    BLACK,
    RED,
    SAND,
    answer,
    is_answered,
    is_in,
    newest_job,
    photo_of,
    search,
)
from tests.live.rigged import DEADLY, SLOW

pytestmark = pytest.mark.usefixtures("ready")

# What is about processes and messages, and takes long, is tried with one database.
with_sqlite = pytest.mark.parametrize("cluster", ["sqlite"], indirect=True)


def test_a_photo_in_look_alikes_out(list_dog, within):
    red, sand = list_dog(RED, "red"), list_dog(SAND, "sand")
    within(3, is_in(red), "a listed dog can be found within 3 s")
    within(3, is_in(sand), "the other one as well")
    assert answer(search(RED), within) == [red, sand]
    dogs.set_status(dog=red, status="adopted", by=None)
    assert answer(search(RED), within) == [sand]


def test_a_stored_answer_does_not_show_a_dog_adopted_since(list_dog, within):
    red = list_dog(RED)
    within(3, is_in(red), "searchable")
    query = search(RED)
    assert answer(query, within) == [red]
    dogs.set_status(dog=red, status="adopted", by=None)
    assert list(query.rankings.get().matches.adoptable()) == []


@pytest.mark.parametrize("whole", [False, True], ids=["its child", "all of it"])
def test_a_worker_killed_in_mid_job(portal, list_dog, within, whole):
    worker = portal.workers["interactive"]
    dog = list_dog(SLOW)
    photo = dog.photos.get()
    query = search(RED)
    within(10, Job.objects.filter(subject=photo.pk, state="running").exists, "it is at work")
    time.sleep(0.5)
    if whole:
        worker.stop(signal.SIGKILL)
        worker.start()
    else:
        worker.child().kill()
    # Long before the sweeper would take the job for lost.
    within(25, is_in(dog), "the photo is described after all")
    assert Embedding.objects.filter(photo=photo).count() == 1
    job = newest_job("index_photo", photo.pk)
    within(3, lambda: newest_job("index_photo", photo.pk).state == "done", "the job is done")
    job.refresh_from_db()
    assert job.attempts == 2
    answer(query, within)


@with_sqlite
def test_an_emptied_broker(portal, list_dog, within):
    worker = portal.workers["interactive"]
    worker.stop()
    dog, query = list_dog(RED), search(RED)
    portal.broker().flushall()
    worker.start()
    within(40, is_in(dog), "the photo is described")
    within(40, lambda: is_answered(query), "the search is answered")
    assert Embedding.objects.filter(photo__dog=dog).count() == 1


@with_sqlite
def test_a_photo_that_kills_its_worker_fails_at_the_third_attempt(portal, list_dog, within):
    worker = portal.workers["interactive"]
    before = worker.process.pid
    red = list_dog(RED)
    within(3, is_in(red), "searchable")
    poison = list_dog(DEADLY)
    within(60, is_in(poison, "failed"), "the photo is given up")
    photo = poison.photos.get()
    job = newest_job("index_photo", photo.pk)
    assert (job.state, job.attempts, job.error_code) == ("failed", 3, "worker_lost")
    assert photo.error_code == "worker_lost"
    assert photo.can_retry
    assert worker.process.poll() is None
    assert worker.process.pid == before
    assert answer(search(RED), within) == [red]


@with_sqlite
def test_a_search_that_kills_its_worker_says_so(portal, list_dog, within):
    query = search(DEADLY)
    within(60, lambda: Query.objects.get(pk=query.pk).error_code, "an answer")
    query.refresh_from_db()
    assert (query.error_code, query.upload.name, query.image.name) == ("worker_lost", "", "")
    red = list_dog(RED)
    within(10, is_in(red), "the worker is alive")


def live():
    return ModelVersion.objects.active().get()


def test_search_answers_all_through_a_reindex(portal, list_dog, within):
    before = live()
    colours = np.random.default_rng(1).integers(20, 235, (40, 3))
    listed = [list_dog(tuple(colour)) for colour in [RED, *colours]]
    poison = listed[20].photos.get()
    within(
        60,
        lambda: not Photo.objects.filter(state="waiting").exists(),
        "all photos are searchable",
    )
    found = Photo.objects.filter(dog__in=listed, state="searchable").count()
    other = "starter-mirror" if before.name == "starter" else "starter"
    built = services.request_reindex(version_name=other, by=None)
    times, versions = [], set()
    deadline = time.monotonic() + 90
    while live() == before:
        assert time.monotonic() < deadline, newest_job("reindex", built.pk)
        query = search(RED)
        times.append(within(10, lambda q=query: is_answered(q), "an answer during a reindex"))
        ranking = query.rankings.get()
        versions.add(ranking.version_id)
        assert ranking.matches.first().dog == listed[0]
        assert ranking.matches.count() == min(24, found)
    assert before.pk in versions
    assert max(times) < 5, times
    before.refresh_from_db()
    assert (before.state, live()) == ("retired", built)
    assert answer(search(RED), within)[0] == listed[0]
    job = newest_job("reindex", built.pk)
    assert (job.state, job.done) == ("done", job.total)
    services.activate_version(version=before)
    query = search(RED)
    assert answer(query, within)[0] == listed[0]
    assert query.rankings.get().version == before
    assert poison.embeddings.count() == 2


@with_sqlite
def test_a_photo_that_kills_the_batch_worker_does_not_stop_a_reindex(list_dog, within):
    good = [list_dog(colour) for colour in (RED, SAND, BLACK)]
    poison = list_dog(DEADLY)
    within(60, is_in(poison, "failed"), "the photo is given up")
    poison_photo = poison.photos.get()
    # As if an earlier version could stand it.
    picture = default_storage.save("photos/deadly.jpg", photo_of(DEADLY))
    Photo.objects.filter(pk=poison_photo.pk).update(image=picture, state="searchable")
    version = services.request_reindex(version_name=live().name, by=None, rebuild=True)
    within(120, lambda: live() == version, "the build goes live")
    assert poison_photo.rejections.get(version=version).code == "failed"
    assert Embedding.objects.filter(version=version, photo__dog__in=good).count() == 3
    poison_photo.refresh_from_db()
    assert poison_photo.state == "failed"
