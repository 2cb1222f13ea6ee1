"""Dogs like a saved search, told to who saved it."""

from __future__ import annotations

from ml.fusion import BOUND
from ml.index import Hit
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Embedding, ModelVersion, SavedSearch
from portal.matching.queries import active_version, fusion_in_use
from workers import fusing
from workers.features import as_vectors
from workers.looks import ListedLooks
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
    """New dogs (primary key, score) that are alike, each by its best photo, by the likeness of a
    search. Of an adopter's photo nothing but the vector is kept, so there it is the appearance's
    alone."""
    dogs = services.new_dogs(saved)
    if not dogs:
        return []
    rows = list(
        Embedding.objects.filter(version=version, photo__dog__in=dogs)
        .order_by("pk")
        .values_list("photo_id", "photo__dog_id", "vector")
    )
    if saved.vector is not None:
        source = as_vectors([saved.vector])
    else:
        own = Embedding.objects.filter(version=version, photo__dog=saved.dog_id)
        source = as_vectors(own.values_list("vector", flat=True))
    if not rows or not len(source):
        return []
    cosines = (as_vectors(vector for _photo, _dog, vector in rows) @ source.T).max(1)
    best: dict[int, Hit] = {}
    for (photo, dog, _vector), cosine in zip(rows, cosines.tolist(), strict=True):
        if dog not in best or cosine > best[dog].score:
            best[dog] = Hit(group=dog, id=photo, score=cosine, row=0)
    return [
        (found.dog_id, found.score)
        for found in in_order(saved, version, list(best.values()))
        if found.band in TOLD_OF
    ]


def in_order(saved: SavedSearch, version: ModelVersion, hits: list[Hit]) -> list[services.Found]:
    spec, weights = spec_of(version.fingerprint), fusion_in_use()
    likeness = spec.likeness
    if saved.dog_id is None or not weights.is_fusing("like"):
        return [fusing.found(hit, hit.score, likeness) for hit in hits]
    # Of the others, no part could make one that is worth an e-mail.
    near = [hit for hit in hits if likeness.band(hit.score + BOUND) in TOLD_OF]
    listed = ListedLooks(version, spec.keypoints.names)
    source = fusing.of_dog(saved.dog_id, version, listed)
    return fusing.order(near, source, listed, likeness, weights, "like", len(near))
