"""Messages and the thread beside them."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from ml.errors import ModelMissing
from portal.dogs.models import Photo
from portal.jobs import services as jobs
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching import services
from portal.matching.models import ModelVersion, Query
from tests.histogram import HistogramAnalyser, spec
from workers import keeper as module
from workers import runtime as runtime_module
from workers import tasks
from workers.keeper import Keeper
from workers.runtime import Runtime

pytestmark = pytest.mark.django_db

RED = (200, 20, 20)


def test_every_kind_of_job_has_its_task():
    for kind in Job.Kind:
        assert getattr(tasks, kind).name == f"workers.tasks.{kind}"


def test_the_scheduler_and_parent_processes_stay_light():
    code = "import django; django.setup(); import sys, workers.tasks; print(*sys.modules)"
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    modules = set(result.stdout.split())
    assert "portal.jobs.services" in modules
    assert not modules & {"torch", "faiss", "openvino", "timm", "mmpose", "workers.pipeline"}


def test_photos_that_nobody_works_on_are_sent_again(version, list_dog, act, outbox):
    photo = list_dog("Bori", RED).photos.get()
    Job.objects.all().delete()
    outbox.clear()
    tasks.index_missing()
    assert outbox == []
    Photo.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    with act():
        tasks.index_missing()
        tasks.index_missing()
    assert len(outbox) == 1
    assert Job.objects.get().subject == str(photo.pk)


def test_what_is_over_is_deleted(version, search, run):
    query = search(RED)
    run()
    Query.objects.filter(pk=query.pk).update(expires_at=timezone.now())
    job = Job.objects.create(
        kind="rank",
        subject="x",
        queue="interactive",
        state="done",
        finished_at=timezone.now() - timedelta(days=2),
    )
    tasks.expire_queries()
    assert not Query.objects.exists()
    assert not Job.objects.filter(pk=job.pk).exists()
    assert not Job.objects.exists()


def test_sweeping_settles(version, list_dog):
    photo = list_dog("Bori", RED).photos.get()
    job = jobs.start(job_id=Job.objects.get().pk)
    Job.objects.filter(pk=job.pk).update(
        attempts=3, heartbeat_at=timezone.now() - timedelta(minutes=5)
    )
    tasks.sweep_jobs()
    photo.refresh_from_db()
    assert (photo.state, photo.error_code) == ("failed", "worker_lost")


# Keeper


@pytest.fixture
def keeper(monkeypatch, db):
    """A keeper of the interactive queue without its threads; `load` runs what they would."""
    fresh = Runtime()
    monkeypatch.setattr(module, "runtime", fresh)
    monkeypatch.setattr(module, "available", lambda _: [spec(), spec("starter-mirror", "b")])
    monkeypatch.setattr(runtime_module, "load_analyser", lambda spec: HistogramAnalyser())
    runtime_module.spec_of.cache_clear()
    kept = Keeper()
    kept.queue = "interactive"
    loads = []

    class Inline:
        def __init__(self, target, args, **_):
            loads.append((target, args))

        def start(self):
            pass

        def is_alive(self):
            return False

    monkeypatch.setattr(module.threading, "Thread", Inline)

    def load():
        target, args = loads.pop()
        target(*args)

    kept.load, kept.runtime, kept.loads = load, fresh, loads
    # Its threads end with their connection; the test goes on with its own.
    monkeypatch.setattr(module.connection, "close", lambda: None)
    return kept


def ready(queue="interactive"):
    return WorkerHeartbeat.objects.get(queue=queue).ready


def test_a_worker_registers_beats_and_is_ready_once_its_models_are_loaded(keeper):
    keeper.tend()
    assert ModelVersion.objects.active().get().name == "starter"
    assert not ready()
    keeper.load()
    assert ready()
    keeper.tend()
    assert keeper.loads == []


def test_a_version_being_built_is_loaded_before_it_goes_live(keeper, list_dog):
    keeper.tend()
    keeper.load()
    built = services.request_reindex(version_name="starter-mirror", by=None)
    keeper.tend()
    assert keeper.loads == []
    photo = list_dog("Bori", RED).photos.get()
    services.store_features(photo=photo, version=built, vector=b"", points=[], box=[])
    keeper.tend()
    assert ready()
    keeper.load()
    assert keeper.runtime.has(built)


def test_the_batch_worker_is_ready_without_models(keeper):
    keeper.queue = "batch"
    keeper.tend()
    assert ready("batch")
    assert keeper.loads == []


def test_a_version_being_built_is_loaded_for_the_batch_worker_as_well(keeper):
    keeper.queue = "batch"
    keeper.tend()
    built = services.request_reindex(version_name="starter-mirror", by=None)
    keeper.tend()
    keeper.load()
    assert keeper.runtime.has(built)
    assert not keeper.runtime.has(ModelVersion.objects.active().get())


def test_models_that_cannot_be_loaded_leave_the_worker_alive_and_not_ready(keeper, monkeypatch):
    def load(spec):
        raise ModelMissing("gone")

    monkeypatch.setattr(runtime_module, "load_analyser", load)
    keeper.tend()
    keeper.load()
    assert not ready()
    keeper.tend()
    assert len(keeper.loads) == 1


def test_the_job_at_work_is_kept_alive(keeper):
    job = jobs.enqueue(kind="rank", subject=1, queue="interactive")
    keeper.jobs = [jobs.start(job_id=job.pk)]
    old = timezone.now() - timedelta(minutes=1)
    Job.objects.update(heartbeat_at=old)
    keeper.tend()
    job.refresh_from_db()
    assert job.heartbeat_at > old
    assert jobs.finish(job=keeper.jobs[0])


def test_only_so_many_versions_are_kept_in_memory(version):
    kept = Runtime()
    versions = [
        ModelVersion.objects.create(name=mark, fingerprint=mark, spec=version.spec)
        for mark in "cdef"
    ]
    for one in versions:
        kept.vectors(one)
        kept.analyser(one)
    assert [kept.has(one) for one in versions] == [False, False, True, True]
    first = kept.analyser(versions[3])
    assert kept.analyser(versions[3]) is first
