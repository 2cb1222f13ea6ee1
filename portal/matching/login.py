"""How allauth's pages behave here: where people begin, what they are told, and that what a visitor
kept becomes theirs when they log in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from portal.accounts import audit
from portal.accounts.access import start_page
from portal.accounts.mail import send
from portal.accounts.models import User
from portal.matching.services import claim_favourites

# allauth's e-mails and ours in their place.
LETTERS = {
    "account/email/email_confirmation_signup": "prove_address",
    "account/email/email_confirmation": "prove_address",
    "account/email/password_reset_key": "new_password",
    "account/email/unknown_account": "no_account",
    "account/email/account_already_exists": "account_there",
}


class Adapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _(
            "This e-mail address and password don't belong together. Try again."
        ),
        "too_many_login_attempts": _(
            "That was wrong too often. Wait five minutes, or ask for a new password."
        ),
    }

    def login(self, request: HttpRequest, user: Any) -> None:
        # Logging in gives the session another key.
        key = request.session.session_key
        super().login(request, user)
        if key:
            claim_favourites(owner=user, owner_key=key)
        audit.note(action=audit.Action.LOGGED_IN, by=user)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Noted of an account that there is; what else was tried is nobody's business."""
        address = str(credentials.get("email", ""))
        known = User.objects.filter(email__iexact=address).first()
        if known is not None:
            audit.note(action=audit.Action.LOGIN_FAILED, by=None, about=f"user {known.pk}")

    def set_password(self, user: Any, password: str) -> None:
        super().set_password(user, password)
        audit.note(action=audit.Action.PASSWORD_SET, by=user)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        user = request.user
        return start_page(user) if isinstance(user, User) else reverse("home")

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return reverse("home")

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        user.display_name = form.cleaned_data.get("display_name", "")
        user.language = get_language() or ""
        return super().save_user(request, user, form, commit)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        address = context.get("activate_url") or context.get("password_reset_url") or ""
        path = urlsplit(address).path or reverse("login")
        language = get_language() or settings.LANGUAGE_CODE
        send(LETTERS[template_prefix], to=email, language=language, context={"address": path})
