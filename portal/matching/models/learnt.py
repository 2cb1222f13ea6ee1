"""What answers teach: preferences as a few numbers, and the weights that were learnt from them.

Nothing here leads back to a person, a photo, a search or a dog.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Feedback(models.Model):
    """Somebody preferred one dog of an answer to its neighbour, which they had passed over.

    `preferred` and `other` are what both were alike in, {part: 0 to 1} as in Match: numbers that
    thousands of pairs of photos share. Of the time only the day is kept, since the minute might
    tell which click it was.
    """

    class Kind(models.TextChoices):
        CLICK = "click", _("opened")
        FAVOURITE = "favourite", _("kept")
        ENQUIRY = "enquiry", _("asked about")
        NOT_ALIKE = "not_alike", _("the other is not alike")

    class Mode(models.TextChoices):
        LIKE = "like", _("a dog like this one")
        LOST = "lost", _("a lost dog")

    kind = models.CharField(max_length=10, choices=Kind)
    mode = models.CharField(max_length=5, choices=Mode)
    preferred = models.JSONField()
    other = models.JSONField()
    day = models.DateField(default=timezone.localdate)

    class Meta:
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        return f"{self.mode}: {self.kind}"


class FusionWeightsQuerySet(models.QuerySet["FusionWeights"]):
    def active(self) -> FusionWeightsQuerySet:
        return self.filter(is_active=True)


class FusionWeights(models.Model):
    """Weights of the parts of a likeness, learnt from feedback.

    `weights` is {mode: {part: weight}} as in ml/fusion.json, whose weights count where no row is
    active. `agreement` is the share of the `held_back` pairs that these weights put as people did,
    `agreement_fixed` that of the fixed ones, `margin` the standard error of the difference: the
    database lets no row be active that is not better by twice that.
    """

    weights = models.JSONField()
    trained_at = models.DateTimeField(auto_now_add=True)
    pairs = models.PositiveIntegerField(help_text="learnt from")
    held_back = models.PositiveIntegerField(help_text="judged on")
    agreement = models.FloatField(help_text="0 to 1")
    agreement_fixed = models.FloatField(help_text="0 to 1")
    margin = models.FloatField(help_text="standard error of the difference")
    is_active = models.BooleanField(default=False)

    objects = FusionWeightsQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "fusion weights"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=Q(is_active=True), name="one_active_fusion_weights"
            ),
            models.CheckConstraint(
                condition=Q(is_active=False)
                | Q(agreement__gt=F("agreement_fixed") + 2 * F("margin")),
                name="active_fusion_weights_are_better",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pairs} pairs, {self.trained_at:%Y-%m-%d}"

    @property
    def is_better(self) -> bool:
        """Than the fixed weights, on held-back pairs, by more than chance."""
        return self.agreement > self.agreement_fixed + 2 * self.margin
