"""Which matches people look at."""

from __future__ import annotations

from portal.dogs.models import Dog
from portal.matching.models import Click, Match


def count_click(*, match_id: str, dog: Dog) -> None:
    """Counts that the dog was opened from this match: once, however often the page is loaded, and
    not at all where it is no match of this dog."""
    if not match_id.isdecimal() or len(match_id) > 18:
        return
    match = Match.objects.filter(pk=int(match_id), dog=dog).first()
    if match is not None:
        Click.objects.get_or_create(
            match=match,
            defaults={"dog": dog, "rank": match.rank, "score": match.score, "band": match.band},
        )
