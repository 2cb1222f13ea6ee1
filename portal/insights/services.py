"""Writes on the log of predictions."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from portal.insights.models import Prediction
from portal.matching.models import Match, Query
from portal.matching.queries import retention


def log_prediction(*, query: Query) -> None:
    """Notes what became of an adopter's photo; nothing if it is gone already."""
    found = Query.objects.filter(pk=query.pk).first()
    if found is None:
        return
    best = Match.objects.filter(ranking__query=found).order_by("rank").first()
    passed = timezone.now() - found.created_at
    Prediction.objects.create(
        purpose=found.purpose,
        version_id=found.version_id,
        outcome=found.error_code or "ok",
        breed=found.breeds[0][0] if found.breeds else "",
        dog_id=best.dog_id if best else None,
        score=best.score if best else None,
        band=best.band if best else "",
        milliseconds=max(0, round(passed.total_seconds() * 1000)),
    )


def forget_predictions() -> int:
    """Deletes what is older than is to be kept; the number of it."""
    before = timezone.now() - timedelta(days=retention().predictions_days)
    return Prediction.objects.filter(at__lt=before).delete()[0]
