"""What people enter about themselves."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.accounts.models import User


class LoginForm(allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("e-mail address")
        self.fields["login"].widget.attrs = {"autocomplete": "username", "autofocus": True}
        self.fields["password"].label = _("password")
        self.fields["password"].help_text = ""
        self.fields["password"].widget.attrs = {"autocomplete": "current-password"}


class SignupForm(allauth_forms.SignupForm):
    display_name = forms.CharField(
        label=_("name"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("As shelters should call you. You may leave it empty."),
    )

    field_order = ("display_name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("e-mail address")
        self.fields["email"].widget.attrs = {"autocomplete": "email"}
        self.fields["password1"].label = _("password")
        self.fields["password1"].widget.attrs = {"autocomplete": "new-password"}


class AccountForm(forms.ModelForm):
    language = forms.ChoiceField(
        label=_("language of our e-mails"),
        choices=[("", pgettext_lazy("language", "that of the page")), *settings.LANGUAGES],
        required=False,
    )

    class Meta:
        model = User
        fields = ("display_name", "language")
