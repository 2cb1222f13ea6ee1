"""Five either/or questions instead of filters. Answers become filters in the address, and nothing
of them is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from portal.dogs.temperament import Trait
from portal.matching.filters import Filters

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise


@dataclass(frozen=True)
class Side:
    """One of two answers, and what it asks of a dog: traits that are yes, levels of a scale."""

    value: str
    label: StrPromise
    traits: tuple[Trait, ...] = ()
    levels: tuple[tuple[Trait, tuple[int, int]], ...] = ()


@dataclass(frozen=True)
class Question:
    name: str
    label: StrPromise
    sides: tuple[Side, Side]


QUESTIONS = (
    Question(
        "home",
        _("Who is at home?"),
        (
            Side("children", _("Children, or they visit often"), (Trait.GOOD_WITH_CHILDREN,)),
            Side("adults", _("Adults only")),
        ),
    ),
    Question(
        "company",
        _("Does another animal live with you?"),
        (
            Side("dog", _("Yes, a dog"), (Trait.GOOD_WITH_DOGS,)),
            Side("none", _("No other dog")),
        ),
    ),
    Question(
        "day",
        _("What does a good day look like?"),
        (
            Side("active", _("Long walks and play"), levels=((Trait.ENERGY, (4, 5)),)),
            Side("calm", _("A short walk and the sofa"), levels=((Trait.ENERGY, (1, 3)),)),
        ),
    ),
    Question(
        "bond",
        _("How close should it be?"),
        (
            Side("devoted", _("Always by my side"), levels=((Trait.AFFINITY, (4, 5)),)),
            Side("independent", _("Happy with its own corner"), levels=((Trait.AFFINITY, (1, 3)),)),
        ),
    ),
    Question(
        "time",
        _("How much can you teach it?"),
        (
            Side("trained", _("It should be house-trained already"), (Trait.HOUSE_TRAINED,)),
            Side("patient", _("I have time to teach")),
        ),
    ),
)

# Where the answers may lead: a list, or the answer to a photo or a dog.
PAGES = re.compile(r"/(?:dogs/(?:[\w-]+/similar/)?|search/[0-9a-f-]{36}/)")


@require_safe
def survey(request: HttpRequest) -> HttpResponse:
    """The questions; with answers in the address, the list under the filters they make."""
    page = request.GET.get("next", "")
    page = page if PAGES.fullmatch(page) else reverse("browse")
    answers = {question.name: request.GET.get(question.name, "") for question in QUESTIONS}
    if request.GET.get("done") == "yes":
        params = wishes(answers).params()
        return redirect(f"{page}?{params}" if params else page)
    return render(request, "pages/survey.html", {"questions": QUESTIONS, "next": page})


def wishes(answers: dict[str, str]) -> Filters:
    """Filters that the answers make; a question passed over asks nothing."""
    filters = Filters()
    for question in QUESTIONS:
        for side in question.sides:
            if answers.get(question.name) == side.value:
                traits = {**filters.traits, **{trait.value: "yes" for trait in side.traits}}
                levels = {**filters.levels, **{t.value: level for t, level in side.levels}}
                filters = replace(filters, traits=traits, levels=levels)
    return filters
