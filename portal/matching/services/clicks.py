"""Which matches people look at."""

from __future__ import annotations

from django.db import transaction

from portal.dogs.models import Dog
from portal.matching.models import Click, Feedback
from portal.matching.services.learning import match_of, note_feedback


@transaction.atomic
def count_click(*, match_id: str, dog: Dog) -> None:
    """Counts that the dog was opened from this match: once, however often the page is loaded, and
    not at all where it is no match of this dog."""
    match = match_of(match_id, dog)
    if match is None:
        return
    _click, is_new = Click.objects.get_or_create(
        match=match,
        defaults={"dog": dog, "rank": match.rank, "score": match.score, "band": match.band},
    )
    if is_new:
        note_feedback(match=match, kind=Feedback.Kind.CLICK)
