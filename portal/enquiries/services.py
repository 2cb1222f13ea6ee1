"""Writes on enquiries, and the e-mails that carry them."""

from __future__ import annotations

import functools
import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from ml.errors import PawkinError
from portal.accounts.mail import send
from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.enquiries.models import Enquiry, Message
from portal.matching.models import Feedback
from portal.matching.services import match_of, note_feedback

CONFIRM_WITHIN = timedelta(days=2)
# How long the link in an e-mail opens the conversation; every e-mail brings a fresh one.
OPENS_FOR = timedelta(days=180)
# Each new address gets an e-mail, so nobody may have us fill another's mailbox.
ENQUIRIES_AN_HOUR = 5
SALT = "enquiry"
CONVERSATION = "enquiry-conversation"
CAN_BE_ASKED_ABOUT = (Dog.Status.AVAILABLE, Dog.Status.ON_HOLD)

log = logging.getLogger(__name__)


class EnquiryRefused(PawkinError):
    """Codes: dog_gone, too_many_enquiries, link_invalid, enquiry_closed."""


@transaction.atomic
def send_enquiry(
    *,
    dog: Dog,
    user: User | None,
    name: str,
    email: str,
    language: str,
    text: str,
    submission: uuid.UUID | None = None,
    match_id: str = "",
) -> Enquiry:
    """Asks the dog's shelter. A visitor first proves the address by a link in an e-mail; until
    then the shelter sees nothing. The same `submission` again asks nothing twice. `match_id` names
    the match by which the dog was found in an answer, if it was. Raises EnquiryRefused for a dog
    that nobody can adopt, and for an address that asks too often."""
    if dog.status not in CAN_BE_ASKED_ABOUT:
        raise EnquiryRefused("dog_gone", "Ask about another dog.", dog.slug)
    # Of what was typed, so that the same form sent twice is one and a changed one is another.
    pk = uuid.uuid5(submission or uuid.uuid4(), f"{dog.pk} {email} {text}")
    lately = timezone.now() - timedelta(hours=1)
    of_address = Enquiry.objects.filter(email__iexact=email, created_at__gte=lately)
    if of_address.exclude(pk=pk).count() >= ENQUIRIES_AN_HOUR:
        raise EnquiryRefused("too_many_enquiries", "Ask again in an hour.")
    proved = user is not None and user.email.lower() == email.lower()
    enquiry, is_new = Enquiry.objects.get_or_create(
        pk=pk,
        defaults={
            "dog": dog,
            "user": user,
            "shelter": dog.shelter,
            "name": name,
            "email": email,
            "language": language,
            "confirmed_at": timezone.now() if proved else None,
        },
    )
    if not is_new:
        return enquiry
    Message.objects.create(enquiry=enquiry, from_shelter=False, by=user, text=text)
    match = match_of(match_id, dog)
    if match is not None:
        note_feedback(match=match, kind=Feedback.Kind.ENQUIRY)
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
def add_message(*, enquiry: Enquiry, by: User | None, text: str, from_shelter: bool) -> Message:
    """Another word from either side; the other hears of it. Raises EnquiryRefused."""
    if enquiry.state == Enquiry.State.CLOSED:
        raise EnquiryRefused("enquiry_closed", "Open it again first.", str(enquiry.pk))
    message = Message.objects.create(enquiry=enquiry, from_shelter=from_shelter, by=by, text=text)
    state = Enquiry.State.ANSWERED if from_shelter else Enquiry.State.NEW
    set_state(enquiry=enquiry, state=state)
    tell = _to_adopter if from_shelter else _to_shelter
    transaction.on_commit(functools.partial(tell, enquiry))
    return message


def mark_read(*, enquiry: Enquiry) -> None:
    """Somebody of the shelter opened it. An enquiry that is past that stays where it is."""
    if enquiry.state == Enquiry.State.NEW:
        set_state(enquiry=enquiry, state=Enquiry.State.READ)


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


def opens(token: str, enquiry: Enquiry) -> bool:
    """Whether the token of an e-mail opens this conversation."""
    try:
        pk = signing.loads(token, salt=CONVERSATION, max_age=OPENS_FOR)
    except signing.BadSignature:
        return False
    return bool(pk == str(enquiry.pk))


def address_for_adopter(enquiry: Enquiry) -> str:
    """The conversation's path; it opens without a log-in."""
    token = signing.dumps(str(enquiry.pk), salt=CONVERSATION)
    return f"{reverse('enquiry', args=[enquiry.pk])}?{urlencode({'token': token})}"


def _ask(enquiry: Enquiry) -> None:
    address = f"{reverse('confirm_enquiry')}?{urlencode({'token': token_of(enquiry)})}"
    _send("confirm_enquiry", enquiry, enquiry.email, address)


def _to_shelter(enquiry: Enquiry) -> None:
    """To the shelter's address, else to its members'."""
    to = [enquiry.shelter.email] if enquiry.shelter.email else [
        member.user.email for member in enquiry.shelter.memberships.select_related("user")
    ]  # fmt: skip
    for address in to:
        page = reverse("inbox_enquiry", args=[enquiry.pk])
        _send("enquiry", enquiry, address, page, reply_to=enquiry.email)


def _to_adopter(enquiry: Enquiry) -> None:
    address = address_for_adopter(enquiry)
    _send("answer", enquiry, enquiry.email, address, reply_to=enquiry.shelter.email)


def _send(name: str, enquiry: Enquiry, to: str, address: str, *, reply_to: str = "") -> None:
    message = enquiry.messages.last()
    language = enquiry.language if to == enquiry.email else settings.LANGUAGE_CODE
    try:
        send(
            name,
            to=to,
            language=language,
            context={"enquiry": enquiry, "message": message, "address": address},
            reply_to=reply_to,
        )
    except OSError:
        # The enquiry is stored, and both sides see it on the site.
        log.exception("An e-mail about enquiry %s did not leave", enquiry.pk)
