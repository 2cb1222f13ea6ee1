"""`/metrics`: figures for Prometheus, in its text format (version 0.0.4).

All of them are read from rows at the moment of asking, so that every web process tells the same and
nothing is lost when one ends. Times are quantiles of what ended within the last hour; a queue's age
is that of its oldest waiting job, which is what to scale workers by.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from portal.accounts.access import admin_required
from portal.dogs.models import Dog, Photo
from portal.insights import health
from portal.insights.models import Prediction
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching.models import Embedding, ModelVersion

HOUR = timedelta(hours=1)
QUANTILES = (0.5, 0.95, 0.99)
# Enough for quantiles that mean something, few enough to be read at every scrape.
ROWS = 5000


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has METRICS_TOKEN, as a bearer token, and for admins."""
    if may_scrape(request):
        return answer(request)
    return admin_required(answer)(request)  # type: ignore[return-value]


def may_scrape(request: HttpRequest) -> bool:
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    expected = settings.METRICS_TOKEN
    return (
        bool(expected)
        and kind.lower() == "bearer"
        and secrets.compare_digest(token.strip().encode(), expected.encode())
    )


def answer(request: HttpRequest) -> HttpResponse:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Rows())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class Rows(Collector):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        yield from queues(now)
        yield from workers(now)
        yield from times(now)
        for name, about, label, model, choices in (
            ("photos", "Photos of listed dogs by state.", "state", Photo, Photo.State),
            ("dogs", "Dogs by status.", "status", Dog, Dog.Status),
        ):
            found = health.counts(model, label, choices)
            yield gauge(name, about, [label], [(value, number) for value, _word, number in found])
        yield from versions()


def gauge(
    name: str, about: str, labels: list[str], values: Iterable[tuple[Any, float | None]]
) -> GaugeMetricFamily:
    """One family; `values` are (label or labels, value), and those without a value are left out."""
    family = GaugeMetricFamily(f"pawkin_{name}", about, labels=labels)
    for label, value in values:
        if value is not None:
            told = label if isinstance(label, tuple) else (label,)
            family.add_metric([str(one) for one in told], value)
    return family


def queues(now: datetime) -> Iterator[GaugeMetricFamily]:
    states = health.queues(now)
    yield gauge(
        "queue_oldest_seconds",
        "Age of the queue's oldest waiting job; 0 where none waits.",
        ["queue"],
        [(queue.name, queue.oldest.total_seconds() if queue.oldest else 0) for queue in states],
    )
    yield gauge(
        "queue_jobs",
        "Open jobs.",
        ["queue", "state"],
        [
            ((queue.name, state), number)
            for queue in states
            for state, number in (("queued", queue.waiting), ("running", queue.running))
        ],
    )


def workers(now: datetime) -> Iterator[GaugeMetricFamily]:
    beats = list(WorkerHeartbeat.objects.order_by("queue"))
    yield gauge(
        "worker_beat_age_seconds",
        "Since a worker of the queue last said that it is alive.",
        ["queue"],
        [(beat.queue, max(0.0, (now - beat.beat_at).total_seconds())) for beat in beats],
    )
    yield gauge(
        "worker_ready",
        "1 when its models are loaded.",
        ["queue"],
        [(beat.queue, int(beat.ready)) for beat in beats],
    )
    yield gauge(
        "worker_memory_bytes",
        "Memory that the worker's process holds.",
        ["queue"],
        [(beat.queue, beat.memory_bytes) for beat in beats],
    )
    yield gauge(
        "worker_gpu_memory_bytes",
        "Memory that the worker's process holds on its GPU; absent without one.",
        ["queue"],
        [(beat.queue, beat.gpu_memory_bytes) for beat in beats],
    )
    yield gauge(
        "search_recall",
        "Share of the exact answer in the approximate answers checked last; absent where exact.",
        ["queue"],
        [(beat.queue, beat.recall) for beat in beats],
    )


def times(now: datetime) -> Iterator[GaugeMetricFamily]:
    ended = Job.objects.filter(finished_at__gte=now - HOUR, finished_at__lte=now)
    spans: dict[str, list[float]] = {}
    waits: dict[str, list[float]] = {}
    rows = ended.filter(started_at__isnull=False).order_by("-finished_at")[:ROWS]
    for kind, queue, created, started, finished in rows.values_list(
        "kind", "queue", "created_at", "started_at", "finished_at"
    ):
        if started and finished:
            spans.setdefault(kind, []).append((finished - started).total_seconds())
            waits.setdefault(queue, []).append((started - created).total_seconds())
    yield gauge(
        "job_seconds",
        "From a job's first start to its end, of those that ended within the last hour.",
        ["kind", "quantile"],
        quantiles(spans),
    )
    yield gauge(
        "job_wait_seconds",
        "From a job's making to its first start, of those that ended within the last hour.",
        ["queue", "quantile"],
        quantiles(waits),
    )
    yield gauge(
        "jobs_ended",
        "Jobs that ended within the last hour.",
        ["kind", "state"],
        [
            ((kind, state), number)
            for kind, state, number in ended.order_by()
            .values_list("kind", "state")
            .annotate(Count("pk"))
        ],
    )
    took = Prediction.objects.filter(at__gte=now - HOUR).order_by("-pk")
    seconds = [ms / 1000 for ms in took.values_list("milliseconds", flat=True)[:ROWS]]
    yield gauge(
        "search_seconds",
        "From an adopter's photo to its answer, within the last hour.",
        ["quantile"],
        [(quantile, value) for (_, quantile), value in quantiles({"": seconds})],
    )


def quantiles(spans: dict[str, list[float]]) -> Iterator[tuple[tuple[str, float], float]]:
    """Nearest-rank quantiles of each list that has anything in it, never below 0."""
    for name, values in sorted(spans.items()):
        ordered = sorted(values)
        for quantile in QUANTILES if ordered else ():
            rank = min(len(ordered) - 1, int(quantile * len(ordered)))
            yield (name, quantile), max(0.0, ordered[rank])


def versions() -> Iterator[GaugeMetricFamily]:
    rows = list(ModelVersion.objects.defer("spec").order_by("pk"))
    sizes = dict(Embedding.objects.order_by().values_list("version").annotate(Count("pk")))
    yield gauge(
        "index_size",
        "Photos that a version has described; `version` is its row.",
        ["version"],
        [(row.pk, sizes.get(row.pk, 0)) for row in rows],
    )
    yield gauge(
        "model_version_info",
        "1 for each version of the models; the live one has the state active.",
        ["version", "name", "build", "fingerprint", "state"],
        [((row.pk, row.name, row.build, row.fingerprint[:12], row.state), 1) for row in rows],
    )
