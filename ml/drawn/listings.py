"""The words and facts of invented listings, in agreement with what is drawn."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ml.drawn.breeds import BREEDS, Look
from ml.drawn.params import DrawnDog

SHELTERS = ("Hanbit Shelter", "Namsan Animal Haven", "Haeun Dog Shelter")
NAMES = (
    "Bori", "Mandu", "Choco", "Duri", "Kong", "Ruby", "Haru", "Dubu", "Mango", "Toby", "Byeol",
    "Latte", "Momo", "Happy", "Sol", "Cookie", "Gomi", "Bella", "Nuri", "Coco", "Danchu", "Milo",
    "Gureum", "Peanut", "Yuja", "Max", "Hodu", "Daisy", "Bam", "Leo", "Areum", "Oscar", "Ddalgi",
    "Luna", "Gamja", "Teddy", "Jjajang", "Olive", "Songi", "Pepper", "Bomi", "Rocky", "Nabi",
    "Ginger", "Maru", "Poppy", "Dalgu", "Simba", "Sesame", "Jindol", "Hana", "Waffle", "Ganadi",
    "Muffin", "Chestnut", "Baram", "Dori", "Honey", "Tori", "Rice",
)  # fmt: skip
COLUMNS = (
    "dog", "name", "shelter", "sex", "birth_date", "birth_precision", "weight_kg", "breeds",
    "mixed", "colours", "neutered", "status", "bonded_with", "description", "good_with_children",
    "good_with_dogs", "good_with_cats", "good_with_elderly", "house_trained", "crate_trained",
    "leash_trained", "energy", "sociability", "affinity", "tags",
)  # fmt: skip
ANSWERS = COLUMNS[14:21]
SCALES = COLUMNS[21:24]
TODAY = date(2026, 11, 1)
"""Listings are as of this day, so that the same seed writes the same table."""

UNKNOWN_SHARE = 0.4


@dataclass(frozen=True)
class Nature:
    """What a dog is like, 1–5, from which the answers follow."""

    energy: int
    sociability: int
    affinity: int


CALM = (
    "Sleeps beside whoever is reading.",
    "Walks slowly and notices everything.",
    "Asks for little: a blanket, a window, company.",
)
LIVELY = (
    "Greets the morning at a run.",
    "Happiest with a ball and someone to throw it.",
    "Learns a new trick in an afternoon.",
)
EVEN = (
    "A long walk, then a long nap.",
    "Comes when called, most of the time.",
    "Settles into a new routine within days.",
)
OPEN = ("Makes friends at the gate.", "Leans on people it has just met.", "Loves visitors.")
SHY = (
    "Needs a few visits before coming close.",
    "Watches first, then follows you everywhere.",
    "Takes treats from a hand held low.",
)
SOFT = ("Likes to be brushed.", "Rests a paw on your knee.", "Falls asleep on laps.")
STORIES = (
    "Found near the market in spring.",
    "Came to us when the family moved abroad.",
    "Born at the shelter.",
    "Found on a mountain path, in good health.",
    "Lived with an elderly owner who could not keep on.",
    "Came from a crowded home with eleven others.",
)
TAGS = {
    "calm": ("calm", "naps"),
    "lively": ("playful", "loves fetch", "runner"),
    "open": ("friendly", "cuddly"),
    "shy": ("shy at first", "quiet home"),
}


def listing(
    dog: DrawnDog, look: Look | None, name: str, shelter: str, random: np.random.Generator
) -> dict[str, str]:
    """A row of `dogs.csv` without its `dog`, `status` and `bonded_with`.

    `look` names the coat's colours; `dog.breed` one breed, or two with + between.
    """
    keys = dog.breed.split("+")
    pure = len(keys) == 1
    low = float(np.mean([BREEDS[k].weight[0] for k in keys]))
    high = float(np.mean([BREEDS[k].weight[1] for k in keys]))
    # Shelters see more small dogs than breed books do.
    weight = random.uniform(low, high) if pure else random.uniform(0.50 * low, 0.66 * high)
    days = int(
        random.choice(
            [random.uniform(90, 360), random.uniform(400, 2900), random.uniform(2900, 4700)],
            p=[0.2, 0.65, 0.15],
        )
    )
    born = TODAY - timedelta(days=days)
    precision = "month" if days < 400 else "year" if random.random() < 0.8 else "day"
    birth = {"day": born, "month": born.replace(day=1), "year": born.replace(month=1, day=1)}
    if days < 300:
        weight *= 0.6
    breeds = [BREEDS[k].name for k in keys]
    if not pure:
        # Most people see one of the two, or none.
        breeds = [[breeds[0]], breeds, []][int(random.choice(3, p=[0.4, 0.25, 0.35]))]
    nature = Nature(*(int(v) for v in np.clip(np.rint(random.normal((3.1, 3.5, 3.8), 1.0)), 1, 5)))
    row = {
        "name": name,
        "shelter": shelter,
        "sex": str(random.choice(["male", "female", "unknown"], p=[0.49, 0.48, 0.03])),
        "birth_date": birth[precision].isoformat(),
        "birth_precision": precision,
        "weight_kg": f"{weight:.1f}",
        "breeds": "|".join(breeds),
        "mixed": "no" if pure else "yes",
        "colours": "|".join(look.colours) if look else "",
        "neutered": str(random.choice(["yes", "no", "unknown"], p=[0.6, 0.25, 0.15])),
        "description": " ".join(_sentences(nature, days, random)),
        "tags": "|".join(_tags(nature, random)),
    }
    return row | _temperament(nature, random)


def _sentences(nature: Nature, days: int, random: np.random.Generator) -> list[str]:
    def one(choices: tuple[str, ...]) -> str:
        return choices[int(random.integers(len(choices)))]

    story = STORIES if days < 2900 else STORIES[:2] + STORIES[3:]
    mood = CALM if nature.energy <= 2 else LIVELY if nature.energy >= 4 else EVEN
    manner = OPEN if nature.sociability >= 4 else SHY if nature.sociability <= 2 else SOFT
    return [one(story), one(mood), one(manner)]


def _tags(nature: Nature, random: np.random.Generator) -> list[str]:
    kinds = [
        kind
        for kind, holds in (
            ("calm", nature.energy <= 2),
            ("lively", nature.energy >= 4),
            ("open", nature.sociability >= 4),
            ("shy", nature.sociability <= 2),
        )
        if holds and random.random() < 0.7
    ]
    return [TAGS[kind][int(random.integers(len(TAGS[kind])))] for kind in kinds]


def _temperament(nature: Nature, random: np.random.Generator) -> dict[str, str]:
    """Answers that follow from a nature, of which shelters know about six in ten."""
    kind = {
        "good_with_children": nature.affinity + nature.sociability - 0.5 * nature.energy - 3.4,
        "good_with_dogs": nature.sociability - 2.6,
        "good_with_cats": 3.4 - nature.energy,
        "good_with_elderly": nature.affinity - nature.energy + 0.6,
        "house_trained": 0.8,
        "crate_trained": 0.1,
        "leash_trained": 0.9,
    }
    row = {}
    for trait in ANSWERS:
        value = kind[trait] + random.normal(0, 1.0)
        answer = "yes" if value > 0.25 else "selective" if value > -0.45 else "no"
        if trait == "house_trained" and answer == "selective":
            answer = "yes"
        row[trait] = "unknown" if random.random() < UNKNOWN_SHARE else answer
    for trait in SCALES:
        known = random.random() >= UNKNOWN_SHARE
        row[trait] = str(getattr(nature, trait)) if known else ""
    return row
