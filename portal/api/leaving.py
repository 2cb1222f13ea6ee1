"""All that is kept of one account, told or deleted; here, because this app knows all others."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from ml.errors import PawkinError
from portal.accounts import audit
from portal.accounts.models import User
from portal.api.models import ApiToken
from portal.dogs.models import PartialUpload
from portal.dogs.pieces import discard
from portal.enquiries.models import Enquiry
from portal.matching import services
from portal.matching.models import Favourite, Query, SavedSearch
from portal.shelters.models import Membership


class LeavingRefused(PawkinError):
    """Code: last_admin."""


def export_of(user: User) -> dict[str, Any]:
    """Plain values by name, for a JSON file; that it was taken is noted."""
    audit.note(action=audit.Action.ACCOUNT_EXPORTED, by=user)
    enquiries = Enquiry.objects.filter(user=user).select_related("dog", "shelter")
    return {
        "account": {
            "email": user.email,
            "name": user.display_name,
            "language": user.language,
            "since": user.date_joined,
            "last_login": user.last_login,
        },
        "shelters": [
            {"shelter": row.shelter.name, "since": row.created_at}
            for row in Membership.objects.filter(user=user).select_related("shelter")
        ],
        "favourites": [
            {"dog": row.dog.slug, "since": row.created_at}
            for row in Favourite.objects.filter(owner=user).select_related("dog")
        ],
        "saved_searches": [
            {"id": row.pk, "email": row.email, "filters": row.filters, "since": row.created_at}
            for row in SavedSearch.objects.filter(owner=user)
        ],
        "searches": [
            {"id": row.pk, "purpose": row.purpose, "at": row.created_at, "until": row.expires_at}
            for row in Query.objects.filter(owner=user)
        ],
        "enquiries": [
            {
                "dog": row.dog.slug,
                "shelter": row.shelter.name,
                "name": row.name,
                "email": row.email,
                "state": row.state,
                "messages": list(row.messages.values("from_shelter", "text", "at")),
            }
            for row in enquiries.prefetch_related("messages")
        ],
        "tokens": list(
            ApiToken.objects.filter(user=user).values("name", "hint", "created_at", "revoked_at")
        ),
    }


@transaction.atomic
def erase_account(*, user: User) -> None:
    """Deletes the account with its photos, searches, favourites, questions and tokens. What it did
    for a shelter stays, without a name. Raises LeavingRefused for the only admin."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if user.is_admin and not others.exists():
        raise LeavingRefused("last_admin", "Make somebody else an admin first.", user.email)
    for query in Query.objects.filter(owner=user):
        services.delete_query(query=query)
    discard(uploads=PartialUpload.objects.filter(owner=user))
    for saved in SavedSearch.objects.filter(owner=user):
        services.delete_search(saved=saved)
    audit.note(action=audit.Action.ACCOUNT_ERASED, by=None, about=f"user {user.pk}")
    user.delete()
