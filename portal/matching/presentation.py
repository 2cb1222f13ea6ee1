"""What the adopter's pages show of dogs and matches, made from rows that were read before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.dogs.models import Dog, DogQuerySet, Photo, TemperamentValue
from portal.dogs.temperament import SCALE, Answer, Trait
from portal.matching.filters import Filters, Sort
from portal.matching.framing import frames
from portal.matching.likeness_words import PHRASES, face_codes
from portal.matching.models import Match, MatchQuerySet, NotAlike, Query
from portal.matching.queries import weights_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

BADGES_A_CARD = 3
REASONS_A_CARD = 2
REASONS_COMPARED = 3
NEAREST = 8
# Cards that an answer shows at once, six rows on a phone; the others come when their reader does.
FIRST = 12
Part = Literal["first", "rest", "all"]
# How much heavier or lighter a dog of about the same size may be.
SAME_SIZE = 0.25
# From this probability on a photo's likeliest breed counts as known.
BREED_FROM = 0.5
ANYTHING = Filters()

REASONS: dict[str, StrPromise] = {
    "like_coat": _("similar coat"),
    "like_build": _("similar build"),
    "like_face": _("similar face"),
    "like_breed": _("looks the same breed"),
    "same_breed": _("same breed"),
    "same_colour": _("same coat colour"),
    "similar_size": _("about the same size"),
    **PHRASES,
}
# What a part of the likeness is called among the reasons, and what is known to say the same.
OF_PARTS = {
    "colour": ("like_coat", "same_colour"),
    "body": ("like_build", ""),
    "face": ("like_face", ""),
    "breed": ("like_breed", "same_breed"),
}

# Two or three syllables: a badge has to fit a card on a phone.
SHORT_NAMES: dict[str, StrPromise] = {
    Trait.GOOD_WITH_CHILDREN: pgettext_lazy("badge", "children"),
    Trait.GOOD_WITH_DOGS: pgettext_lazy("badge", "dogs"),
    Trait.GOOD_WITH_CATS: pgettext_lazy("badge", "cats"),
    Trait.GOOD_WITH_ELDERLY: pgettext_lazy("badge", "elderly"),
    Trait.HOUSE_TRAINED: pgettext_lazy("badge", "house-trained"),
    Trait.CRATE_TRAINED: pgettext_lazy("badge", "crate"),
    Trait.LEASH_TRAINED: pgettext_lazy("badge", "leash"),
    Trait.ENERGY: pgettext_lazy("badge", "energy"),
    Trait.SOCIABILITY: pgettext_lazy("badge", "sociable"),
    Trait.AFFINITY: pgettext_lazy("badge", "affection"),
}

ICONS: dict[str, str] = {
    Trait.GOOD_WITH_CHILDREN: "children",
    Trait.GOOD_WITH_DOGS: "dog",
    Trait.GOOD_WITH_CATS: "cat",
    Trait.GOOD_WITH_ELDERLY: "elderly",
    Trait.HOUSE_TRAINED: "house",
    Trait.CRATE_TRAINED: "crate",
    Trait.LEASH_TRAINED: "leash",
    Trait.ENERGY: "energy",
    Trait.SOCIABILITY: "sociability",
    Trait.AFFINITY: "affinity",
}

MARKS = {Answer.YES: "check", Answer.NO: "cross", Answer.SELECTIVE: "minus", "unknown": "question"}
UNKNOWN = pgettext_lazy("answer", "unknown")

LIKENESS_WORDS: dict[str, StrPromise] = {
    "strong": _("Strong likeness"),
    "weak": _("Some likeness"),
    "none": _("Little likeness"),
}


@dataclass(frozen=True)
class Badge:
    """One trait of one dog; `answer` is yes, no, selective, unknown, or level for a scale."""

    trait: str
    answer: str
    word: str
    level: int | None = None
    value: TemperamentValue | None = None

    @property
    def name(self) -> str:
        return str(Trait(self.trait).label)

    @property
    def short(self) -> str:
        return str(SHORT_NAMES[self.trait])

    @property
    def icon(self) -> str:
        return ICONS[self.trait]

    @property
    def dots(self) -> list[bool]:
        """A scale as one entry a level, true up to this dog's."""
        return [level <= (self.level or 0) for level in SCALE]

    @property
    def mark(self) -> str:
        return MARKS.get(self.answer, ICONS[self.trait])


def temperament(dog: Dog) -> list[Badge]:
    """Every trait in its order, unknown ones included."""
    values = {value.trait: value for value in known_traits(dog)}
    return [_badge(trait.value, values.get(trait.value)) for trait in Trait]


def known_traits(dog: Dog) -> Iterable[TemperamentValue]:
    """As `for_cards` and `answers` read them, else from the database or its prefetched rows."""
    return dog.read_traits if hasattr(dog, "read_traits") else dog.temperament.all()


