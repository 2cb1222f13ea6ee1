"""What the models answered lately, without whose photo it was."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.dogs.models import Dog
from portal.matching.models import ModelVersion, Query


class Prediction(models.Model):
    """One answer to a photo: no photo, no vector, no person, no address.

    `outcome` is "ok" or the code of what went wrong; `breed` the likeliest, "" for mixed or
    unknown; `milliseconds` from the photo's arrival to the answer.
    """

    purpose = models.CharField(max_length=12, choices=Query.Purpose)
    version = models.ForeignKey(
        ModelVersion, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    outcome = models.CharField(_("outcome"), max_length=40)
    breed = models.CharField(max_length=80, blank=True)
    dog = models.ForeignKey(Dog, on_delete=models.SET_NULL, null=True, related_name="+")
    score = models.PositiveSmallIntegerField(null=True)
    band = models.CharField(max_length=8, blank=True, db_default="", help_text="of the best match")
    milliseconds = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["purpose", "-id"])]

    def __str__(self) -> str:
        return f"{self.purpose}: {self.outcome}"
