"""Events, sent to the addresses that asked for them."""

from __future__ import annotations

from portal.jobs.models import Job


def deliver(job: Job) -> None:
    raise NotImplementedError