def known_breeds(dog: Dog) -> frozenset[str]:
    """Slugs, as `known_traits`."""
    breeds = dog.read_breeds if hasattr(dog, "read_breeds") else dog.breeds.all()
    return frozenset(breed.slug for breed in breeds)


def _badge(trait: str, value: TemperamentValue | None) -> Badge:
    if value is None:
        return Badge(trait, "unknown", str(UNKNOWN))
    if value.level is not None:
        word = _("%(level)d of 5") % {"level": value.level}
        return Badge(trait, "level", str(word), level=value.level, value=value)
    return Badge(trait, value.answer, str(Answer(value.answer).label), value=value)


def badges(dog: Dog, wanted: Iterable[str] = ()) -> list[Badge]:
    """The three that say most: what the adopter asked for, what is known, then what is not."""
    asked = list(wanted)
    values = {value.trait: value for value in known_traits(dog)}

    def urgency(trait: Trait) -> tuple[bool, bool]:
        return trait not in asked, trait not in values

    said = sorted(Trait, key=urgency)[:BADGES_A_CARD]
    return [_badge(trait.value, values.get(trait.value)) for trait in said]


@dataclass(frozen=True)
class Card:
    """A dog in a list; with `match` when it stands in an answer.

    `frame` is the class that puts the dog into the card's window, `reasons` are at most two words
    on what is alike, `km` the distance to the place that was asked for.
    """

    dog: Dog
    photo: Photo | None
    badges: list[Badge]
    match: Match | None = None
    frame: str = ""
    reasons: list[str] = field(default_factory=list)
    km: float | None = None

    @property
    def likeness(self) -> str:
        return str(LIKENESS_WORDS[self.match.band]) if self.match else ""


# Lists on the rows: Django would make a queryset for each dog, which costs more than the reading.
TRAITS = Prefetch("temperament", to_attr="read_traits")
OF_MATCH = (
    Prefetch("dog__temperament", to_attr="read_traits"),
    Prefetch("dog__breeds", to_attr="read_breeds"),
)


def for_cards(dogs: DogQuerySet) -> DogQuerySet:
    """The same dogs with all that a card shows, in a constant number of queries."""
    shown = Prefetch("photos", queryset=Photo.objects.shown(), to_attr="shown_photos")
    return dogs.select_related("shelter").prefetch_related(shown, TRAITS)


def dog_cards(dogs: Iterable[Dog], filters: Filters = ANYTHING) -> list[Card]:
    """Cards of dogs that came through `for_cards`."""
    pairs = [(dog, first_photo(dog)) for dog in dogs]
    framed = frames(photo for _dog, photo in pairs)
    return [
        Card(
            dog,
            photo,
            badges(dog, filters.traits),
            frame=framed.get(photo.pk, "") if photo else "",
            km=distance(dog, filters),
        )
        for dog, photo in pairs
    ]


def distance(dog: Dog, filters: Filters) -> float | None:
    """Kilometres from the place that was asked for to the dog's shelter, where both are known."""
    here, there = filters.point, dog.shelter.point
    return round(here.km_to(there), 1) if here and there else None


def searchable_first(dog: Dog) -> list[Photo]:
    """All photos that can be shown, those in which the dog was found before the others."""
    photos: list[Photo] = dog.shown_photos  # type: ignore[attr-defined]
    return sorted(photos, key=lambda photo: photo.state != Photo.State.SEARCHABLE)


def first_photo(dog: Dog) -> Photo | None:
    return next(iter(searchable_first(dog)), None)


def yes_no(value: bool | None) -> str:
    return str(UNKNOWN if value is None else Answer.YES.label if value else Answer.NO.label)


@dataclass(frozen=True)
class Likeness:
    """What the dog in question is known to be: the listed one, or what a photo showed; and by which
    mode's weights dogs were compared with it."""

    breeds: frozenset[str] = frozenset()
    colours: frozenset[str] = frozenset()
    weight_kg: Decimal | None = None
    mode: str = "like"

    @classmethod
    def of_dog(cls, dog: Dog) -> Likeness:
        return cls(known_breeds(dog), frozenset(dog.colours), dog.weight_kg)

    @classmethod
    def of_query(cls, query: Query) -> Likeness:
        likely = [slug for slug, chance in query.breeds or [] if chance >= BREED_FROM]
        return cls(frozenset(likely[:1]), mode="lost" if query.lost else "like")

    def reasons(self, match: Match, dog: Dog, filters: Filters) -> list[str]:
        """Codes of what is alike: looks, then the parts of the likeness that weighed (like_coat,
        like_build, like_face, like_breed) or, of a person's face, what is marked in both (the codes
        of `likeness_words`), then what is known of both (same_breed, same_colour, similar_size),
        then traits that were asked for and are known of the dog. The match comes
        `with_weights`."""
        found = ["looks"] if match.band != "none" else []
        weighed = weights_of(match).weighing(match.parts or {}, self.mode)
        found += [OF_PARTS[part][0] for part in weighed]
        found += face_codes(match.parts or {})
        said = {OF_PARTS[part][1] for part in weighed}
        if self.breeds & known_breeds(dog):
            found = [code for code in found if code != "like_breed"] + ["same_breed"]
        if self.colours & set(dog.colours) and "same_colour" not in said:
            found.append("same_colour")
        if self.weight_kg and dog.weight_kg:
            heavier = max(self.weight_kg, dog.weight_kg)
            if float(abs(self.weight_kg - dog.weight_kg) / heavier) <= SAME_SIZE:
                found.append("similar_size")
        known = {row.trait for row in known_traits(dog) if row.answer == Answer.YES}
        return found + [trait for trait in sorted(filters.traits) if trait in known]


