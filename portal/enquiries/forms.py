"""What people write: a first question, and every further word."""

from __future__ import annotations

import uuid

from django import forms
from django.utils.translation import gettext_lazy as _

LETTERS = 4000
NO_WORDS = _("Write a sentence or two, so that the other side can answer.")


class Words(forms.Textarea):
    def __init__(self) -> None:
        super().__init__(attrs={"rows": 5, "maxlength": LETTERS})


class MessageForm(forms.Form):
    text = forms.CharField(
        label=_("Your message"),
        max_length=LETTERS,
        widget=Words,
        error_messages={"required": NO_WORDS},
    )


class AskForm(MessageForm):
    """`submission` makes one enquiry of a form that is sent twice. `website` stays empty: people
    do not see it, programs that fill in every field do."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Tell the shelter what to call you.")},
    )
    email = forms.EmailField(
        label=_("Your e-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": _("Enter the address that the answer may go to."),
            "invalid": _("This is no e-mail address. Please look at it again."),
        },
    )
    website = forms.CharField(required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    submission = forms.UUIDField(widget=forms.HiddenInput, required=False)

    field_order = ("text", "name", "email")

    def clean_submission(self) -> uuid.UUID:
        return self.cleaned_data["submission"] or uuid.uuid4()

    @property
    def by_a_program(self) -> bool:
        return bool(self.data.get("website"))
