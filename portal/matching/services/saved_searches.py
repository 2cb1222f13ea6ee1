"""Saved searches: confirmed by e-mail, told of new dogs at most once a day, ended by one click."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.utils import timezone

from ml.errors import PawkinError
from portal.accounts.mail import send
from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.matching.consent import DESCRIPTION
from portal.matching.filters import Filters
from portal.matching.models import Alert, Query, SavedSearch
from portal.matching.queries import retention

CONFIRM_WITHIN = timedelta(days=2)
ONCE_IN = timedelta(days=1)
PER_ADDRESS = 10
SALT = "saved search"

log = logging.getLogger(__name__)


class SavedSearchRefused(PawkinError):
    """Codes: consent_needed, too_many_saved_searches, search_not_answered, link_invalid."""


@transaction.atomic
def save_search(
    *,
    email: str,
    owner: User | None,
    language: str,
    filters: Filters,
    dog: Dog | None = None,
    query: Query | None = None,
    consent: bool = False,
) -> SavedSearch:
    """A saved search like a listed dog, or like the photo of a query, whose description is kept
    with its owner's consent. An address that its owner has not proved gets one e-mail with a link;
    a signed-in user's own is proved. Raises SavedSearchRefused."""
    if query is not None and not consent:
        raise SavedSearchRefused("consent_needed", "Tick that the description may be kept.")
    if query is not None and query.vector is None:
        raise SavedSearchRefused("search_not_answered", "Wait for the answer first.")
    if SavedSearch.objects.current().filter(email__iexact=email).count() >= PER_ADDRESS:
        raise SavedSearchRefused("too_many_saved_searches", "Delete one of them first.")
    now = timezone.now()
    proved = owner is not None and owner.email.lower() == email.lower()
    days = timedelta(days=retention().saved_search_days)
    saved = SavedSearch.objects.create(
        owner=owner,
        email=email,
        language=language,
        filters=filters.canonical(),
        dog=dog if query is None else None,
        vector=query.vector if query else None,
        version=query.version if query else None,
        consent=DESCRIPTION.version if query else "",
        consented_at=now if query else None,
        confirmed_at=now if proved else None,
        expires_at=now + (days if proved else CONFIRM_WITHIN),
    )
    if not proved:
        transaction.on_commit(lambda: _ask(saved))
    return saved


def confirm_search(*, token: str) -> SavedSearch:
    """The link of the first e-mail was followed. Raises SavedSearchRefused."""
    saved = search_of(token)
    if saved.confirmed_at is None:
        now = timezone.now()
        saved.confirmed_at = now
        saved.expires_at = now + timedelta(days=retention().saved_search_days)
        saved.save(update_fields=["confirmed_at", "expires_at"])
    return saved


def delete_search(*, saved: SavedSearch) -> None:
    """With the description it holds."""
    saved.delete()


def end_outdated(*, saved: SavedSearch) -> None:
    """Other models describe the dogs now, and what was kept of the photo compares with nothing any
    more: its owner is told, once, and it goes."""
    send(
        "search_outdated",
        to=saved.email,
        language=saved.language,
        context={"saved": saved},
    )
    saved.delete()


def expire_saved_searches() -> int:
    """Deletes those whose time is over, and those that nobody confirmed; the number of them."""
    return SavedSearch.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def due_searches() -> list[UUID]:
    """Active ones whose owners have had no e-mail for a day."""
    before = timezone.now() - ONCE_IN
    quiet = SavedSearch.objects.active().exclude(told_at__gt=before)
    return list(quiet.values_list("pk", flat=True))


def new_dogs(saved: SavedSearch) -> set[int]:
    """Dogs listed since the search was saved that suit its wishes and were not told of."""
    dogs = Filters.from_canonical(saved.filters).apply(Dog.objects.searchable())
    fresh = dogs.filter(listed_at__gt=saved.created_at)
    fresh = fresh.exclude(pk__in=saved.alerts.values("dog")).exclude(pk=saved.dog_id or 0)
    return set(fresh.order_by().values_list("pk", flat=True))


def add_alerts(*, saved: SavedSearch, scores: Iterable[tuple[int, int]]) -> None:
    """Notes dogs (primary key, score) that its owner is to hear of; each once."""
    Alert.objects.bulk_create(
        [Alert(search=saved, dog_id=dog, score=score) for dog, score in scores],
        ignore_conflicts=True,
    )


def send_alerts(*, saved: SavedSearch) -> int:
    """One e-mail with all dogs not told of yet that can still be adopted; the number of them.

    They are marked before the e-mail leaves, so that a crash in between loses one e-mail rather
    than sending it twice: the dogs are on the site all the same. When the server refuses it, the
    marks go again and the error reaches the caller.
    """
    with transaction.atomic():
        locked = SavedSearch.objects.active().select_for_update().filter(pk=saved.pk).first()
        if locked is None or (locked.told_at and locked.told_at > timezone.now() - ONCE_IN):
            return 0
        waiting = locked.alerts.filter(sent_at=None, dog__status=Dog.Status.AVAILABLE)
        alerts = list(waiting.select_related("dog__shelter"))
        if not alerts:
            return 0
        before = locked.told_at
        now = timezone.now()
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(sent_at=now)
        SavedSearch.objects.filter(pk=locked.pk).update(told_at=now)
    try:
        send(
            "alerts",
            to=locked.email,
            language=locked.language,
            context={"alerts": alerts, "saved": locked, "token": token_of(locked)},
            unsubscribe=token_of(locked),
        )
    except Exception:
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(sent_at=None)
        SavedSearch.objects.filter(pk=locked.pk).update(told_at=before)
        raise
    return len(alerts)


def token_of(saved: SavedSearch) -> str:
    """What a link in an e-mail carries: nobody else can make it."""
    return signing.dumps(str(saved.pk), salt=SALT)


def search_of(token: str) -> SavedSearch:
    """Raises SavedSearchRefused for a token that is not ours or whose search is gone."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise SavedSearchRefused("link_invalid", "Save the search again.") from error
    saved = SavedSearch.objects.current().filter(pk=pk).first()
    if saved is None:
        raise SavedSearchRefused("link_invalid", "Save the search again.")
    return saved


def _ask(saved: SavedSearch) -> None:
    try:
        send(
            "confirm_search",
            to=saved.email,
            language=saved.language,
            context={"saved": saved, "token": token_of(saved)},
        )
    except OSError:
        log.exception("The e-mail that asks to confirm saved search %s did not leave", saved.pk)
