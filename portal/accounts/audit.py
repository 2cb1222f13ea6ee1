"""Who did what that others have to be able to ask about later: log-ins, members, tokens, switches.

Rows for admins to read (at /admin/), kept a year; no address of a machine, and nothing of what an
adopter looked for. What changed of a dog is `portal.dogs.history`'s.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from portal.accounts.models import AuditEvent, User
from portal.tracing import request_id

KEPT_FOR = timedelta(days=365)
ABOUT_LETTERS = 200

Action = AuditEvent.Action


def note(*, action: str, by: User | None, about: object = "") -> None:
    """`by` nobody: a command, or a worker. `about` names what it was done to."""
    AuditEvent.objects.create(
        action=action,
        by=by if by is not None and by.pk else None,
        about=str(about)[:ABOUT_LETTERS],
        request=request_id.get(),
    )


def forget_events() -> int:
    """Deletes what is older than is kept; the number of it."""
    return AuditEvent.objects.filter(at__lt=timezone.now() - KEPT_FOR).delete()[0]
