"""Dogs of public lists whose photos look so much the same that they may be one dog."""

from __future__ import annotations

import time

import numpy as np

from portal.dogs.models import Dog
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Embedding
from portal.matching.queries import active_version
from workers.features import as_vectors

# Cosine from which two photos may be of one dog. Measured with the starter models on 700 shelter
# photos, each of another dog: none of their 244,650 pairs is as much alike, and nine of ten photos
# are that like themselves after a crop to 72 % of the area, other brightness and a second saving.
ALIKE = 0.93
# Rows compared with all others at once: a block of 512 x 100,000 cosines is 200 MB.
BLOCK = 512
# Pairs a run brings at most, the most alike first: nobody decides more in a sitting.
MOST = 200
# After this the job goes behind whatever else waits in its queue.
SLICE_SECONDS = 8.0


def find_duplicates(job: Job) -> None:
    """Compares every photo with those after it, and goes on from `Job.done` after a stop."""
    version = active_version()
    if version is None:
        jobs.finish(job=job)
        return
    public = [Dog.Status.AVAILABLE, Dog.Status.ON_HOLD]
    rows = Embedding.objects.filter(version=version, photo__dog__status__in=public)
    found = list(rows.order_by("pk").values_list("photo_id", "photo__dog_id", "vector"))
    photos = np.array([photo for photo, _dog, _vector in found], dtype=np.int64)
    dogs = np.array([dog for _photo, dog, _vector in found], dtype=np.int64)
    vectors = as_vectors(vector for _photo, _dog, vector in found)
    until = time.monotonic() + SLICE_SECONDS
    start = min(job.done, len(found))
    while start < len(found):
        services.store_hints(pairs=alike(photos, dogs, vectors, start))
        start = min(start + BLOCK, len(found))
        if not jobs.beat(job=job, step="comparing", done=start, total=len(found)):
            return
        if time.monotonic() > until and start < len(found):
            jobs.put_back(job=job, got_on=True)
            return
    jobs.finish(job=job)


def alike(
    photos: np.ndarray, dogs: np.ndarray, vectors: np.ndarray, start: int
) -> list[services.Pair]:
    """The pairs of a block's photos with later ones, of two dogs each, the most alike first.

    `photos` and `dogs` (n,) int64 are primary keys, `vectors` (n, 128) float32 of length 1.
    """
    block = slice(start, start + BLOCK)
    cosines = vectors[block] @ vectors[start:].T
    rows, columns = np.nonzero(cosines >= ALIKE)
    best: dict[tuple[int, int], services.Pair] = {}
    for row, column in zip(rows, columns, strict=True):
        one, other = start + int(row), start + int(column)
        if other <= one or dogs[one] == dogs[other]:
            continue
        pair = services.Pair(
            int(dogs[one]),
            int(dogs[other]),
            int(photos[one]),
            int(photos[other]),
            round(float(cosines[row, column]), 4),
        ).ordered
        known = best.get((pair.dog_id, pair.other_id))
        if known is None or pair.similarity > known.similarity:
            best[pair.dog_id, pair.other_id] = pair
    return sorted(best.values(), key=lambda pair: -pair.similarity)[:MOST]
