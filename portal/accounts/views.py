"""Logging in and out."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.utils.translation import gettext_lazy as _

from portal.accounts.access import start_page
from portal.accounts.models import User


class LoginForm(AuthenticationForm):
    username = forms.EmailField(
        label=_("e-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    error_messages = {
        "invalid_login": _("This e-mail address and password don't belong together. Try again."),
        "inactive": _("This account is closed. Please ask your shelter's admin."),
    }


class Login(LoginView):
    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_default_redirect_url(self) -> str:
        user = self.request.user
        return start_page(user) if isinstance(user, User) else super().get_default_redirect_url()
