"""Writes on webhooks and their deliveries."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from portal.accounts.mail import send
from portal.accounts.models import User
from portal.dogs.models import Dog, DogEvent
from portal.feeds.secrets import encrypt
from portal.matching.models import Alert
from portal.publishing.models import OF_DOGS, Delivery, Event, Webhook
from portal.publishing.signing import new_secret
from portal.shelters.models import Shelter

# Waits after each failed try: three days in all, as Standard Webhooks proposes.
WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
# Events older than this are no news when a webhook was away.
NEWS_FOR = timedelta(days=3)
# After so many deliveries given up in a row nobody seems to be there.
GIVE_UP_AFTER = 3
KEPT_FOR = timedelta(days=30)
AT_ONCE = 500

log = logging.getLogger(__name__)


@transaction.atomic
def create_webhook(
    *, owner: User, url: str, events: Sequence[str], shelter: Shelter | None = None
) -> tuple[Webhook, str]:
    """The row, and its secret, which is told this once."""
    secret = new_secret()
    webhook = Webhook.objects.create(
        owner=owner, shelter=shelter, url=url, events=sorted(set(events)), secret=encrypt(secret)
    )
    return webhook, secret


def update_webhook(*, webhook: Webhook, **fields: Any) -> Webhook:
    """Writes url, events, and with `enabled` whether it is told of anything."""
    if "enabled" in fields:
        enabled = fields.pop("enabled")
        fields["disabled_at"] = None if enabled else timezone.now()
        fields["failures"] = 0
    for name, value in fields.items():
        setattr(webhook, name, value)
    webhook.save(update_fields=list(fields))
    return webhook


def renew_secret(*, webhook: Webhook) -> str:
    """Another secret, told this once; the old one signs nothing any more."""
    secret = new_secret()
    webhook.secret = encrypt(secret)
    webhook.save(update_fields=["secret"])
    return secret


def delete_webhook(*, webhook: Webhook) -> None:
    webhook.delete()


def ping(*, webhook: Webhook) -> Delivery:
    """A delivery to try the receiver with."""
    return Delivery.objects.create(
        webhook=webhook, event=Event.PING, payload={"message": "Hello"}, next_try_at=timezone.now()
    )


def create_deliveries() -> int:
    """Rows for events that enabled webhooks have not been told of; the number of them.

    Which those are is asked of the rows each time, so an event that became visible late, or a
    crash in between, loses nothing.
    """
    made = 0
    for webhook in Webhook.objects.enabled().select_related("shelter", "owner"):
        made += _of_dogs(webhook) + _of_alerts(webhook)
    ended = (Delivery.State.DONE, Delivery.State.GIVEN_UP)
    Delivery.objects.filter(created_at__lt=timezone.now() - KEPT_FOR, state__in=ended).delete()
    return made


def _of_dogs(webhook: Webhook) -> int:
    kinds = [kind for kind, event in OF_DOGS.items() if event in webhook.events]
    since = max(webhook.created_at, timezone.now() - NEWS_FOR)
    events = DogEvent.objects.filter(kind__in=kinds, at__gte=since)
    if webhook.shelter_id:
        events = events.filter(dog__shelter=webhook.shelter_id)
    told = Delivery.objects.filter(webhook=webhook, dog_event__isnull=False).values("dog_event")
    fresh = events.exclude(pk__in=told).select_related("dog__shelter").order_by("pk")[:AT_ONCE]
    rows = [
        Delivery(
            webhook=webhook,
            event=OF_DOGS[event.kind],
            payload={**_dog(event.dog), "at": event.at.isoformat()},
            dog_event=event,
            next_try_at=timezone.now(),
        )
        for event in fresh
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _of_alerts(webhook: Webhook) -> int:
    if Event.MATCH not in webhook.events:
        return 0
    since = max(webhook.created_at, timezone.now() - NEWS_FOR)
    alerts = Alert.objects.filter(search__owner=webhook.owner_id, created_at__gte=since)
    told = Delivery.objects.filter(webhook=webhook, alert__isnull=False).values("alert")
    fresh = alerts.exclude(pk__in=told).select_related("dog__shelter").order_by("pk")[:AT_ONCE]
    rows = [
        Delivery(
            webhook=webhook,
            event=Event.MATCH,
            payload={
                **_dog(alert.dog),
                "saved_search": str(alert.search_id),
                "score": alert.score,
                "at": alert.created_at.isoformat(),
            },
            alert=alert,
            next_try_at=timezone.now(),
        )
        for alert in fresh
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _dog(dog: Dog) -> dict[str, Any]:
    return {
        "dog": dog.slug,
        "name": dog.name,
        "status": dog.status,
        "shelter": dog.shelter.slug,
        "url": f"{settings.SITE_URL}{reverse('dog', args=[dog.slug])}",
    }


def due_deliveries() -> list[UUID]:
    due = Delivery.objects.filter(state=Delivery.State.PENDING, next_try_at__lte=timezone.now())
    due = due.filter(webhook__disabled_at=None).order_by("next_try_at")
    return list(due.values_list("pk", flat=True)[:AT_ONCE])


@transaction.atomic
def store_answer(*, delivery: Delivery, status: int | None, error: str = "") -> None:
    """What became of a try: done for 2xx, else another one later, and at last given up."""
    now = timezone.now()
    delivery.attempts += 1
    delivery.status, delivery.error = status, error[:200]
    webhook = Webhook.objects.select_for_update().get(pk=delivery.webhook_id)
    if status is not None and 200 <= status < 300:
        delivery.state, delivery.done_at = Delivery.State.DONE, now
        webhook.failures = 0
    # 410 says that nobody is there any more, and will not be (RFC 9110, 15.5.11).
    elif delivery.attempts > len(WAITS) or status == 410:
        delivery.state = Delivery.State.GIVEN_UP
        webhook.failures += 1
        if webhook.failures >= GIVE_UP_AFTER or status == 410:
            webhook.disabled_at = now
            transaction.on_commit(lambda: _tell_owner(webhook))
    else:
        delivery.next_try_at = now + WAITS[delivery.attempts - 1]
    delivery.save()
    webhook.save(update_fields=["failures", "disabled_at"])


def _tell_owner(webhook: Webhook) -> None:
    try:
        send(
            "webhook_disabled",
            to=webhook.owner.email,
            language=settings.LANGUAGE_CODE,
            context={"webhook": webhook},
        )
    except OSError:
        log.exception("The e-mail about the disabled webhook %s did not leave", webhook.pk)
