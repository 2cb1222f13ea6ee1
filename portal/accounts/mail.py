"""E-mails, in text and HTML, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import override


def send(
    name: str,
    *,
    to: str,
    language: str,
    context: Mapping[str, Any],
    unsubscribe: str = "",
    reply_to: str = "",
) -> None:
    """Sends templates/email/NAME.txt, whose first line is the subject, and NAME.html.

    `unsubscribe` is a token for one-click unsubscribing (RFC 8058). Raises OSError where the
    server does not take it.
    """
    told = {**context, "site": settings.SITE_URL, "language": language}
    with override(language):
        subject, _newline, text = render_to_string(f"email/{name}.txt", told).partition("\n")
        html = render_to_string(f"email/{name}.html", {**told, "subject": subject.strip()})
    headers = {}
    if unsubscribe:
        address = f"{settings.SITE_URL}/saved-searches/unsubscribe/?token={quote(unsubscribe)}"
        headers["List-Unsubscribe"] = f"<{address}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = EmailMultiAlternatives(
        " ".join(subject.split()),
        text.strip() + "\n",
        to=[to],
        headers=headers,
        reply_to=[reply_to] if reply_to else None,
    )
    message.attach_alternative(html, "text/html")
    message.send()
