"""Filters as parameters of a call: those of the pages, but a wrong value is said, not dropped."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from portal.dogs.models import Breed, Colour
from portal.dogs.temperament import ANSWER_TRAITS, SCALE_TRAITS
from portal.matching.filters import (
    DISTANCES,
    MIXED,
    SEXES,
    Age,
    Filters,
    Size,
    YesNo,
    read_place,
)
from portal.shelters.models import Shelter

LEVELS = r"^[1-5](-[1-5])?$"


class Slugs(serializers.ListField):
    """Slugs of rows that exist."""

    def __init__(self, model: Any, besides: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.model, self.besides = model, besides
        super().__init__(child=serializers.CharField(max_length=140), **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        slugs = super().to_internal_value(data)
        there = set(self.model.objects.filter(slug__in=slugs).values_list("slug", flat=True))
        unknown = [slug for slug in slugs if slug not in there and slug not in self.besides]
        if unknown:
            raise serializers.ValidationError(
                f"There is no {self.model.__name__.lower()} {', '.join(unknown)}."
            )
        return slugs


class WishesSerializer(serializers.Serializer[Any]):
    """What a dog shall be like besides its looks. Unknown facts never hide a dog, unless
    `unknown=no` says so."""

    sex = serializers.ChoiceField([(s.value, s.label) for s in SEXES], required=False)
    neutered = serializers.ChoiceField(YesNo.choices, required=False)
    size = serializers.MultipleChoiceField(choices=Size.choices, required=False)
    age = serializers.MultipleChoiceField(choices=Age.choices, required=False)
    shelter = Slugs(Shelter, required=False)
    breed = Slugs(Breed, besides=(MIXED,), required=False, help_text="slugs; `mixed` is one too")
    colour = serializers.MultipleChoiceField(choices=Colour.choices, required=False)
    near = serializers.CharField(
        max_length=60, required=False, help_text="`gyeonggi-suwon` or `37.28,127.01`"
    )
    within = serializers.ChoiceField(
        [(str(km), km) for km in DISTANCES], required=False, help_text="kilometres around `near`"
    )
    since = serializers.DateField(required=False, help_text="in its shelter since this day")
    q = serializers.CharField(
        max_length=60, required=False, allow_blank=True,
        help_text="words of its name or breed, English or Korean",
    )  # fmt: skip
    unknown = serializers.ChoiceField(YesNo.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for trait in ANSWER_TRAITS:
            fields[trait.value] = serializers.ChoiceField(["yes"], required=False)
        for trait in SCALE_TRAITS:
            fields[trait.value] = serializers.RegexField(
                LEVELS, required=False, help_text="a level from 1 to 5, or a range: 2-4"
            )
        return fields

    def validate_near(self, value: str) -> str:
        if not read_place(value):
            raise serializers.ValidationError("Name a place by its slug, or latitude,longitude.")
        return value

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        for trait in SCALE_TRAITS:
            low, _dash, high = str(values.get(trait.value, "")).partition("-")
            if high and int(low) > int(high):
                raise serializers.ValidationError({trait.value: "The lower level comes first."})
        return values

    class Meta:
        ref_name = "Wishes"


NAMES = tuple(WishesSerializer().fields)


def read_wishes(params: QueryDict) -> Filters:
    """Raises ValidationError for values that do not exist."""
    WishesSerializer(data=params).is_valid(raise_exception=True)
    return Filters.from_params(params)
