"""Dogs like a saved search, told to who saved it."""

from __future__ import annotations

from portal.jobs.models import Job


def alert(job: Job) -> None:
    raise NotImplementedError
