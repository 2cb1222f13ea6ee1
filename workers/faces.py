"""Dogs' faces as proportions: at once for a new photo, once a day for whatever lacks them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from ml.faces import MEASURE, measured
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Keypoints
from portal.matching.queries import active_version, unmeasured_faces

# Rows written in one transaction; on SQLite searches wait for it.
ROWS_AT_ONCE = 500
# After this the job goes behind whatever else waits in its queue.
SLICE_SECONDS = 8.0


def as_face(
    names: Sequence[str], points: Sequence[Sequence[float]], width: int, height: int
) -> dict[str, Any]:
    """A dog's face as Keypoints hold it, of points [x, y, score] in fractions of a picture of
    `width` × `height` pixels, in the order of `names`."""
    named = {
        name: (x * width, y * height, score)
        for name, (x, y, score) in zip(names, points, strict=True)
    }
    return {"measure": MEASURE, **{name: list(told) for name, told in measured(named).items()}}


def measure_faces(job: Job) -> None:
    """Measures every photo of the live version whose face is not measured, or was in another way.

    What is left is a query, so it goes on after any stop; each batch leaves fewer.
    """
    version = active_version()
    if version is None:
        jobs.finish(job=job)
        return
    names = version.spec["keypoints"]["names"]
    until = time.monotonic() + SLICE_SECONDS
    left = unmeasured_faces(version, MEASURE)
    done, after = job.done, 0
    total = done + left.count()
    while rows := next_rows(left, after):
        for row in rows:
            row.face = as_face(names, row.points, row.photo.width, row.photo.height)
        services.store_faces(rows=rows)
        done, after = done + len(rows), rows[-1].pk
        if not jobs.beat(job=job, step="measuring", done=done, total=max(total, done)):
            return
        if time.monotonic() > until and left.exists():
            jobs.put_back(job=job, got_on=True)
            return
    jobs.finish(job=job)


def next_rows(left: QuerySet[Keypoints], after: int) -> list[Keypoints]:
    """In the order of their keys, so that no batch looks through those before it again."""
    rows = left.filter(pk__gt=after).select_related("photo").order_by("pk")
    return list(rows.only("points", "face", "photo__width", "photo__height")[:ROWS_AT_ONCE])
