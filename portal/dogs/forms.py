"""What staff type about a dog, checked; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.dogs.models import Breed, Colour, Dog
from portal.dogs.temperament import ANSWER_TRAITS, SCALE, SCALE_TRAITS, Answer, Trait
from portal.dogs.words import age_today
from portal.shelters.models import Shelter

MAX_AGE_YEARS = 30
MAX_TAGS = 12
MAX_TAG_LENGTH = 30


class BreedsField(forms.CharField):
    """Breed names with commas between them, in English or Korean; cleans to a list of Breed."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return ", ".join(str(breed) for breed in value)
        return value

    def clean(self, value: Any) -> list[Breed]:
        names = split(super().clean(value))
        if not names:
            return []
        wanted = {name.lower(): name for name in names}
        found: dict[str, Breed] = {}
        rows = Breed.objects.annotate(en=Lower("name_en"), ko=Lower("name_ko"))
        for breed in rows.filter(Q(en__in=wanted) | Q(ko__in=wanted)):
            found.setdefault(breed.name_en.lower(), breed)
            found.setdefault(breed.name_ko.lower(), breed)
        unknown = [name for key, name in wanted.items() if key not in found]
        if unknown:
            raise forms.ValidationError(
                _("We don't know the breed “%(breed)s”. Choose one from the list or leave it out."),
                code="unknown_breed",
                params={"breed": "”, “".join(unknown)},
            )
        return list(dict.fromkeys(found[key] for key in wanted))


class TagsField(forms.CharField):
    """Words with commas between them; cleans to a list of str."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, (list, tuple)) else value

    def clean(self, value: Any) -> list[str]:
        tags = split(super().clean(value))
        if len(tags) > MAX_TAGS:
            raise forms.ValidationError(
                _("At most %(count)d tags, please."),
                code="too_many_tags",
                params={"count": MAX_TAGS},
            )
        if any(len(tag) > MAX_TAG_LENGTH for tag in tags):
            raise forms.ValidationError(
                _("A tag can have at most %(count)d letters."),
                code="tag_too_long",
                params={"count": MAX_TAG_LENGTH},
            )
        return tags


def split(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


class PhotosInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Any number of files; cleans to a list. Whether they are photos is the service's question."""

    widget = PhotosInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        return [file for file in data or [] if file]


YES_NO_UNKNOWN = [
    ("yes", pgettext_lazy("answer", "yes")),
    ("no", pgettext_lazy("answer", "no")),
    ("unknown", pgettext_lazy("answer", "unknown")),
]
AS_BOOLEAN: dict[str, bool | None] = {"yes": True, "no": False, "unknown": None}


