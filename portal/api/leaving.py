"""All that is kept of one account, told or deleted; here, because this app knows all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from ml.errors import PawkinError
from portal.accounts import audit
from portal.accounts.models import User
from portal.api.models import ApiToken
from portal.dogs.models import PartialUpload
from portal.dogs.pieces import discard
from portal.enquiries.models import Enquiry
from portal.matching import services
from portal.matching.models import Favourite, NotAlike, Query, SavedSearch
from portal.publishing.models import Webhook
from portal.shelters.models import Invitation, Membership

# Every column that refers to an account has a rule here (tests/portal/test_leaving.py). What is
# somebody's own goes with the account, and stands in its copy under this name.
OWN: Mapping[str, str] = {
    "account.EmailAddress.user": "addresses",
    "mfa.Authenticator.user": "second_steps",
    "shelters.Membership.user": "shelters",
    "matching.Favourite.owner": "favourites",
    "matching.SavedSearch.owner": "saved_searches",
    "matching.Query.owner": "searches",
    "matching.NotAlike.owner": "taken_out",
    "enquiries.Enquiry.user": "enquiries",
    "dogs.PartialUpload.owner": "photos_on_their_way",
    "publishing.Webhook.owner": "webhooks",
    "api.ApiToken.user": "tokens",
    "admin.LogEntry.user": "rows_changed",
}
# What it did for a shelter or the installation stays, without a name; the column that tells when.
WORK: Mapping[str, str] = {
    "accounts.AuditEvent.by": "at",
    "shelters.Invitation.by": "created_at",
    "dogs.TemperamentValue.set_by": "set_at",
    "dogs.DogEvent.by": "at",
    "dogs.DogChange.by": "at",
    "matching.DuplicateHint.decided_by": "decided_at",
    "matching.Retention.changed_by": "changed_at",
    "clips.Clip.by": "created_at",
    "annotations.Annotation.by": "updated_at",
    "enquiries.Message.by": "at",
    "feeds.Archive.by": "created_at",
    "feeds.TemperamentSuggestion.decided_by": "created_at",
}


class LeavingRefused(PawkinError):
    """Code: last_admin."""


def addresses_of(user: User) -> list[str]:
    """The account's addresses that are proved to be its user's, in small letters. What was asked or
    saved by one of them without an account is the user's too."""
    proved = EmailAddress.objects.filter(user=user, verified=True)
    return list(proved.annotate(small=Lower("email")).values_list("small", flat=True))


def by_address(user: User, owner: str) -> Q:
    """Rows of an account, and of nobody by its addresses; to be asked of rows with a column `small`
    of addresses in small letters."""
    return Q(**{owner: user}) | Q(**{owner: None, "small__in": addresses_of(user)})


def export_of(user: User) -> dict[str, Any]:
    """Plain values by name, for a JSON file; that it was taken is noted."""
    audit.note(action=audit.Action.ACCOUNT_EXPORTED, by=user)
    small = Lower("email")
    enquiries = Enquiry.objects.annotate(small=small).filter(by_address(user, "user"))
    saved = SavedSearch.objects.annotate(small=small).filter(by_address(user, "owner"))
    return {
        "account": {
            "email": user.email,
            "name": user.display_name,
            "language": user.language,
            "since": user.date_joined,
            "last_login": user.last_login,
        },
        "addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified")),
        "second_steps": list(
            Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")
        ),
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
            for row in saved
        ],
        "searches": [
            {"id": row.pk, "purpose": row.purpose, "at": row.created_at, "until": row.expires_at}
            for row in Query.objects.filter(owner=user)
        ],
        "taken_out": [
            {"dog": row.dog.slug, "at": row.created_at}
            for row in NotAlike.objects.filter(owner=user).select_related("dog")
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
            for row in enquiries.select_related("dog", "shelter").prefetch_related("messages")
        ],
        "invitations": [
            {"shelter": row.shelter.name, "email": row.email, "at": row.created_at}
            for row in invitations_of(user).select_related("shelter")
        ],
        "photos_on_their_way": list(
            PartialUpload.objects.filter(owner=user).values("name", "length", "created_at")
        ),
        "webhooks": list(Webhook.objects.filter(owner=user).values("url", "events", "created_at")),
        "tokens": list(
            ApiToken.objects.filter(user=user).values("name", "hint", "created_at", "revoked_at")
        ),
        "rows_changed": list(
            LogEntry.objects.filter(user=user).values("action_time", "object_repr")
        ),
        "work": {name: work_of(user, name, when) for name, when in WORK.items()},
    }


def work_of(user: User, name: str, when: str) -> list[dict[str, Any]]:
    """What a person did, of one kind: the rows' keys, and when."""
    label, _dot, column = name.rpartition(".")
    rows = apps.get_model(label)._base_manager.filter(**{column: user}).order_by("pk")
    return [{"row": key, "at": at} for key, at in rows.values_list("pk", when)]


def invitations_of(user: User) -> Any:
    """Invitations to one of the account's addresses."""
    rows = Invitation.objects.annotate(small=Lower("email"))
    return rows.filter(small__in=addresses_of(user))


@transaction.atomic
def erase_account(*, user: User) -> None:
    """Deletes the account with all that is its own, and what was asked and saved by its addresses
    before there was one. What it did for a shelter stays, without a name. Raises LeavingRefused for
    the only admin."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if user.is_admin and not others.exists():
        raise LeavingRefused("last_admin", "Make somebody else an admin first.", user.email)
    for query in Query.objects.filter(owner=user):
        services.delete_query(query=query)
    discard(uploads=PartialUpload.objects.filter(owner=user))
    small = Lower("email")
    for saved in SavedSearch.objects.annotate(small=small).filter(by_address(user, "owner")):
        services.delete_search(saved=saved)
    Enquiry.objects.annotate(small=small).filter(by_address(user, "user")).delete()
    invitations_of(user).delete()
    audit.note(action=audit.Action.ACCOUNT_ERASED, by=None, about=f"user {user.pk}")
    user.delete()
