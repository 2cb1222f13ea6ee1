"""Dogs that people keep."""

from __future__ import annotations

from django.db import transaction

from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.matching.models import Favourite


def keep_dog(*, dog: Dog, owner: User | None, owner_key: str = "") -> Favourite:
    """Unchanged where it is kept already."""
    key = "" if owner else owner_key
    favourite, _ = Favourite.objects.get_or_create(dog=dog, owner=owner, owner_key=key)
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
