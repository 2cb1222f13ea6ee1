"""Writes on shelters and who works for them."""

from __future__ import annotations

import functools
import logging
from datetime import timedelta

from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from ml.errors import PawkinError
from portal.accounts import audit
from portal.accounts.mail import send
from portal.accounts.models import User
from portal.shelters.models import Invitation, Membership, Shelter
from portal.shelters.places import place_of

INVITED_FOR = timedelta(days=7)
# Each is an e-mail to somebody who may not want one.
INVITATIONS_AN_HOUR = 20
SALT = "invitation"

log = logging.getLogger(__name__)


class MembersRefused(PawkinError):
    """Codes: last_member, already_member, too_many_invitations, link_invalid, other_address."""


@transaction.atomic
def create_shelter(
    *,
    name: str,
    city: str = "",
    address: str = "",
    phone: str = "",
    email: str = "",
    opening_hours: str = "",
) -> Shelter:
    """A new shelter; two of the same name get different address names. Where it lies is read from
    its address, to a few kilometres."""
    place = place_of(address) or place_of(city)
    return Shelter.objects.create(
        name=name,
        slug=free_slug(name),
        city=city,
        address=address,
        phone=phone,
        email=email,
        opening_hours=opening_hours,
        latitude=place.point.latitude if place else None,
        longitude=place.point.longitude if place else None,
    )


def update_shelter(
    *,
    shelter: Shelter,
    name: str,
    city: str,
    address: str,
    phone: str,
    email: str,
    opening_hours: str,
) -> Shelter:
    """Where it lies is read again from its address."""
    place = place_of(address) or place_of(city)
    shelter.name, shelter.city, shelter.address = name, city, address
    shelter.phone, shelter.email, shelter.opening_hours = phone, email, opening_hours
    shelter.latitude = place.point.latitude if place else None
    shelter.longitude = place.point.longitude if place else None
    shelter.save()
    return shelter


@transaction.atomic
def add_member(*, shelter: Shelter, user: User, by: User | None = None) -> Membership:
    """Lets this user edit the shelter's dogs; unchanged when they already may."""
    membership, added = Membership.objects.get_or_create(shelter=shelter, user=user)
    if added:
        audit.note(action=audit.Action.MEMBER_ADDED, by=by, about=f"user {user.pk}, {shelter.slug}")
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, by: User | None = None) -> None:
    """Raises MembersRefused for the last one: a shelter without staff can't be reached."""
    others = Membership.objects.filter(shelter=membership.shelter_id).exclude(pk=membership.pk)
    if not others.exists():
        raise MembersRefused("last_member", "Invite somebody else first.", str(membership))
    about = f"user {membership.user_id}, {membership.shelter.slug}"
    audit.note(action=audit.Action.MEMBER_REMOVED, by=by, about=about)
    membership.delete()


@transaction.atomic
def invite_member(*, shelter: Shelter, email: str, by: User, language: str) -> Invitation:
    """Asks somebody by e-mail; asked again, the old link ends. Raises MembersRefused."""
    if Membership.objects.filter(shelter=shelter, user__email__iexact=email).exists():
        raise MembersRefused("already_member", "Nothing is to be done.", email)
    lately = timezone.now() - timedelta(hours=1)
    if Invitation.objects.filter(by=by, created_at__gte=lately).count() >= INVITATIONS_AN_HOUR:
        raise MembersRefused("too_many_invitations", "Wait an hour.", email)
    Invitation.objects.filter(shelter=shelter, email__iexact=email, accepted_at=None).delete()
    invitation = Invitation.objects.create(
        shelter=shelter, email=email, by=by, expires_at=timezone.now() + INVITED_FOR
    )
    audit.note(action=audit.Action.INVITED, by=by, about=shelter.slug)
    known = User.objects.filter(email__iexact=email).values_list("language", flat=True).first()
    transaction.on_commit(functools.partial(_send, invitation, known or language))
    return invitation


def revoke_invitation(*, invitation: Invitation) -> None:
    invitation.delete()


def forget_invitations() -> int:
    """Deletes those whose time is over, accepted or not: who works where is in memberships; the
    number of them."""
    return Invitation.objects.filter(expires_at__lte=timezone.now()).delete()[0]


@transaction.atomic
def accept_invitation(*, invitation: Invitation, user: User) -> Membership:
    """Raises MembersRefused for one that is not this user's, or not open any more."""
    row = Invitation.objects.select_for_update().open().filter(pk=invitation.pk).first()
    if row is None:
        raise MembersRefused("link_invalid", "Ask for another invitation.")
    if row.email.lower() != user.email.lower():
        raise MembersRefused("other_address", "Log in with the invited address.", user.email)
    row.accepted_at = timezone.now()
    row.save(update_fields=["accepted_at"])
    return add_member(shelter=row.shelter, user=user, by=row.by)


def invitation_of(token: str) -> Invitation | None:
    """The open invitation that an e-mail's link means."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=INVITED_FOR)
    except signing.BadSignature:
        return None
    return Invitation.objects.open().select_related("shelter", "by").filter(pk=pk).first()


def token_of(invitation: Invitation) -> str:
    return signing.dumps(str(invitation.pk), salt=SALT)


def _send(invitation: Invitation, language: str) -> None:
    address = reverse("invitation", args=[token_of(invitation)])
    context = {"invitation": invitation, "address": address}
    try:
        send("invitation", to=invitation.email, language=language, context=context)
    except OSError:
        log.exception("The invitation %s did not leave", invitation.pk)


def free_slug(name: str) -> str:
    stem = slugify(name, allow_unicode=True)[:130].strip("-") or "shelter"
    slug, number = stem, 1
    while Shelter.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{stem}-{number}"
    return slug
