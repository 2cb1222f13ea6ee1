"""A feed, read page by page into rows."""

from __future__ import annotations

from portal.jobs.models import Job


def import_feed(job: Job) -> None:
    raise NotImplementedError
