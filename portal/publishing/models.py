"""Who is told of events by webhook, and what became of each telling."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.dogs.models import DogEvent
from portal.matching.models import Alert
from portal.shelters.models import Shelter

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class Event(models.TextChoices):
    LISTED = "dog.listed", _("a dog is listed")
    ON_HOLD = "dog.on_hold", _("a dog is on hold")
    ADOPTED = "dog.adopted", _("a dog is adopted")
    WITHDRAWN = "dog.withdrawn", _("a dog is withdrawn")
    MATCH = "match.found", _("a new dog is like a saved search")
    PING = "ping", _("test")


# Events of rows by the names under which they are told.
OF_DOGS: dict[str, Event] = {
    DogEvent.Kind.LISTED: Event.LISTED,
    DogEvent.Kind.RELISTED: Event.LISTED,
    DogEvent.Kind.ON_HOLD: Event.ON_HOLD,
    DogEvent.Kind.ADOPTED: Event.ADOPTED,
    DogEvent.Kind.WITHDRAWN: Event.WITHDRAWN,
}


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def enabled(self) -> WebhookQuerySet:
        return self.filter(disabled_at=None, owner__is_active=True)

    def owned_by(self, user: User | AnonymousUser) -> WebhookQuerySet:
        return self.filter(owner=user) if user.is_authenticated else self.none()


class Webhook(models.Model):
    """An address that wants to hear of events; `secret` signs them and is encrypted here.

    With `shelter`, of that shelter's dogs; without, of all dogs that the public sees. Matches are
    those of the owner's saved searches.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks"
    )
    shelter = models.ForeignKey(Shelter, on_delete=models.CASCADE, null=True, related_name="+")
    url = models.URLField(max_length=500)
    events = models.JSONField(default=list)
    secret = models.TextField()
    failures = models.PositiveIntegerField(default=0, help_text="deliveries given up in a row")
    disabled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "url"], name="one_webhook_per_address"),
        ]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event for one address; `id` is what the receiver knows it by, however often it comes."""

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        DONE = "done", _("done")
        GIVEN_UP = "given_up", _("given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=20, choices=Event)
    payload = models.JSONField()
    dog_event = models.ForeignKey(DogEvent, on_delete=models.CASCADE, null=True, related_name="+")
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, help_text="of the last answer")
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "dog_event"],
                condition=Q(dog_event__isnull=False),
                name="one_delivery_per_dog_event",
            ),
            models.UniqueConstraint(
                fields=["webhook", "alert"],
                condition=Q(alert__isnull=False),
                name="one_delivery_per_alert",
            ),
        ]
        indexes = [models.Index(fields=["state", "next_try_at"])]

    def __str__(self) -> str:
        return f"{self.event} → {self.webhook}"
