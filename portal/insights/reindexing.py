"""How far a reindex is and when it will be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from portal.jobs.models import Job


@dataclass(frozen=True)
class Progress:
    """A reindex as a bar: photos done of all, photos a second, time left (None: not known yet)."""

    job: Job
    done: int
    total: int
    rate: float | None
    left: timedelta | None

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.total) if self.total else 0


def progress(job: Job) -> Progress:
    rate = left = None
    if job.started_at and job.done:
        seconds = ((job.finished_at or timezone.now()) - job.started_at).total_seconds()
        rate = job.done / max(seconds, 0.001)
        if job.is_open and job.total:
            left = timedelta(seconds=max(0, job.total - job.done) / rate)
    return Progress(job, job.done, job.total, rate, left)


def latest_reindex() -> Progress | None:
    """The open reindex, else the last one."""
    jobs = list(Job.objects.filter(kind=Job.Kind.REINDEX)[:5])
    jobs.sort(key=lambda job: not job.is_open)
    return progress(jobs[0]) if jobs else None
