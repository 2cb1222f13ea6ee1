"""Numbers that answer an admin's questions: how old is the queue, is anybody working, is it worse?

All of it is read from rows at the moment of asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Min, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from portal.jobs.models import Job, WorkerHeartbeat

DAY = timedelta(days=1)
# Workers beat every few seconds; after this long without one, nobody is there.
SILENT_AFTER = timedelta(seconds=30)

WAITED = ExpressionWrapper(F("started_at") - F("created_at"), output_field=DurationField())


@dataclass(frozen=True)
class QueueHealth:
    """One queue now, and its mean wait over the last 24 hours beside the 24 before."""

    name: str
    label: str
    waiting: int
    running: int
    oldest: timedelta | None
    beat_age: timedelta | None
    ready: bool
    wait: timedelta | None
    wait_before: timedelta | None

    @property
    def alive(self) -> bool:
        return self.beat_age is not None and self.beat_age < SILENT_AFTER

    @property
    def slower(self) -> bool:
        """Half as long again as the day before, and long enough for a person to notice."""
        if self.wait is None or self.wait_before is None:
            return False
        return self.wait > 1.5 * self.wait_before and self.wait > timedelta(seconds=1)


def queues(now: datetime | None = None) -> list[QueueHealth]:
    now = now or timezone.now()
    open_rows = {
        row["queue"]: row
        for row in Job.objects.open()
        .order_by()
        .values("queue")
        .annotate(
            waiting=Count("pk", filter=Q(state=Job.State.QUEUED)),
            running=Count("pk", filter=Q(state=Job.State.RUNNING)),
            oldest=Min("created_at", filter=Q(state=Job.State.QUEUED)),
        )
    }
    recent = Q(created_at__gte=now - DAY)
    waits = {
        row["queue"]: row
        for row in Job.objects.filter(created_at__gte=now - 2 * DAY, started_at__isnull=False)
        .order_by()
        .values("queue")
        .annotate(wait=Avg(WAITED, filter=recent), before=Avg(WAITED, filter=~recent))
    }
    beats = {beat.queue: beat for beat in WorkerHeartbeat.objects.all()}
    health = []
    for queue in Job.Queue:
        row, wait, beat = open_rows.get(queue), waits.get(queue), beats.get(queue)
        oldest = row["oldest"] if row else None
        health.append(
            QueueHealth(
                name=queue.value,
                label=str(queue.label),
                waiting=row["waiting"] if row else 0,
                running=row["running"] if row else 0,
                oldest=now - oldest if oldest else None,
                beat_age=now - beat.beat_at if beat else None,
                ready=beat.ready if beat else False,
                wait=wait["wait"] if wait else None,
                wait_before=wait["before"] if wait else None,
            )
        )
    return health


@dataclass(frozen=True)
class FailureCount:
    code: str
    today: int
    before: int


def failures(now: datetime | None = None) -> list[FailureCount]:
    """Failed jobs by code, the last 24 hours and the 24 before; most frequent first."""
    now = now or timezone.now()
    recent = Q(finished_at__gte=now - DAY)
    rows = (
        Job.objects.filter(state=Job.State.FAILED, finished_at__gte=now - 2 * DAY)
        .order_by()
        .values("error_code")
        .annotate(today=Count("pk", filter=recent), before=Count("pk", filter=~recent))
        .order_by("-today", "-before", "error_code")
    )
    return [FailureCount(row["error_code"], row["today"], row["before"]) for row in rows]


@dataclass(frozen=True)
class Hour:
    start: datetime
    finished: int
    failed: int
    wait: timedelta | None


def last_day(now: datetime | None = None) -> list[Hour]:
    """The 24 hours up to now: jobs that ended in each, and the mean wait of those that did."""
    now = now or timezone.now()
    first = timezone.localtime(now).replace(minute=0, second=0, microsecond=0) - 23 * (DAY / 24)
    rows = {
        row["hour"]: row
        for row in Job.objects.filter(finished_at__gte=first)
        .order_by()
        .annotate(hour=TruncHour("finished_at"))
        .values("hour")
        .annotate(
            finished=Count("pk", filter=Q(state=Job.State.DONE)),
            failed=Count("pk", filter=Q(state=Job.State.FAILED)),
            wait=Avg(WAITED),
        )
    }
    hours = (first + number * (DAY / 24) for number in range(24))
    return [
        Hour(hour, row["finished"], row["failed"], row["wait"])
        if (row := rows.get(hour))
        else Hour(hour, 0, 0, None)
        for hour in hours
    ]


def counts(model: Any, field: str, choices: Any) -> list[tuple[str, str, int]]:
    """Value, word and number of rows for every choice."""
    found = dict(model.objects.order_by().values_list(field).annotate(Count("pk")))
    return [(choice.value, str(choice.label), found.get(choice.value, 0)) for choice in choices]
