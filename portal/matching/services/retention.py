"""How long photos, saved searches and the log of answers are kept."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.accounts import audit
from portal.accounts.models import User
from portal.matching.models import Query, Retention, SavedSearch


@transaction.atomic
def set_retention(
    *, query_hours: int, saved_search_days: int, predictions_days: int, by: User | None
) -> Retention:
    """Holds for what comes, and where it is shorter for what is there: nothing is kept longer than
    its owner was told. The caller checks that no time is longer than the settings allow."""
    times = {
        "query_hours": query_hours,
        "saved_search_days": saved_search_days,
        "predictions_days": predictions_days,
    }
    row, _created = Retention.objects.update_or_create(pk=1, defaults={**times, "changed_by": by})
    hours, days = timedelta(hours=query_hours), timedelta(days=saved_search_days)
    late = Query.objects.filter(expires_at__gt=F("created_at") + hours)
    late.update(expires_at=F("created_at") + hours)
    # Confirming begins a saved search's time anew, so its end is counted from today.
    SavedSearch.objects.filter(expires_at__gt=timezone.now() + days).update(
        expires_at=timezone.now() + days
    )
    audit.note(action=audit.Action.RETENTION_SET, by=by, about=row)
    return row
