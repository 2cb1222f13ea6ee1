"""What an adopter asks for besides looks, as it stands in the address of a page.

"Unknown" is the normal case in a shelter, so a wish never hides a dog of whom the answer is not
known unless that is asked for: `include_unknown` is one switch for temperament, sex, size, age and
neutering alike. Breed and shelter are left out of it: a dog without a breed is simply not of one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, TextField, Value, When
from django.db.models.functions import Cast
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.dogs.models import Breed, Colour, Dog, DogQuerySet, TemperamentValue
from portal.dogs.temperament import ANSWER_TRAITS, SCALE, SCALE_TRAITS, Answer, Trait
from portal.shelters.models import Shelter
from portal.shelters.places import Point, places

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

# Wishes that may have several answers at once.
# What is looked for in names: so many words, of so many letters together.
WORDS, WORDS_LETTERS = 4, 60

LISTS = ("size", "age", "shelter", "breed", "colour")

LOWEST, HIGHEST = SCALE.start, SCALE.stop - 1


class Size(models.TextChoices):
    XS = "xs", _("under 4 kg")
    S = "s", _("4–8 kg")
    M = "m", _("8–15 kg")
    L = "l", _("15–25 kg")
    XL = "xl", _("25 kg and more")


# Kilograms, from and below. Half of the dogs in Korea's shelters weigh less than 5 kg, so bands
# made for large dogs would put nearly all of them into one.
WEIGHTS: dict[str, tuple[int | None, int | None]] = {
    Size.XS: (None, 4),
    Size.S: (4, 8),
    Size.M: (8, 15),
    Size.L: (15, 25),
    Size.XL: (25, None),
}


class Age(models.TextChoices):
    PUPPY = "puppy", _("under a year")
    YOUNG = "young", _("1–3 years")
    ADULT = "adult", _("3–8 years")
    SENIOR = "senior", _("8 years and older")


# Years, from and below.
YEARS: dict[str, tuple[int | None, int | None]] = {
    Age.PUPPY: (None, 1),
    Age.YOUNG: (1, 3),
    Age.ADULT: (3, 8),
    Age.SENIOR: (8, None),
}

SEXES = (Dog.Sex.MALE, Dog.Sex.FEMALE)

# Beside the breeds there are: a dog that is, or may be, of several.
MIXED = "mixed"

# Kilometres around a place.
DISTANCES = (10, 25, 50, 100, 200)
USUAL_DISTANCE = 50


class Sort(models.TextChoices):
    """How dogs are put in order; by likeness, or newest first in a list, where nothing is said."""

    NEWEST = "newest", _("newest first")
    WAITING = "waiting", _("longest waiting first")
    NEAREST = "nearest", _("nearest first")
    YOUNGEST = "youngest", _("youngest first")


class YesNo(models.TextChoices):
    YES = "yes", pgettext_lazy("answer", "yes")
    NO = "no", pgettext_lazy("answer", "no")


@dataclass(frozen=True)
class Chip:
    """One wish in force: what it is about, what it asks, and the page's parameters without it."""

    name: str
    label: StrPromise | str
    value: StrPromise | str
    params_without: str


