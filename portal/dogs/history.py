"""What was changed of a dog, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from portal.dogs.models import Breed, Colour, Dog, DogChange
from portal.dogs.temperament import Answer, Trait

# Letters of a description that a line shows.
SHOWN = 80


@dataclass(frozen=True)
class Line:
    """One change; `before` and `after` are empty where the words of `what` say it all."""

    dog: Dog
    at: datetime
    who: str
    what: str
    before: str = ""
    after: str = ""


def lines(changes: Iterable[DogChange]) -> list[Line]:
    """The changes as they come; their `dog` and `by` should be loaded with them."""
    found = list(changes)
    slugs = {
        slug
        for change in found
        if change.field == "breeds"
        for slug in [*(change.before or []), *(change.after or [])]
    }
    names = {row.slug: str(row) for row in Breed.objects.filter(slug__in=slugs)} if slugs else {}
    return [line(change, names) for change in found]


def line(change: DogChange, breeds: dict[str, str]) -> Line:
    who = str(change.by) if change.by else _("a feed or a program")
    if change.field == "created":
        return Line(change.dog, change.at, who, _("entered"))
    if change.field == "photo_cropped":
        return Line(change.dog, change.at, who, _("a photo cropped"))
    if change.field == "photo_order":
        return Line(change.dog, change.at, who, _("order of the photos"))
    before, after = (words(change.field, v, breeds) for v in (change.before, change.after))
    return Line(change.dog, change.at, who, label(change.field), before, after)


def label(field: str) -> str:
    if field == "photos":
        return _("photos")
    if field in Trait.values:
        return str(Trait(field).label)
    named = {
        "breeds": _("breed"),
        "external_id": _("number in its source"),
        "temperament": _("temperament"),
    }
    if field in named:
        return named[field]
    return str(getattr(Dog._meta.get_field(field), "verbose_name", field))


def words(field: str, value: Any, breeds: dict[str, str]) -> str:
    """A stored value as people say it."""
    if value is None or value in ("", []):
        return pgettext("answer", "unknown") if field in Trait.values else _("empty")
    if isinstance(value, bool):
        return str(Answer.YES.label if value else Answer.NO.label)
    if field in Trait.values:
        return str(Answer(value).label) if value in Answer.values else str(value)
    choices = {
        "status": Dog.Status,
        "sex": Dog.Sex,
        "birth_precision": Dog.BirthPrecision,
    }.get(field)
    if choices is not None:
        return str(choices(value).label)
    if field == "breeds":
        return ", ".join(breeds.get(slug, slug) for slug in value)
    if field == "colours":
        return ", ".join(str(Colour(c).label) if c in Colour.values else str(c) for c in value)
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if field == "weight_kg":
        return _("%(weight)s kg") % {"weight": number_format(f"{Decimal(value).normalize():f}")}
    if field == "birth_date":
        return date_format(date.fromisoformat(value))
    return Truncator(str(value)).chars(SHOWN)
