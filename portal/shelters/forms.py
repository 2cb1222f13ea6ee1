"""What is entered about a shelter and about who works for it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from portal.shelters.models import Shelter, ShelterQuerySet


class InviteForm(forms.Form):
    email = forms.EmailField(
        label=_("e-mail address"),
        error_messages={
            "required": _("Enter the address of the person whom you want to invite."),
            "invalid": _("This is no e-mail address. Please look at it again."),
        },
    )
    shelter = forms.ModelChoiceField(label=_("shelter"), queryset=Shelter.objects.none())

    def __init__(self, data: Any = None, *, shelters: ShelterQuerySet) -> None:
        super().__init__(data)
        chooser = self.fields["shelter"]
        assert isinstance(chooser, forms.ModelChoiceField)
        chooser.queryset = shelters
        if len(shelters) == 1:
            chooser.widget = forms.HiddenInput()
            self.initial["shelter"] = shelters[0].pk


class JoinForm(forms.Form):
    """The account of somebody who was invited and has none."""

    name = forms.CharField(
        label=_("your name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Tell your colleagues what to call you.")},
    )
    password = forms.CharField(
        label=_("password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": _("Choose a password.")},
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class ShelterForm(forms.ModelForm):
    class Meta:
        model = Shelter
        fields = ("name", "city", "address", "phone", "email", "opening_hours")
        error_messages = {
            "name": {"required": _("A shelter needs a name.")},
            "email": {"invalid": _("This is no e-mail address. Please look at it again.")},
        }
