"""Where listings come from, what each run did, and which dog came from which row."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.dogs.models import Dog, Photo
from portal.dogs.temperament import Answer, Trait
from portal.shelters.models import Shelter

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User


class FeedQuerySet(models.QuerySet["Feed"]):
    def due(self) -> FeedQuerySet:
        return self.filter(enabled=True, next_run_at__lte=timezone.now())

    def managed_by(self, user: User | AnonymousUser) -> FeedQuerySet:
        return self.filter(shelter__in=Shelter.objects.staffed_by(user))


class Feed(models.Model):
    """A place where a shelter publishes already. `key` is encrypted (portal.feeds.secrets);
    `settings` are those of the kind's source."""

    class Kind(models.TextChoices):
        DATAGOKR = "datagokr", "data.go.kr"
        ASM3 = "asm3", "Shelter Manager"
        RESCUEGROUPS = "rescuegroups", "RescueGroups"
        CSVZIP = "csvzip", "CSV + ZIP"

    shelter = models.ForeignKey(Shelter, on_delete=models.CASCADE, related_name="feeds")
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=80)
    settings = models.JSONField(default=dict, blank=True)
    key = models.TextField(blank=True, editable=False)
    enabled = models.BooleanField(default=True)
    every_hours = models.PositiveSmallIntegerField(null=True, blank=True)
    next_run_at = models.DateTimeField(null=True, blank=True, db_index=True)
    may_withdraw_many = models.BooleanField(
        default=False, help_text="the next run may withdraw most of the dogs"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FeedQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["shelter", "name"], name="one_feed_per_name"),
            models.CheckConstraint(
                condition=Q(every_hours__isnull=True) | Q(every_hours__gte=1),
                name="feed_runs_hourly_at_most",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shelter}: {self.name}"


class ArchiveQuerySet(models.QuerySet["Archive"]):
    def managed_by(self, user: User | AnonymousUser) -> ArchiveQuerySet:
        return self.filter(shelter__in=Shelter.objects.staffed_by(user))


class Archive(models.Model):
    """A table with photos that somebody uploaded, read by a worker before anything is changed.

    `plan` holds what would become of each row and `rejected` what would be left out, as
    `portal.feeds.archives` writes them. The file goes when it was used, and after a day.
    """

    class State(models.TextChoices):
        READING = "reading", _("being read")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        APPLIED = "applied", _("taken over")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    shelter = models.ForeignKey(Shelter, on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=200)
    upload = models.CharField(max_length=200)
    whole = models.BooleanField(
        default=False, help_text="dogs of earlier tables that are not in it are gone"
    )
    language = models.CharField(max_length=8, default="en")
    state = models.CharField(max_length=8, choices=State, default=State.READING)
    error_code = models.CharField(max_length=40, blank=True)
    plan = models.JSONField(default=list)
    rejected = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = ArchiveQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class FeedRun(models.Model):
    """One reading of a feed. `cursor` and `offset` say where it goes on after a stop: the page,
    and how many of its records are stored."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    since = models.DateTimeField(null=True, help_text="only what changed since was asked for")
    cursor = models.JSONField(null=True)
    offset = models.PositiveIntegerField(default=0)
    read_all = models.BooleanField(default=False)
    complete = models.BooleanField(default=False)
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    photos = models.PositiveIntegerField(default=0)
    photos_refused = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["feed"], condition=Q(state="running"), name="one_running_run_per_feed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feed} {self.started_at:%Y-%m-%d %H:%M}"


class FeedRejection(models.Model):
    """A row or photo of a run that was left out, and why."""

    run = models.ForeignKey(FeedRun, on_delete=models.CASCADE, related_name="rejections")
    where = models.CharField(max_length=200)
    code = models.CharField(max_length=40)
    reason = models.CharField(max_length=300)
    of_photo = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "where", "code"], name="one_line_per_rejection"),
        ]

    def __str__(self) -> str:
        return f"{self.where}: {self.code}"


class FeedEntry(models.Model):
    """A feed's row and the dog it became.

    `digest` is that of the record as it was last applied and `applied` its values: a field of the
    dog that no longer holds what the feed last set was edited by hand, and is left alone.
    """

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="entries")
    external_id = models.CharField(max_length=120)
    dog = models.OneToOneField(Dog, on_delete=models.CASCADE, related_name="feed_entry")
    digest = models.CharField(max_length=64)
    applied = models.JSONField(default=dict)
    breed_text = models.CharField(max_length=120, blank=True)
    colour_text = models.CharField(max_length=120, blank=True)
    bonded_with = models.CharField(max_length=120, blank=True)
    adoptable_from = models.DateTimeField(null=True, db_index=True)
    seen_in = models.ForeignKey(FeedRun, on_delete=models.SET_NULL, null=True, related_name="+")
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feed", "external_id"], name="one_entry_per_row"),
        ]

    def __str__(self) -> str:
        return f"{self.feed_id}/{self.external_id}"


class FeedPhoto(models.Model):
    """A photo that a record names: to be fetched (neither `photo` nor `error_code`), there, or
    refused. A reference is fetched once."""

    entry = models.ForeignKey(FeedEntry, on_delete=models.CASCADE, related_name="photos")
    reference = models.CharField(max_length=500)
    position = models.PositiveSmallIntegerField(default=0)
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, null=True, related_name="+")
    sha256 = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["entry", "reference"], name="one_row_per_reference"),
        ]

    def __str__(self) -> str:
        return self.reference


class TemperamentSuggestion(models.Model):
    """What was read out of a source's free text: offered to staff, never set by itself."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        TAKEN = "taken", _("taken over")
        DISMISSED = "dismissed", _("dismissed")

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="suggestions")
    trait = models.CharField(max_length=24, choices=Trait)
    answer = models.CharField(max_length=10, blank=True)
    level = models.PositiveSmallIntegerField(null=True)
    words = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["dog", "trait"], name="one_suggestion_per_trait"),
        ]

    def __str__(self) -> str:
        return f"{self.trait}: {self.answer or self.level}"

    @property
    def word(self) -> str:
        """The answer as people say it, or the level."""
        return str(Answer(self.answer).label) if self.answer else f"{self.level}/5"
