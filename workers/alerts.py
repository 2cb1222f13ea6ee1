"""Dogs like a saved search, told to who saved it."""

from __future__ import annotations

from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Embedding, ModelVersion, SavedSearch
from portal.matching.queries import active_version
from workers.features import as_vectors
from workers.runtime import spec_of

# The bands of likeness that are worth an e-mail.
TOLD_OF = ("strong", "weak")


def alert(job: Job) -> None:
    """Compares the dogs listed since it was saved, and sends what is new, at most once a day."""
    saved = SavedSearch.objects.active().filter(pk=job.subject).select_related("version").first()
    version = active_version()
    if saved is not None and version is not None:
        if saved.vector is not None and saved.version_id != version.pk:
            services.end_outdated(saved=saved)
        else:
            services.add_alerts(saved=saved, scores=alike(saved, version))
            jobs.beat(job=job, step="sending")
            services.send_alerts(saved=saved)
    jobs.finish(job=job)


def alike(saved: SavedSearch, version: ModelVersion) -> list[tuple[int, int]]:
    """New dogs (primary key, score) that are alike, each by its best photo."""
    dogs = services.new_dogs(saved)
    if not dogs:
        return []
    likeness = spec_of(version.fingerprint).likeness
    rows = list(
        Embedding.objects.filter(version=version, photo__dog__in=dogs)
        .order_by("pk")
        .values_list("photo__dog_id", "vector")
    )
    if saved.vector is not None:
        source = as_vectors([saved.vector])
    else:
        own = Embedding.objects.filter(version=version, photo__dog=saved.dog_id)
        source = as_vectors(own.values_list("vector", flat=True))
    if not rows or not len(source):
        return []
    cosines = (as_vectors(vector for _dog, vector in rows) @ source.T).max(1)
    best: dict[int, float] = {}
    for (dog, _vector), cosine in zip(rows, cosines.tolist(), strict=True):
        best[dog] = max(cosine, best.get(dog, -1.0))
    return [
        (dog, round(likeness.score(cosine)))
        for dog, cosine in best.items()
        if likeness.band(cosine) in TOLD_OF
    ]