def reason_words(codes: Iterable[str], most: int = REASONS_A_CARD) -> list[str]:
    """The first of them in words; a likeness of looks is said by the score already, and what was
    asked for by its badge."""
    return [str(REASONS[code]) for code in codes if code in REASONS][:most]


@dataclass(frozen=True)
class Answers:
    """The cards of a ranking in three groups by likeness, each in order of rank, few faint ones and
    none beside many close ones; or in one list of another order. `hidden` are those that this
    reader took out.

    Of the close ones these may be a part: `close` counts all, `more` those that come after it, and
    `weak_before` says that the first of some likeness came before it.
    """

    strong: list[Card]
    weak: list[Card]
    faint: list[Card]
    sorted: list[Card] = field(default_factory=list)
    hidden: list[Card] = field(default_factory=list)
    close: int = 0
    more: int = 0
    weak_before: bool = False

    @property
    def total(self) -> int:
        return self.close + len(self.faint)

    @property
    def nearest(self) -> list[Card]:
        """A few of all, for where the answer stands beside other things."""
        return [*self.strong, *self.weak, *self.faint][:NEAREST]


def answers(
    matches: MatchQuerySet,
    filters: Filters = ANYTHING,
    source: Likeness | None = None,
    hidden: QuerySet[NotAlike] | None = None,
    part: Part = "all",
) -> Answers:
    """Matches that can still be shown, as cards, without the `hidden` ones. Of the close ones
    `part` "first" makes FIRST and "rest" those after them, unless they are put in another order.
    Six queries."""
    taken = (NotAlike.objects.none() if hidden is None else hidden).filter(dog=OuterRef("dog"))
    ranks = matches.shown().values_list("pk", "band", Exists(taken))
    out = {pk for pk, _band, is_out in ranks if is_out}
    bands = {pk: band for pk, band, is_out in ranks if not is_out}
    close = [pk for pk, band in bands.items() if band != "none"]
    # Shown only where few are close.
    few = len(close) < NEAREST
    faint = [pk for pk, band in bands.items() if few and band == "none"][:NEAREST]
    order = ORDERS.get(filters.sort)
    first = len(close) if part == "all" or order else FIRST
    if part == "rest":
        wanted, more = close[first:], 0
    else:
        wanted, more = [*close[:first], *faint, *out], max(0, len(close) - first)
    cards = match_cards(matches.filter(pk__in=wanted), filters, source)

    def band(name: str) -> list[Card]:
        return [card for pk, card in cards.items() if bands.get(pk) == name]

    strong, weak = band("strong"), band("weak")
    return Answers(
        strong,
        weak,
        band("none"),
        sorted([*strong, *weak], key=order) if order else [],
        [cards[pk] for pk in cards if pk in out],
        close=len(close),
        more=more,
        weak_before=part == "rest" and any(bands[pk] == "weak" for pk in close[:first]),
    )


def match_cards(
    matches: MatchQuerySet, filters: Filters, source: Likeness | None
) -> dict[int, Card]:
    """By primary key, in order of rank. Five queries."""
    rows = matches.with_weights().select_related("dog__shelter", "photo")
    rows = rows.prefetch_related(*OF_MATCH)
    framed = frames(match.photo for match in rows)
    return {
        m.pk: Card(
            m.dog,
            m.photo,
            badges(m.dog, filters.traits),
            m,
            framed.get(m.photo_id, ""),
            reason_words(source.reasons(m, m.dog, filters)) if source else [],
            distance(m.dog, filters),
        )
        for m in rows
    }


def _reversed_date(day: date | datetime | None) -> float:
    return -datetime(day.year, day.month, day.day).timestamp() if day else math.inf


# A few dozen cards are put in order here rather than ranked anew.
ORDERS: dict[str, Callable[[Card], float]] = {
    Sort.NEWEST: lambda card: -card.dog.listed_at.timestamp() if card.dog.listed_at else 0.0,
    Sort.WAITING: lambda card: card.dog.listed_at.timestamp() if card.dog.listed_at else math.inf,
    Sort.YOUNGEST: lambda card: _reversed_date(card.dog.birth_date),
    Sort.NEAREST: lambda card: math.inf if card.km is None else card.km,
}
