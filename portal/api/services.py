"""Writes on tokens and answered calls."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from ml.errors import PawkinError
from portal.accounts import audit
from portal.accounts.models import User
from portal.api.models import ApiToken, IdempotencyKey
from portal.matching.models import Query
from portal.matching.queries import retention
from portal.shelters.models import Shelter

PREFIX = "pk_"
USED_EVERY = timedelta(minutes=1)
ANSWERS_KEPT = timedelta(hours=24)
# A call at work for longer has lost its process. One that is only slow, and is repeated meanwhile,
# finds its row gone at its end, and all that it did is undone.
GIVEN_UP_AFTER = timedelta(seconds=30)


class CallConflict(PawkinError):
    """Codes: idempotency_key_reused, idempotency_in_progress."""


@transaction.atomic
def create_token(
    *,
    user: User,
    name: str,
    scopes: Sequence[str] = (),
    shelter: Shelter | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """The row, and the token itself, which nobody can read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        shelter=shelter,
        name=name,
        scopes=sorted(set(scopes)),
        digest=digest_of(secret),
        hint=secret[:8],
        expires_at=expires_at,
    )
    audit.note(action=audit.Action.TOKEN_MADE, by=user, about=f"{name}: {', '.join(token.scopes)}")
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken) -> None:
    valid = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
    if valid.update(revoked_at=timezone.now()):
        audit.note(action=audit.Action.TOKEN_REVOKED, by=token.user, about=token.name)


def touch_token(*, token: ApiToken) -> None:
    """Notes that it is in use, once a minute."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def digest_of(secret: str) -> str:
    """A secret of 256 random bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def begin_call(*, caller: str, key: str, content: str) -> IdempotencyKey:
    """A new row without a status, or the answer given before. Raises CallConflict."""
    old = timezone.now() - GIVEN_UP_AFTER
    IdempotencyKey.objects.filter(caller=caller, key=key, status=None, created_at__lt=old).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(caller=caller, key=key, content=content)
    except IntegrityError:
        there = IdempotencyKey.objects.filter(caller=caller, key=key).first()
    if there is None:
        return begin_call(caller=caller, key=key, content=content)
    if there.content != content:
        raise CallConflict(
            "idempotency_key_reused", "Send another Idempotency-Key with another request."
        )
    if there.status is None:
        raise CallConflict(
            "idempotency_in_progress", "The same request is at work. Send it again in a moment."
        )
    return there


def end_call(*, row: IdempotencyKey, status: int, body: Any, location: str) -> None:
    """Keeps a success; what failed may be sent again under the same key."""
    if 200 <= status < 300:
        row.status, row.body, row.location = status, body, location
        row.save(update_fields=["status", "body", "location"])
    else:
        row.delete()


def forget_calls() -> int:
    """Deletes answers that are a day old, or as old as a photo may become, and those that tell of
    searches which are gone; the number of them."""
    kept = min(ANSWERS_KEPT, timedelta(hours=retention().query_hours))
    answers = IdempotencyKey.objects.all()
    old = answers.filter(created_at__lt=timezone.now() - kept).delete()[0]
    told = answers.filter(location__startswith=reverse("api:searches"))
    rows = told.values_list("pk", "location")
    searches = {location.rstrip("/").rpartition("/")[2]: pk for pk, location in rows}
    there = Query.objects.filter(pk__in=searches).values_list("pk", flat=True)
    gone = searches.keys() - {str(pk) for pk in there}
    return old + answers.filter(pk__in=[searches[search] for search in gone]).delete()[0]
