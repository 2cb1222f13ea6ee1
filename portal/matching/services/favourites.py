"""Dogs that people keep."""

from __future__ import annotations

from django.db import transaction

from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.matching.models import Favourite, Feedback
from portal.matching.services.learning import match_of, note_feedback


@transaction.atomic
def keep_dog(*, dog: Dog, owner: User | None, owner_key: str = "", match_id: str = "") -> Favourite:
    """Unchanged where it is kept already. `match_id` names the match that it was kept from, if it
    was kept in an answer."""
    key = "" if owner else owner_key
    favourite, is_new = Favourite.objects.get_or_create(dog=dog, owner=owner, owner_key=key)
    match = match_of(match_id, dog) if is_new else None
    if match is not None:
        note_feedback(match=match, kind=Feedback.Kind.FAVOURITE)
    return favourite


def drop_dog(*, favourite: Favourite) -> None:
    favourite.delete()


@transaction.atomic
def claim_favourites(*, owner: User, owner_key: str) -> None:
    """What a visitor kept before logging in is theirs afterwards."""
    mine = Favourite.objects.filter(owner=owner).values("dog")
    visitors = Favourite.objects.filter(owner=None, owner_key=owner_key)
    visitors.exclude(dog__in=mine).update(owner=owner, owner_key="")
    Favourite.objects.filter(owner=None, owner_key=owner_key).delete()
