"""What workers leave behind, and pages as a person reads them."""

import re
from datetime import timedelta

from django.utils import timezone

from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters


def keys(rows):
    return set(rows.values_list("pk", flat=True))


def open_job(kind):
    return Job.objects.open().get(kind=kind)


def describe(query, version):
    services.store_query_features(
        query=query,
        version=version,
        vector=bytes(512),
        points=[[0.5, 0.5, 0.9]] * 21,
        box=[0.1, 0.1, 0.9, 0.9],
    )


def answer(query, version, found, filters=None):
    """What the worker leaves behind: `found` holds (dog, score, band)."""
    describe(query, version)
    ranking = services.rank(query=query, filters=filters or Filters())
    store(ranking, version, found)
    for job in Job.objects.open():
        jobs.finish(job=jobs.start(job_id=job.pk))


def store(ranking, version, found, candidates=7):
    hits = [
        services.Found(dog.pk, dog.photos.first().pk, score / 100, score, band)
        for dog, score, band in found
    ]
    services.store_matches(
        ranking=ranking,
        version=version,
        hits=hits,
        candidates=candidates,
        up_to=10**9,
        ranked_at=timezone.now() + timedelta(hours=1),
    )


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
