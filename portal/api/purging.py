"""What has had its time, deleted in one go; here, because this app knows all others."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.utils import timezone

from portal.accounts.audit import forget_events
from portal.api.services import forget_calls
from portal.clips import services as clips
from portal.dogs.pieces import expire_uploads
from portal.enquiries.services import forget_unconfirmed
from portal.feeds.archives import expire_archives
from portal.insights.services import forget_predictions
from portal.matching import services
from portal.shelters.services import forget_invitations


def purge_expired() -> dict[str, int]:
    """Counts of what was deleted, by name."""
    services.expire_rankings()
    return {
        "searches": services.expire_queries(),
        "saved_searches": services.expire_saved_searches(),
        "photos_in_pieces": expire_uploads(),
        "clips_not_watched": clips.expire_uploads(),
        "uploaded_tables": expire_archives(),
        "unconfirmed_enquiries": forget_unconfirmed(),
        "invitations": forget_invitations(),
        "predictions": forget_predictions(),
        "preferences": services.expire_feedback(),
        "answers_to_calls": forget_calls(),
        "sessions": forget_sessions(),
        "audit_events": forget_events(),
    }


def forget_sessions() -> int:
    """Deletes what browsers' sessions left that are over; the number of them."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]


def empty_journal() -> None:
    """Has SQLite's journal of writes taken over and emptied, so that what was deleted is not read
    in it. Nothing where somebody reads or writes just now: the next minute will do."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    with connection.cursor() as cursor:
        try:
            # Else it would wait for readers and hold up writers meanwhile.
            cursor.execute("PRAGMA busy_timeout=0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except OperationalError:
            pass
        finally:
            milliseconds = int(1000 * connection.settings_dict["OPTIONS"].get("timeout", 5))
            cursor.execute(f"PRAGMA busy_timeout={milliseconds}")
