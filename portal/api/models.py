"""Who may call without a browser, and which calls were answered already."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.shelters.models import Shelter


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def valid(self) -> ApiTokenQuerySet:
        now = timezone.now()
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None, user__is_active=True
        )


class ApiToken(models.Model):
    """What a program shows instead of a password; only its SHA-256 is kept.

    It can do what its user can, as far as its scopes go, and with `shelter` only to the dogs of
    that one.
    """

    class Scope(models.TextChoices):
        WRITE = "write", "write"
        SEARCH = "search", "search"
        ADMIN = "admin", "admin"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    shelter = models.ForeignKey(
        Shelter, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=80)
    scopes = models.JSONField(default=list)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="how the token begins, to tell it by")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.hint}… {self.name}"


class IdempotencyKey(models.Model):
    """A call that its caller may repeat: with the same key and content it is answered once.

    `status` is null while the first call is at work.
    """

    caller = models.CharField(max_length=80)
    key = models.CharField(max_length=128)
    content = models.CharField(max_length=64, help_text="SHA-256 of method, address and content")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    location = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["caller", "key"], name="one_answer_per_key"),
        ]

    def __str__(self) -> str:
        return self.key
