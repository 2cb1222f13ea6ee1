"""Forms of staff on feeds and tables; what they need of each kind is that of its source."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from portal.feeds.models import Feed
from portal.shelters.models import Shelter, ShelterQuerySet

EVERY = {1: _("every hour"), 6: _("every 6 hours"), 24: _("every day"), 168: _("every week")}
KEPT = _("Empty: the key that is stored stays.")


class ArchiveForm(forms.Form):
    shelter = forms.ModelChoiceField(
        label=_("shelter"),
        queryset=Shelter.objects.none(),
        error_messages={"required": _("Choose the shelter whose dogs these are.")},
    )
    archive = forms.FileField(
        label=_("ZIP archive"),
        help_text=_("dogs.csv and the photos it names."),
        widget=forms.FileInput(attrs={"accept": ".zip,application/zip"}),
        error_messages={
            "required": _("Choose a ZIP archive with dogs.csv and the photos."),
            "empty": _("This file is empty. Choose a ZIP archive with dogs.csv and the photos."),
        },
    )
    whole = forms.BooleanField(
        label=_("These are all our dogs: withdraw those of earlier tables that are not in it"),
        required=False,
    )

    def __init__(self, data: Any = None, files: Any = None, *, shelters: ShelterQuerySet) -> None:
        super().__init__(data, files)
        choose(self, shelters)


class FeedForm(forms.Form):
    """What every feed has; the kinds add what their sources need."""

    name = forms.CharField(
        label=_("name"),
        max_length=80,
        help_text=_("To tell it by, if there are several."),
        error_messages={"required": _("Give it a name, to tell it by later.")},
    )
    shelter = forms.ModelChoiceField(label=_("shelter"), queryset=Shelter.objects.none())
    every_hours = forms.TypedChoiceField(
        label=_("read it"),
        coerce=int,
        empty_value=None,
        required=False,
        choices=[("", _("only when asked")), *EVERY.items()],
        initial=24,
    )
    enabled = forms.BooleanField(label=_("in use"), required=False, initial=True)

    settings_of: tuple[str, ...] = ()

    def __init__(
        self, data: Any = None, *, shelters: ShelterQuerySet, feed: Feed | None = None
    ) -> None:
        initial = {}
        if feed is not None:
            names = ("name", "shelter", "every_hours", "enabled")
            initial = {name: getattr(feed, name) for name in names} | dict(feed.settings)
        super().__init__(data, initial=initial)
        self.feed = feed
        # Where it is and how to get in, before how often.
        self.order_fields(["name", "shelter", *self.settings_of, "key"])
        choose(self, shelters)
        if feed is not None:
            # Its dogs are that shelter's.
            del self.fields["shelter"]
            if "key" in self.fields:
                self.fields["key"].required = False
                self.fields["key"].help_text = KEPT
        hours = initial.get("every_hours")
        if hours is not None and hours not in EVERY:
            # Chosen through the API.
            chooser = self.fields["every_hours"]
            assert isinstance(chooser, forms.ChoiceField)
            words = _now("every %(n)d hours") % {"n": hours}
            chooser.choices = [("", _now("only when asked")), *EVERY.items(), (hours, words)]

    def clean(self) -> dict[str, Any]:
        shelter = self.feed.shelter if self.feed else self.cleaned_data.get("shelter")
        name = self.cleaned_data.get("name")
        if shelter and name:
            others = Feed.objects.filter(shelter=shelter, name=name)
            if self.feed:
                others = others.exclude(pk=self.feed.pk)
            if others.exists():
                self.add_error("name", _("There is a feed of this name already. Choose another."))
        return self.cleaned_data

    def settings(self) -> dict[str, Any]:
        """What the source is told, over what the form does not know of."""
        told = {name: self.cleaned_data.get(name, "") for name in self.settings_of}
        return {**(self.feed.settings if self.feed else {}), **told}

    def entered_key(self) -> str | None:
        """None where the stored one stays."""
        return self.cleaned_data.get("key") or None


def address_field(label: Any, help_text: Any = "") -> forms.URLField:
    return forms.URLField(
        label=label,
        max_length=500,
        assume_scheme="https",
        help_text=help_text,
        error_messages={
            "required": _("Enter the address, beginning with https://."),
            "invalid": _("This is no address. It begins with https://."),
        },
    )


def key_field(label: Any, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=500,
        required=required,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Without it the source answers nobody. Enter it.")},
    )


class DataGoKrForm(FeedForm):
    settings_of = ("care_reg_no", "upr_cd", "org_cd")

    care_reg_no = forms.CharField(
        label=_("shelter's number (care_reg_no)"), max_length=40, required=False
    )
    upr_cd = forms.CharField(label=_("or province (upr_cd)"), max_length=20, required=False)
    org_cd = forms.CharField(label=_("and town (org_cd)"), max_length=20, required=False)
    key = key_field(_("service key of data.go.kr"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not (cleaned.get("care_reg_no") or cleaned.get("upr_cd")):
            words = _("Enter the shelter's number or a province, or all of Korea is read.")
            self.add_error("care_reg_no", words)
        return cleaned


class Asm3Form(FeedForm):
    settings_of = ("address", "account", "username", "weight_unit", "by_api_key")

    address = address_field(_("address of the service"), _("It ends with /service."))
    account = forms.CharField(
        label=_("account"), max_length=80, required=False, help_text=_("On hosted sites only.")
    )
    username = forms.CharField(label=_("user name"), max_length=80, required=False)
    by_api_key = forms.BooleanField(
        label=_("an API key instead of user name and password"), required=False
    )
    key = key_field(_("password or API key"))
    weight_unit = forms.ChoiceField(
        label=_("weights are in"), choices=[("kg", "kg"), ("lb", "lb")], initial="kg"
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned.get("by_api_key") and not cleaned.get("username"):
            self.add_error("username", _("Enter the user name, or choose an API key."))
        return cleaned


class RescueGroupsForm(FeedForm):
    settings_of = ("organisation",)

    organisation = forms.CharField(
        label=_("organisation's number"),
        max_length=40,
        error_messages={"required": _("Enter the number of your organisation at RescueGroups.")},
    )
    key = key_field(_("API key"))


class CsvZipForm(FeedForm):
    settings_of = ("address",)

    address = address_field(_("address of the ZIP archive"), _("With dogs.csv and the photos."))
    key = key_field(_("bearer token, if it asks for one"), required=False)


FORMS: dict[str, type[FeedForm]] = {
    Feed.Kind.DATAGOKR: DataGoKrForm,
    Feed.Kind.ASM3: Asm3Form,
    Feed.Kind.RESCUEGROUPS: RescueGroupsForm,
    Feed.Kind.CSVZIP: CsvZipForm,
}


def choose(form: forms.Form, shelters: ShelterQuerySet) -> None:
    """Lets one of these shelters be chosen; a single one is nothing to ask."""
    chooser = form.fields["shelter"]
    assert isinstance(chooser, forms.ModelChoiceField)
    chooser.queryset = shelters
    if len(shelters) == 1:
        chooser.widget = forms.HiddenInput()
        form.initial["shelter"] = shelters[0].pk