class DogForm(forms.ModelForm):
    """Facts of a dog. Its age is asked as people say it; an exact birth date is the exception."""

    breeds = BreedsField(
        label=_("breed"),
        required=False,
        widget=forms.TextInput(attrs={"list": "breeds", "autocomplete": "off"}),
    )
    colours = forms.MultipleChoiceField(
        label=_("colours"),
        choices=Colour.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    sex = forms.ChoiceField(
        label=_("sex"),
        choices=Dog.Sex.choices,
        initial=Dog.Sex.UNKNOWN,
        widget=forms.RadioSelect,
    )
    neutered = forms.TypedChoiceField(
        label=_("neutered"),
        choices=YES_NO_UNKNOWN,
        coerce=AS_BOOLEAN.__getitem__,
        empty_value=None,
        required=False,
        widget=forms.RadioSelect,
    )
    age_years = forms.IntegerField(
        label=_("years"), required=False, min_value=0, max_value=MAX_AGE_YEARS
    )
    age_months = forms.IntegerField(label=_("months"), required=False, min_value=0, max_value=11)
    tags = TagsField(
        label=_("tags"), required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = Dog
        fields: ClassVar = [
            "name",
            "sex",
            "birth_date",
            "weight_kg",
            "breeds",
            "mixed",
            "colours",
            "neutered",
            "health",
            "description",
            "tags",
        ]
        widgets: ClassVar = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "birth_date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "weight_kg": forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
            "health": forms.Textarea(attrs={"rows": 2}),
            "description": forms.Textarea(attrs={"rows": 4}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dog = self.instance
        # Validation writes what was typed into the instance.
        self.born = dog.birth_date, dog.birth_precision
        self.initial["neutered"] = {True: "yes", False: "no", None: "unknown"}[dog.neutered]
        if dog.birth_date and dog.birth_precision != Dog.BirthPrecision.DAY:
            years, months = age_today(dog.birth_date, dog.birth_precision)
            self.initial.update(age_years=years, age_months=months, birth_date=None)
        if dog.weight_kg is not None:
            self.initial["weight_kg"] = f"{dog.weight_kg.normalize():f}"
        self.fields["name"].error_messages["required"] = _("A dog needs a name, if only for now.")
        weight = self.fields["weight_kg"]
        weight.validators += [
            MinValueValidator(0.1, _("A dog weighs more than that. Please write kilograms.")),
            MaxValueValidator(120, _("No dog weighs more than 120 kg. Please write kilograms.")),
        ]
        # The two limits above speak; the widget's own would only say "out of range".
        weight.widget.attrs["min"] = "0.1"

    def clean_birth_date(self) -> date | None:
        birth: date | None = self.cleaned_data["birth_date"]
        if birth and birth > timezone.localdate():
            raise forms.ValidationError(_("This date is in the future."), code="future_date")
        return birth

    def facts(self) -> dict[str, Any]:
        """Dog fields for the services; the birth date with how exactly it is known."""
        values = {name: self.cleaned_data[name] for name in DogForm.Meta.fields}
        years, months = self.cleaned_data["age_years"], self.cleaned_data["age_months"]
        birth: date | None = values["birth_date"]
        if birth:
            values["birth_precision"] = Dog.BirthPrecision.DAY
        elif years is None and months is None:
            values["birth_precision"] = Dog.BirthPrecision.YEAR
        elif self.born[0] and not {"age_years", "age_months"} & set(self.changed_data):
            # Saved again unchanged, an age in round years must not move the birth date.
            values["birth_date"], values["birth_precision"] = self.born
        else:
            values["birth_date"] = months_ago((years or 0) * 12 + (months or 0))
            values["birth_precision"] = (
                Dog.BirthPrecision.YEAR if months is None else Dog.BirthPrecision.MONTH
            )
        return values


def months_ago(months: int) -> date:
    """The first day of the month so many months before this one."""
    today = timezone.localdate()
    number = today.year * 12 + today.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


class TemperamentForm(forms.Form):
    """Every trait with its answers; "unknown" is one of them and the normal case."""

    UNKNOWN: ClassVar = ("", pgettext_lazy("answer", "unknown"))

    def __init__(self, data: Any = None, *, values: Mapping[str, str | int] | None = None) -> None:
        super().__init__(data, initial=dict(values or {}))
        for trait in Trait:
            if trait in SCALE_TRAITS:
                choices = [self.UNKNOWN, *((str(level), str(level)) for level in SCALE)]
            else:
                choices = [*Answer.choices, self.UNKNOWN]
            self.fields[trait.value] = forms.ChoiceField(
                label=trait.label, choices=choices, required=False, widget=forms.RadioSelect
            )

    def values(self) -> dict[str, str | int | None]:
        """Trait → answer or level, None for unknown."""
        given = {trait: self.cleaned_data[trait] or None for trait in self.fields}
        return {t: int(v) if v and t in SCALE_TRAITS else v for t, v in given.items()}

    def answers(self) -> list[forms.BoundField]:
        return [self[trait.value] for trait in ANSWER_TRAITS]

    def scales(self) -> list[forms.BoundField]:
        return [self[trait.value] for trait in SCALE_TRAITS]


class NewDogForm(DogForm):
    shelter = forms.ModelChoiceField(label=_("shelter"), queryset=Shelter.objects.none())
    photos = PhotosField(label=_("photos"), required=False)
    # Sent with the form and kept with the dog, so that the same form sent twice makes one dog.
    submission = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, shelters: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chooser = self.fields["shelter"]
        assert isinstance(chooser, forms.ModelChoiceField)
        chooser.queryset = shelters
        if len(shelters) == 1:
            chooser.widget = forms.HiddenInput()
            self.initial["shelter"] = shelters[0].pk

    @property
    def publishes(self) -> bool:
        """Which of the two buttons was pressed."""
        return self.data.get("action") == "publish"

    @property
    def uploads(self) -> list[str]:
        """Ids of photos that came in pieces before the form."""
        return list(self.data.getlist("uploads"))  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.publishes and not values.get("photos") and not self.uploads:
            self.add_error(
                "photos",
                forms.ValidationError(
                    _("Add at least one photo, or save as a draft."), code="no_photo"
                ),
            )
        return values


class BondForm(forms.Form):
    other = forms.ModelChoiceField(
        label=_("bonded with"),
        queryset=Dog.objects.none(),
        required=False,
        empty_label=pgettext_lazy("bonded with", "no other dog"),
    )

    def __init__(self, data: Any = None, *, dog: Dog) -> None:
        super().__init__(data, initial={"other": dog.bonded_with_id})
        free = Dog.objects.filter(shelter=dog.shelter, bonded_with=None)
        own = Dog.objects.filter(pk=dog.bonded_with_id or 0)
        chooser = self.fields["other"]
        assert isinstance(chooser, forms.ModelChoiceField)
        chooser.queryset = (free | own).exclude(pk=dog.pk).order_by("name")
