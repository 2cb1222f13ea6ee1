"""The filter form's groups of choices, with what is chosen now."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.dogs.models import Breed, Colour, Dog
from portal.dogs.temperament import ANSWER_TRAITS, SCALE_TRAITS, Trait
from portal.matching.filters import (
    DISTANCES,
    MIXED,
    SEXES,
    USUAL_DISTANCE,
    Age,
    Chip,
    Filters,
    Size,
    Sort,
    YesNo,
)
from portal.matching.presentation import ICONS
from portal.shelters.models import Shelter
from portal.shelters.places import places

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

# Offered as one tap beside the filters in force: what adopters ask about most.
SUGGESTED = (
    Trait.GOOD_WITH_CHILDREN,
    Trait.GOOD_WITH_DOGS,
    Trait.GOOD_WITH_CATS,
    Trait.HOUSE_TRAINED,
)

LEVELS: dict[Trait, tuple[tuple[tuple[int, int], StrPromise], ...]] = {
    Trait.ENERGY: (
        ((1, 2), pgettext_lazy("energy", "calm")),
        ((3, 3), pgettext_lazy("energy", "medium")),
        ((4, 5), pgettext_lazy("energy", "lively")),
    ),
    Trait.SOCIABILITY: (
        ((1, 2), pgettext_lazy("sociability", "shy")),
        ((3, 3), pgettext_lazy("sociability", "relaxed")),
        ((4, 5), pgettext_lazy("sociability", "outgoing")),
    ),
    Trait.AFFINITY: (
        ((1, 2), pgettext_lazy("affinity", "independent")),
        ((3, 3), pgettext_lazy("affinity", "balanced")),
        ((4, 5), pgettext_lazy("affinity", "devoted")),
    ),
}

ANY = _("any")


@dataclass(frozen=True)
class Option:
    name: str
    value: str
    label: StrPromise | str
    chosen: bool


@dataclass(frozen=True)
class Group:
    label: StrPromise | str
    options: list[Option]


@dataclass(frozen=True)
class Suggestion:
    label: StrPromise | str
    icon: str
    params_with: str


class Choices:
    """All groups for these filters. Shelters and breeds cost one query each."""

    def __init__(self, filters: Filters) -> None:
        self.filters = filters

    @cached_property
    def chips(self) -> list[Chip]:
        return self.filters.active()

    @property
    def suggestions(self) -> list[Suggestion]:
        traits = self.filters.traits
        return [
            Suggestion(
                trait.label,
                ICONS[trait],
                dataclasses.replace(self.filters, traits={**traits, trait.value: "yes"}).params(),
            )
            for trait in SUGGESTED
            if trait.value not in traits
        ]

    @property
    def traits(self) -> list[Option]:
        return [Option(t, "yes", t.label, t.value in self.filters.traits) for t in ANSWER_TRAITS]

    @property
    def scales(self) -> list[Group]:
        return [Group(trait.label, list(self._levels(trait))) for trait in SCALE_TRAITS]

    def _levels(self, trait: Trait) -> Iterable[Option]:
        wanted = self.filters.levels.get(trait)
        yield Option(trait, "", ANY, wanted is None)
        known = dict(LEVELS[trait])
        if wanted and wanted not in known:
            known[wanted] = f"{wanted[0]}–{wanted[1]}"  # type: ignore[assignment]
        for (low, high), label in known.items():
            yield Option(trait, f"{low}-{high}", label, wanted == (low, high))

    @property
    def sexes(self) -> list[Option]:
        wanted = self.filters.sex
        known = [Option("sex", s.value, Dog.Sex(s).label, wanted == s) for s in SEXES]
        return [Option("sex", "", ANY, not wanted), *known]

    @property
    def neutered(self) -> list[Option]:
        wanted = self.filters.neutered
        known = [Option("neutered", a.value, a.label, wanted == a) for a in YesNo]
        return [Option("neutered", "", ANY, not wanted), *known]

    @property
    def sizes(self) -> list[Option]:
        return [Option("size", s.value, s.label, s.value in self.filters.size) for s in Size]

    @property
    def ages(self) -> list[Option]:
        return [Option("age", a.value, a.label, a.value in self.filters.age) for a in Age]

    @cached_property
    def shelters(self) -> list[Option]:
        wanted = self.filters.shelter
        shelters = Shelter.objects.filter(dogs__status=Dog.Status.AVAILABLE).distinct()
        return [Option("shelter", s.slug, s.name, s.slug in wanted) for s in shelters]

    @cached_property
    def _listed_breeds(self) -> list[Breed]:
        return list(Breed.objects.filter(dogs__status=Dog.Status.AVAILABLE).distinct())

    @property
    def breed_names(self) -> list[str]:
        """Of breeds that are listed, in both languages."""
        names = {n for b in self._listed_breeds for n in (b.name_ko, b.name_en) if n}
        return sorted(names)

    @cached_property
    def breeds(self) -> list[Option]:
        wanted = self.filters.breed
        options = [Option("breed", b.slug, str(b), b.slug in wanted) for b in self._listed_breeds]
        mixed = Option("breed", MIXED, _("mixed breed"), MIXED in wanted)
        return [mixed, *sorted(options, key=lambda option: str(option.label))]

    @property
    def colours(self) -> list[Option]:
        wanted = self.filters.colour
        return [Option("colour", c.value, c.label, c.value in wanted) for c in Colour]

    @property
    def near(self) -> list[Option]:
        """Places by their names in the reader's language; a point of the browser stands first."""
        wanted = self.filters.near
        options = [Option("near", p.slug, str(p), p.slug == wanted) for p in places().values()]
        options.sort(key=lambda option: str(option.label))
        if wanted and wanted not in places():
            options.insert(0, Option("near", wanted, self.filters.place_name, True))
        return options

    @property
    def distances(self) -> list[Option]:
        wanted = self.filters.within or USUAL_DISTANCE
        return [
            Option("within", str(km), _("%(km)d km") % {"km": km}, km == wanted) for km in DISTANCES
        ]

    @property
    def sorts(self) -> list[Option]:
        """The first one is what stands where nothing is chosen."""
        wanted = self.filters.sort
        known = [s for s in Sort if s != Sort.NEAREST or self.filters.near]
        return [Option("sort", s.value, s.label, s.value == wanted) for s in known]
