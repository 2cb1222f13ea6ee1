"""A dog's facts as people say them."""

from __future__ import annotations

from datetime import date

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.dogs.models import Dog


def age_today(birth: date, precision: str) -> tuple[int, int | None]:
    """Years and months; no months where only the year of birth is known."""
    today = timezone.localdate()
    months = max(0, (today.year - birth.year) * 12 + today.month - birth.month)
    if precision == Dog.BirthPrecision.DAY and today.day < birth.day and months:
        months -= 1
    if precision == Dog.BirthPrecision.YEAR:
        return months // 12, None
    return months // 12, months % 12


def age_words(dog: Dog) -> str:
    """“7 months”, “3 years”, “about 3 years”; empty where unknown."""
    if dog.birth_date is None:
        return ""
    years, months = age_today(dog.birth_date, dog.birth_precision)
    if years:
        words = ngettext("%(count)d year", "%(count)d years", years) % {"count": years}
    elif months is None:
        words = _("under 1 year")
    else:
        words = ngettext("%(count)d month", "%(count)d months", months) % {"count": months}
    if years and months is None:
        return _("about %(age)s") % {"age": words}
    return words


def weight_words(dog: Dog) -> str:
    """“8.8 kg”; empty where unknown."""
    if dog.weight_kg is None:
        return ""
    return _("%(weight)s kg") % {"weight": number_format(f"{dog.weight_kg.normalize():f}")}


def facts_line(dog: Dog) -> str:
    """Age, sex and weight with dots between, what is unknown left out."""
    sex = "" if dog.sex == Dog.Sex.UNKNOWN else str(dog.get_sex_display())
    return " · ".join(part for part in (age_words(dog), sex, weight_words(dog)) if part)
