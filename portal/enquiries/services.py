"""Writes on enquiries, and the e-mails that carry them."""

from __future__ import annotations

import functools
import logging
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone

from ml.errors import PawkinError
from portal.accounts.mail import send
from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.enquiries.models import Enquiry, Message

CONFIRM_WITHIN = timedelta(days=2)
SALT = "enquiry"

log = logging.getLogger(__name__)


class EnquiryRefused(PawkinError):
    """Codes: dog_gone, link_invalid, enquiry_closed."""


@transaction.atomic
def send_enquiry(
    *, dog: Dog, user: User | None, name: str, email: str, language: str, text: str
) -> Enquiry:
    """Asks the dog's shelter. A visitor first proves the address by a link in an e-mail; until
    then the shelter sees nothing. Raises EnquiryRefused for a dog that nobody can adopt."""
    if dog.status not in (Dog.Status.AVAILABLE, Dog.Status.ON_HOLD):
        raise EnquiryRefused("dog_gone", "Ask about another dog.", dog.slug)
    proved = user is not None and user.email.lower() == email.lower()
    enquiry = Enquiry.objects.create(
        dog=dog,
        shelter=dog.shelter,
        user=user,
        name=name,
        email=email,
        language=language,
        confirmed_at=timezone.now() if proved else None,
    )
    Message.objects.create(enquiry=enquiry, from_shelter=False, by=user, text=text)
    transaction.on_commit(functools.partial(_to_shelter if proved else _ask, enquiry))
    return enquiry


@transaction.atomic
def confirm_enquiry(*, token: str) -> Enquiry:
    """The link was followed: the shelter gets it, once. Raises EnquiryRefused."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=CONFIRM_WITHIN)
    except signing.BadSignature as error:
        raise EnquiryRefused("link_invalid", "Write to the shelter again.") from error
    enquiry = Enquiry.objects.select_for_update(of=("self",)).filter(pk=pk).first()
    if enquiry is None:
        raise EnquiryRefused("link_invalid", "Write to the shelter again.")
    if enquiry.confirmed_at is None:
        enquiry.confirmed_at = timezone.now()
        enquiry.save(update_fields=["confirmed_at", "updated_at"])
        transaction.on_commit(functools.partial(_to_shelter, enquiry))
    return enquiry


@transaction.atomic
def add_message(*, enquiry: Enquiry, by: User, text: str, from_shelter: bool) -> Message:
    """Another word from either side; the other hears of it. Raises EnquiryRefused."""
    if enquiry.state == Enquiry.State.CLOSED:
        raise EnquiryRefused("enquiry_closed", "Open it again first.", str(enquiry.pk))
    message = Message.objects.create(enquiry=enquiry, from_shelter=from_shelter, by=by, text=text)
    state = Enquiry.State.ANSWERED if from_shelter else Enquiry.State.NEW
    set_state(enquiry=enquiry, state=state)
    tell = _to_adopter if from_shelter else _to_shelter
    transaction.on_commit(functools.partial(tell, enquiry))
    return message


def set_state(*, enquiry: Enquiry, state: str) -> None:
    enquiry.state = state
    enquiry.save(update_fields=["state", "updated_at"])


def forget_unconfirmed() -> int:
    """Deletes what nobody confirmed; the number of enquiries."""
    before = timezone.now() - CONFIRM_WITHIN
    old = Enquiry.objects.filter(confirmed_at=None, created_at__lt=before)
    return old.delete()[1].get("enquiries.Enquiry", 0)


def token_of(enquiry: Enquiry) -> str:
    return signing.dumps(str(enquiry.pk), salt=SALT)


def _ask(enquiry: Enquiry) -> None:
    _send("confirm_enquiry", enquiry, enquiry.email, token=token_of(enquiry))


def _to_shelter(enquiry: Enquiry) -> None:
    """To the shelter's address, else to its members'."""
    to = [enquiry.shelter.email] if enquiry.shelter.email else [
        member.user.email for member in enquiry.shelter.memberships.select_related("user")
    ]  # fmt: skip
    for address in to:
        _send("enquiry", enquiry, address, reply_to=enquiry.email)


def _to_adopter(enquiry: Enquiry) -> None:
    _send("answer", enquiry, enquiry.email, reply_to=enquiry.shelter.email)


def _send(name: str, enquiry: Enquiry, to: str, *, reply_to: str = "", token: str = "") -> None:
    message = enquiry.messages.last()
    language = enquiry.language if to == enquiry.email else settings.LANGUAGE_CODE
    try:
        send(
            name,
            to=to,
            language=language,
            context={"enquiry": enquiry, "message": message, "token": token},
            reply_to=reply_to,
        )
    except OSError:
        # The enquiry is stored, and both sides see it on the site.
        log.exception("An e-mail about enquiry %s did not leave", enquiry.pk)
