"""/metrics: figures that a scraper can rely on, for whoever may read them."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from portal.accounts.models import User
from portal.insights.models import Prediction
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching.models import Embedding, ModelVersion

pytestmark = pytest.mark.django_db

TOKEN = "a token for the scraper"


@pytest.fixture
def scrape(client, settings):
    settings.METRICS_TOKEN = TOKEN

    def read():
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.content.decode())
            for sample in family.samples
        }

    return read


def make_job(kind="index_photo", queue="interactive", state="queued", **times):
    now = timezone.now()
    job = Job.objects.create(kind=kind, queue=queue, state=state, subject=str(Job.objects.count()))
    Job.objects.filter(pk=job.pk).update(
        **{name: now - timedelta(seconds=seconds) for name, seconds in times.items()}
    )


def test_the_age_of_a_queue_is_that_of_its_oldest_waiting_job(scrape):
    make_job(created_at=90)
    make_job(created_at=30)
    make_job(created_at=500, state="running")
    figures = scrape()
    assert figures["pawkin_queue_oldest_seconds", ("queue", "interactive")] == pytest.approx(
        90, 0.1
    )
    assert figures["pawkin_queue_oldest_seconds", ("queue", "batch")] == 0
    name = "pawkin_queue_jobs"
    assert figures[name, ("queue", "interactive"), ("state", "queued")] == 2
    assert figures[name, ("queue", "interactive"), ("state", "running")] == 1


def test_times_are_quantiles_of_the_last_hour(scrape):
    for number in range(1, 101):
        make_job(state="done", created_at=number + 20, started_at=number + 10, finished_at=10)
    make_job(state="done", created_at=9000, started_at=8000, finished_at=7000)
    Prediction.objects.create(purpose="search", outcome="ok", milliseconds=700)
    figures = scrape()
    seconds = [
        figures["pawkin_job_seconds", ("kind", "index_photo"), ("quantile", quantile)]
        for quantile in ("0.5", "0.95", "0.99")
    ]
    assert seconds == pytest.approx([51, 96, 100])
    wait = figures["pawkin_job_wait_seconds", ("quantile", "0.5"), ("queue", "interactive")]
    assert wait == pytest.approx(10)
    assert figures["pawkin_jobs_ended", ("kind", "index_photo"), ("state", "done")] == 100
    assert figures["pawkin_search_seconds", ("quantile", "0.95")] == 0.7


def test_workers_and_versions(scrape, listed):
    now = timezone.now()
    WorkerHeartbeat.objects.create(
        queue="batch",
        beat_at=now - timedelta(seconds=7),
        ready=True,
        memory_bytes=5 * 10**8,
        recall=0.997,
    )
    version = ModelVersion.objects.active().get()
    listed("Bori")
    figures = scrape()
    assert figures["pawkin_worker_beat_age_seconds", ("queue", "batch")] == pytest.approx(7, 0.1)
    assert figures["pawkin_worker_ready", ("queue", "batch")] == 1
    assert figures["pawkin_worker_memory_bytes", ("queue", "batch")] == 5e8
    assert figures["pawkin_search_recall", ("queue", "batch")] == 0.997
    assert not any(name == "pawkin_worker_gpu_memory_bytes" for name, *_ in figures)
    WorkerHeartbeat.objects.update(gpu_memory_bytes=2 * 10**9)
    assert scrape()["pawkin_worker_gpu_memory_bytes", ("queue", "batch")] == 2e9
    described = Embedding.objects.filter(version=version).count()
    assert figures["pawkin_index_size", ("version", str(version.pk))] == described
    told = {
        ("version", str(version.pk)),
        ("name", version.name),
        ("build", "1"),
        ("fingerprint", version.fingerprint[:12]),
        ("state", "active"),
    }
    assert any(
        name == "pawkin_model_version_info" and set(labels) == told for name, *labels in figures
    )
    assert figures["pawkin_dogs", ("status", "available")] == 1


def test_an_empty_installation_has_figures_too(scrape):
    figures = scrape()
    assert figures["pawkin_photos", ("state", "waiting")] == 0
    assert not any(name == "pawkin_search_seconds" for name, *_ in figures)


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", "Bearer é"])
def test_nobody_else_reads_them(client, settings, given):
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 302


def test_without_a_token_an_empty_one_opens_nothing(client, settings):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 302


def test_an_admin_reads_them(client):
    client.force_login(User.objects.create_superuser("admin@example.org", "secret"))
    assert b"pawkin_queue_oldest_seconds" in client.get("/metrics").content


def test_a_scrape_asks_little_of_the_database(scrape, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        scrape()
