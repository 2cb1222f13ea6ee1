"""Dogs that may be listed twice: found by a worker, decided by an admin."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs.models import Dog, Photo
from portal.dogs.services import set_status
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.matching.models import DuplicateHint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """Two dogs by primary key, and the photos of each that look the most alike."""

    dog_id: int
    other_id: int
    photo_id: int
    other_photo_id: int
    similarity: float

    @property
    def ordered(self) -> Pair:
        """The dog listed first, first."""
        if self.dog_id < self.other_id:
            return self
        turned = (self.other_id, self.dog_id, self.other_photo_id, self.photo_id)
        return Pair(*turned, self.similarity)


def start_looking() -> Job:
    """Has a worker compare all listed dogs with each other."""
    return enqueue(kind=Job.Kind.FIND_DUPLICATES, subject="listed", queue=Job.Queue.BATCH)


@transaction.atomic
def store_hints(*, pairs: Iterable[Pair]) -> int:
    """Takes these in; a pair that was decided stays decided. The number of new ones."""
    found = {(pair.dog_id, pair.other_id): pair for pair in (p.ordered for p in pairs)}
    photos = set(
        Photo.objects.filter(
            pk__in=[pk for pair in found.values() for pk in (pair.photo_id, pair.other_photo_id)]
        ).values_list("pk", flat=True)
    )
    new = 0
    for pair in found.values():
        if {pair.photo_id, pair.other_photo_id} <= photos:
            _hint, created = DuplicateHint.objects.get_or_create(
                dog_id=pair.dog_id,
                other_id=pair.other_id,
                defaults={
                    "photo_id": pair.photo_id,
                    "other_photo_id": pair.other_photo_id,
                    "similarity": pair.similarity,
                },
            )
            new += created
    return new


@transaction.atomic
def decide_hint(*, hint: DuplicateHint, keep: Dog | None, by: User | None) -> bool:
    """They are one dog, and `keep` is the listing that stays while the other is withdrawn; None:
    they are different dogs. False, and nothing done, when it was decided before. Raises ValueError
    for a dog that is neither of them."""
    dogs: Mapping[int, Dog] = {hint.dog_id: hint.dog, hint.other_id: hint.other}
    if keep is not None and keep.pk not in dogs:
        raise ValueError(f"dog {keep.pk} is neither of {sorted(dogs)}")
    states = DuplicateHint.State
    decided = DuplicateHint.objects.filter(pk=hint.pk, state=states.OPEN).update(
        state=states.DIFFERENT if keep is None else states.SAME,
        decided_by=by,
        decided_at=timezone.now(),
    )
    if decided and keep is not None:
        [other] = [dog for pk, dog in dogs.items() if pk != keep.pk]
        set_status(dog=other, status=Dog.Status.WITHDRAWN, by=by)
    return bool(decided)