@dataclass(frozen=True)
class Filters:
    """Wishes; empty means anything.

    `traits` holds traits wanted "yes", `levels` the lowest and highest level wanted of a scale;
    `size`, `age`, `colour`, `shelter` and `breed` hold alternatives, the last two as slugs, where
    "mixed" is a breed too. `near` is a place's slug or "37.57,126.98", `within` kilometres around
    it; `since` is the ISO date from which on a dog has been in its shelter; `q` words that its name
    or its breed has, in either language. `sort` is no wish: it
    goes along in addresses and changes nobody's answer.
    """

    traits: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    include_unknown: bool = True
    sex: str = ""
    size: tuple[str, ...] = ()
    age: tuple[str, ...] = ()
    shelter: tuple[str, ...] = ()
    breed: tuple[str, ...] = ()
    neutered: str = ""
    colour: tuple[str, ...] = ()
    near: str = ""
    within: int = 0
    since: str = ""
    q: str = ""
    sort: str = ""

    @classmethod
    def from_params(cls, params: QueryDict) -> Filters:
        """Reads GET parameters; values that do not exist are dropped."""
        levels = {trait.value: _range(params.get(trait, "")) for trait in SCALE_TRAITS}
        near = read_place(params.get("near", ""))
        breeds = params.getlist("breed")
        return cls(
            traits={t.value: "yes" for t in ANSWER_TRAITS if params.get(t) == Answer.YES},
            levels={trait: wanted for trait, wanted in levels.items() if wanted},
            include_unknown=params.get("unknown") != "no",
            sex=_one_of(SEXES, params.get("sex", "")),
            size=_some_of(Size.values, params.getlist("size")),
            age=_some_of(Age.values, params.getlist("age")),
            shelter=_existing(Shelter, params.getlist("shelter")),
            breed=tuple(sorted({*_existing(Breed, breeds), *(b for b in breeds if b == MIXED)})),
            neutered=_one_of(YesNo.values, params.get("neutered", "")),
            colour=_some_of(Colour.values, params.getlist("colour")),
            near=near,
            within=_distance(params.get("within", "")) if near else 0,
            since=_date(params.get("since", "")),
            q=_words(params.get("q", "")),
            sort=_one_of(Sort.values, params.get("sort", "")),
        )

    @classmethod
    def from_canonical(cls, data: Mapping[str, Any]) -> Filters:
        """The filters whose `canonical()` this is."""
        known = {f.name: data[f.name] for f in dataclasses.fields(cls) if f.name in data}
        known["size"] = _some_of(Size.values, known.get("size", []))
        known["age"] = _some_of(Age.values, known.get("age", []))
        for name in ("shelter", "breed", "colour"):
            known[name] = tuple(known.get(name, ()))
        known["levels"] = {t: (low, high) for t, (low, high) in known.get("levels", {}).items()}
        return cls(**known)

    def canonical(self) -> dict[str, Any]:
        """JSON values, equal for equal wishes; what is not asked is absent."""
        data: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Mapping):
                value = {k: list(v) if isinstance(v, tuple) else v for k, v in value.items()}
                value = dict(sorted(value.items()))
            elif isinstance(value, tuple):
                value = sorted(value)
            unasked = value == 0 if f.name == "within" else value in ({}, [], "", True)
            if f.name != "sort" and not unasked:
                data[f.name] = value
        return data

    def key(self) -> str:
        """A hash of the wishes, 64 characters."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def params(self) -> str:
        """The wishes as URL-encoded parameters in a fixed order, "" for none."""
        query = QueryDict(mutable=True)
        for trait in sorted(self.traits):
            query[trait] = "yes"
        for trait, (low, high) in sorted(self.levels.items()):
            query[trait] = f"{low}-{high}"
        for name in ("sex", "neutered", "near", "since", "q", "sort"):
            if value := getattr(self, name):
                query[name] = value
        if self.within:
            query["within"] = str(self.within)
        for name in LISTS:
            if values := getattr(self, name):
                query.setlist(name, sorted(values))
        if not self.include_unknown:
            query["unknown"] = "no"
        return query.urlencode()

    def apply(self, dogs: DogQuerySet) -> DogQuerySet:
        """Narrows the dogs to those that suit."""
        suits = Q()
        for trait in self.traits:
            suits &= self._trait(trait, Q(answer=Answer.YES))
        for trait, (low, high) in self.levels.items():
            suits &= self._trait(trait, Q(level__gte=low, level__lte=high))
        if self.sex:
            suits &= self._or_unknown(Q(sex=self.sex), Q(sex=Dog.Sex.UNKNOWN))
        if self.size:
            bands = _any_of(_between("weight_kg", *WEIGHTS[size]) for size in self.size)
            suits &= self._or_unknown(bands, Q(weight_kg__isnull=True))
        if self.age:
            bands = _any_of(_born(*YEARS[age]) for age in self.age)
            suits &= self._or_unknown(bands, Q(birth_date__isnull=True))
        if self.neutered:
            wanted = Q(neutered=self.neutered == YesNo.YES)
            suits &= self._or_unknown(wanted, Q(neutered__isnull=True))
        if self.shelter:
            suits &= Q(shelter__slug__in=self.shelter)
        if self.breed:
            of_breed = Dog.breeds.through.objects.filter(
                dog=OuterRef("pk"), breed__slug__in=self.breed
            )
            suits &= Q(Exists(of_breed)) | (Q(mixed=True) if MIXED in self.breed else Q())
        if self.colour:
            # SQLite cannot look into JSON lists; both databases can look at their text.
            dogs = dogs.alias(colours_text=Cast("colours", TextField()))
            wanted = _any_of(Q(colours_text__contains=f'"{c}"') for c in self.colour)
            suits &= self._or_unknown(wanted, Q(colours=[]))
        if self.point:
            near = [pk for pk, km in shelters_by_distance(self.point).items() if km <= self.within]
            suits &= self._or_unknown(Q(shelter__in=near), Q(shelter__latitude__isnull=True))
        if self.since:
            suits &= Q(created_at__date__gte=date.fromisoformat(self.since))
        for word in self.q.split():
            named = Q(breed__name_en__icontains=word) | Q(breed__name_ko__icontains=word)
            of_breed = Dog.breeds.through.objects.filter(named, dog=OuterRef("pk"))
            suits &= Q(name__icontains=word) | Q(Exists(of_breed))
        return dogs.filter(suits)

    @property
    def point(self) -> Point | None:
        """The middle of the circle that is asked for."""
        if not self.near:
            return None
        place = places().get(self.near)
        if place:
            return place.point
        north, east = self.near.split(",")
        return Point(float(north), float(east))

    @property
    def place_name(self) -> str:
        place = places().get(self.near)
        return str(place) if place else str(_("my place"))

    def in_order(self, dogs: DogQuerySet) -> DogQuerySet:
        """The dogs as `sort` asks, newest first where it does not."""
        if self.sort == Sort.WAITING:
            return dogs.order_by("listed_at", "pk")
        if self.sort == Sort.YOUNGEST:
            return dogs.order_by(F("birth_date").desc(nulls_last=True), "-pk")
        if self.sort == Sort.NEAREST and self.point:
            far = [
                When(shelter=pk, then=Value(km))
                for pk, km in shelters_by_distance(self.point).items()
            ]
            distance = Case(*far, default=Value(1e9), output_field=FloatField())
            return dogs.order_by(distance, "-listed_at", "-pk")
        return dogs.order_by("-listed_at", "-pk")

    def active(self) -> list[Chip]:
        """A chip for each wish in force, in the order of the parameters."""
        chips = [
            self._chip(trait, Trait(trait).label, YesNo.YES.label) for trait in sorted(self.traits)
        ]
        for trait, (low, high) in sorted(self.levels.items()):
            value = str(low) if low == high else f"{low}–{high}"
            chips.append(self._chip(trait, Trait(trait).label, value))
        if self.q:
            chips.insert(0, self._chip("q", _("name or breed"), self.q))
        if self.sex:
            chips.append(self._chip("sex", _("sex"), Dog.Sex(self.sex).label))
        if self.neutered:
            chips.append(self._chip("neutered", _("neutered"), YesNo(self.neutered).label))
        if self.size:
            labels = [str(size.label) for size in Size if size in self.size]
            chips.append(self._chip("size", _("size"), ", ".join(labels)))
        if self.age:
            labels = [str(age.label) for age in Age if age in self.age]
            chips.append(self._chip("age", _("age"), ", ".join(labels)))
        if self.shelter:
            names = [str(s) for s in Shelter.objects.filter(slug__in=self.shelter)]
            chips.append(self._chip("shelter", _("shelter"), ", ".join(names)))
        if self.breed:
            names = [str(b) for b in Breed.objects.filter(slug__in=self.breed)]
            names += [str(_("mixed breed"))] if MIXED in self.breed else []
            chips.append(self._chip("breed", _("breed"), ", ".join(names)))
        if self.colour:
            labels = [str(colour.label) for colour in Colour if colour in self.colour]
            chips.append(self._chip("colour", _("colour"), ", ".join(labels)))
        if self.near:
            words = _("%(place)s, %(km)d km") % {"place": self.place_name, "km": self.within}
            chips.append(self._chip("near", _("near"), words))
        if self.since:
            day = date_format(date.fromisoformat(self.since), "SHORT_DATE_FORMAT")
            chips.append(self._chip("since", _("arrived since"), day))
        if not self.include_unknown:
            chips.append(self._chip("unknown", _("unknown answers"), _("hidden")))
        return chips

    def relaxations(self) -> list[tuple[Chip, int]]:
        """Wishes whose absence brings more dogs, with how many, the largest gain first."""
        searchable = Dog.objects.searchable()
        now = self.apply(searchable).count()
        gains = [
            (chip, self.without(chip.name).apply(searchable).count() - now)
            for chip in self.active()
        ]
        return sorted((g for g in gains if g[1] > 0), key=lambda gain: -gain[1])

    def without(self, name: str) -> Filters:
        """The same wishes but for one, named by its parameter."""
        if name == "unknown":
            return dataclasses.replace(self, include_unknown=True)
        rest: dict[str, Any]
        if name in ("sex", "neutered", "since", "q"):
            rest = {name: ""}
        elif name == "near":
            rest = {"near": "", "within": 0, "sort": "" if self.sort == Sort.NEAREST else self.sort}
        elif name in LISTS:
            rest = {name: ()}
        else:
            rest = {
                "traits": {t: v for t, v in self.traits.items() if t != name},
                "levels": {t: v for t, v in self.levels.items() if t != name},
            }
        return dataclasses.replace(self, **rest)

    def _chip(self, name: str, label: StrPromise | str, value: StrPromise | str) -> Chip:
        return Chip(name, label, value, self.without(name).params())

    def _trait(self, trait: str, wanted: Q) -> Q:
        values = TemperamentValue.objects.filter(dog=OuterRef("pk"), trait=trait)
        if self.include_unknown:
            return ~Q(Exists(values.exclude(wanted)))
        return Q(Exists(values.filter(wanted)))

    def _or_unknown(self, suits: Q, unknown: Q) -> Q:
        return suits | unknown if self.include_unknown else suits


def shelters_by_distance(point: Point) -> dict[int, float]:
    """Kilometres to each shelter whose place is known, by primary key. One query."""
    found = Shelter.objects.filter(latitude__isnull=False)
    return {shelter.pk: round(point.km_to(shelter.point), 1) for shelter in found if shelter.point}


def years_ago(years: int) -> date:
    """The same day so many years before; 29 February becomes 1 March."""
    today = timezone.localdate()
    try:
        return today.replace(year=today.year - years)
    except ValueError:
        return today.replace(year=today.year - years, day=28) + timedelta(days=1)


def _born(at_least: int | None, below: int | None) -> Q:
    """Dogs whose age in years is in the band: born on or before one day, after another."""
    born = Q()
    if at_least is not None:
        born &= Q(birth_date__lte=years_ago(at_least))
    if below is not None:
        born &= Q(birth_date__gt=years_ago(below))
    return born


def _between(name: str, low: int | None, high: int | None) -> Q:
    between = Q(**{f"{name}__isnull": False})
    if low is not None:
        between &= Q(**{f"{name}__gte": low})
    if high is not None:
        between &= Q(**{f"{name}__lt": high})
    return between


def _any_of(conditions: Any) -> Q:
    either = Q()
    for condition in conditions:
        either |= condition
    return either


def _range(text: str) -> tuple[int, int] | None:
    """`2-4` or `3`; None for anything else and for the whole scale, which asks nothing."""
    match = re.fullmatch(r"([1-9])(?:-([1-9]))?", text)
    if not match:
        return None
    low, high = int(match[1]), int(match[2] or match[1])
    if not LOWEST <= low <= high <= HIGHEST or (low, high) == (LOWEST, HIGHEST):
        return None
    return low, high


def read_place(text: str) -> str:
    """A place there is, or a point rounded to a kilometre, so that an address tells no doorstep."""
    if text in places():
        return text
    match = re.fullmatch(r"(-?\d{1,2}(?:\.\d+)?),\s?(-?\d{1,3}(?:\.\d+)?)", text)
    if not match or abs(float(match[1])) > 90 or abs(float(match[2])) > 180:
        return ""
    return f"{float(match[1]):.2f},{float(match[2]):.2f}"


def _distance(text: str) -> int:
    return int(text) if text in {str(km) for km in DISTANCES} else USUAL_DISTANCE


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _words(text: str) -> str:
    """Words to look for, as they are stored: a few, with one space between them."""
    # PostgreSQL has no NUL in its texts.
    text = unicodedata.normalize("NFC", text).replace("\0", " ")
    return " ".join(text[:WORDS_LETTERS].split()[:WORDS])


def _one_of(known: Any, value: str) -> str:
    return value if value in known else ""


def _some_of(known: list[str], values: list[str]) -> tuple[str, ...]:
    chosen = tuple(value for value in known if value in values)
    return () if len(chosen) == len(known) else chosen


def _existing(model: type[Shelter] | type[Breed], slugs: list[str]) -> tuple[str, ...]:
    slugs = [slug for slug in slugs if "\0" not in slug]
    if not slugs:
        return ()
    return tuple(
        sorted(model._default_manager.filter(slug__in=slugs).values_list("slug", flat=True))
    )
