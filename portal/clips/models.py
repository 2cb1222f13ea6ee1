"""Clips: what staff filmed, and what a worker saw in it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.dogs.models import Dog
from portal.jobs.models import Job

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from portal.accounts.models import User

# So long a message may be under way before somebody looks whether it is lost.
UNATTENDED_AFTER = timedelta(minutes=1)


class ClipQuerySet(models.QuerySet["Clip"]):
    def visible_to(self, user: User | AnonymousUser) -> ClipQuerySet:
        """To the staff of the dog's shelter and admins alone: a person may be in it."""
        return self.filter(dog__in=Dog.objects.editable_by(user))

    def listed(self) -> ClipQuerySet:
        """Without what only the page of one clip needs."""
        return self.defer("frames", "layout", "speeds")

    def unattended(self) -> ClipQuerySet:
        """Clips that wait, and that nobody works on, whatever the reason."""
        old = timezone.now() - UNATTENDED_AFTER
        jobs = Job.objects.open().filter(kind=Job.Kind.WATCH_CLIP)
        busy = [int(subject) for subject in jobs.values_list("subject", flat=True)]
        return self.filter(state=Clip.State.WAITING, created_at__lt=old).exclude(pk__in=busy)


class Clip(models.Model):
    """A short film of a dog. No search, no training and no adopter's page ever reads one.

    `upload` holds the bytes as they came, only until a worker has watched them. `film` is made anew
    of what it saw, without sound and metadata: WebP stills one after the other in one file, each
    frame's `at` telling where in it. `poster` is one of them as a JPEG.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        READY = "ready", _("watched")
        FAILED = "failed", _("not usable")

    class Level(models.TextChoices):
        """How much a dog moves; in the order and words of `ml.activity`."""

        STILL = "still", pgettext_lazy("a dog in a clip", "keeps still")
        CALM = "calm", pgettext_lazy("a dog in a clip", "moves a little")
        MODERATE = "moderate", pgettext_lazy("a dog in a clip", "moves about")
        LIVELY = "lively", pgettext_lazy("a dog in a clip", "moves a lot")
        VERY_LIVELY = "very_lively", pgettext_lazy("a dog in a clip", "hardly rests")

    class Relative(models.TextChoices):
        BACKGROUND = "background", _("against what lies behind the dog")
        BODY = "body", _("of the limbs against the body")

    dog = models.ForeignKey(Dog, on_delete=models.CASCADE, related_name="clips")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    upload = models.FileField(max_length=200, blank=True, editable=False)
    film = models.FileField(max_length=200, blank=True, editable=False)
    poster = models.FileField(max_length=200, blank=True, editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    error_code = models.CharField(max_length=40, blank=True)
    seconds = models.FloatField(null=True)
    width = models.PositiveIntegerField(default=0, help_text="of the film's frames, in pixels")
    height = models.PositiveIntegerField(default=0)
    layout = models.JSONField(
        null=True, help_text="names, skeleton and parts of the points, as in a version's spec"
    )
    frames = models.JSONField(
        default=list,
        help_text="of each frame: t in seconds, at [start, end) in the film, box [x0, y0, x1, y1] "
        "and points [[x, y, score], …] as fractions, null where no dog is, posture or ''",
    )
    shown = models.PositiveSmallIntegerField(default=0, help_text="which frame is the poster")
    speeds = models.JSONField(
        default=list,
        help_text="between each frame and the next, body lengths a second; null: unknown",
    )
    speed = models.FloatField(null=True, help_text="their mean; null where it cannot be told")
    level = models.CharField(max_length=12, choices=Level, blank=True)
    levels = models.JSONField(null=True, help_text="the speed at which each level began")
    relative = models.CharField(max_length=10, choices=Relative, blank=True)
    seen = models.FloatField(null=True, help_text="share of the frames with a dog, 0 to 1")
    postures = models.JSONField(
        null=True, help_text="share of those frames by posture; null where none is told"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, help_text="when it was watched, or could not be")

    objects = ClipQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # Asked for every minute, and nearly always empty.
            models.Index(fields=["id"], condition=Q(state="waiting"), name="clips_that_wait"),
        ]

    def __str__(self) -> str:
        return f"{self.dog_id} {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def files(self) -> list[str]:
        """Stored names of all its files."""
        return [n for n in (self.upload.name, self.film.name, self.poster.name) if n]

    @property
    def can_retry(self) -> bool:
        """Whether trying again is of use: its file is still there."""
        return self.state == self.State.FAILED and bool(self.upload)
