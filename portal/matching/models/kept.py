"""What people keep: favourites, saved searches with their news, and for how long."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.dogs.models import Dog
from portal.matching.models.described import ModelVersion

if TYPE_CHECKING:
    from django.http import HttpRequest


class FavouriteQuerySet(models.QuerySet["Favourite"]):
    def owned_by(self, request: HttpRequest) -> FavouriteQuerySet:
        """Of this signed-in user or, for a visitor, of this browser session."""
        if request.user.is_authenticated:
            return self.filter(owner=request.user)
        return self.filter(owner=None, owner_key=request.session.session_key or "-")


class Favourite(models.Model):
    """A dog that somebody wants to find again; one that was adopted since is shown as gone."""

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="favourites")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="favourites"
    )
    owner_key = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FavouriteQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dog", "owner"],
                condition=Q(owner__isnull=False),
                name="one_favourite_per_user_and_dog",
            ),
            models.UniqueConstraint(
                fields=["dog", "owner_key"],
                condition=Q(owner__isnull=True),
                name="one_favourite_per_session_and_dog",
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | ~Q(owner_key=""), name="favourite_has_an_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dog} ♥"


class SavedSearchQuerySet(models.QuerySet["SavedSearch"]):
    def current(self) -> SavedSearchQuerySet:
        return self.filter(expires_at__gt=timezone.now())

    def active(self) -> SavedSearchQuerySet:
        """Confirmed by who owns the address, and not expired."""
        return self.current().filter(confirmed_at__isnull=False)


class SavedSearch(models.Model):
    """Somebody who wants to hear of new dogs like one: like a listed dog, or like a photo.

    An adopter's photo and all that was computed from it live a day. To hear of dogs like it for
    longer, its owner agrees that the description (128 numbers, no photo) is kept; which words they
    agreed to, and when, is in the row. It goes when they unsubscribe, and after 90 days.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="saved_searches"
    )
    email = models.EmailField()
    language = models.CharField(max_length=8, default="en")
    filters = models.JSONField(default=dict)
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, null=True, related_name="+")
    vector = models.BinaryField(null=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, null=True, related_name="+")
    consent = models.CharField(max_length=40, blank=True, help_text="version of the words")
    consented_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True, help_text="when the last e-mail went")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "saved searches"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(dog__isnull=False, vector__isnull=True, version__isnull=True)
                | Q(dog__isnull=True, vector__isnull=False, version__isnull=False) & ~Q(consent=""),
                name="saved_search_is_like_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Alert(models.Model):
    """A new dog that somebody is to hear of, once."""

    search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="alerts")
    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="+")
    score = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-score"]
        constraints = [
            models.UniqueConstraint(fields=["search", "dog"], name="one_alert_per_dog"),
        ]

    def __str__(self) -> str:
        return f"{self.search_id}: {self.dog}"


class Retention(models.Model):
    """How long things of people are kept, where an admin chose a time shorter than the settings'.

    One row at most. The settings QUERY_LIFETIME_HOURS, SAVED_SEARCH_DAYS and PREDICTIONS_KEPT_DAYS
    are what the installation promises: the longest that may be chosen.
    """

    query_hours = models.PositiveSmallIntegerField()
    saved_search_days = models.PositiveSmallIntegerField()
    predictions_days = models.PositiveSmallIntegerField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "retention"
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_retention"),
            models.CheckConstraint(
                condition=Q(query_hours__gte=1, saved_search_days__gte=1, predictions_days__gte=1),
                name="retention_is_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.query_hours} h, {self.saved_search_days} d, {self.predictions_days} d"
