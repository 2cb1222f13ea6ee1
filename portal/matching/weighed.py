"""What weighed in one likeness, in words: the table of the page that compares, and its sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from portal.matching.measures import RATIOS, Compared
from portal.matching.models import Match
from portal.matching.presentation import LIKENESS_WORDS
from portal.matching.queries import weights_of

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

NAMES: dict[str, StrPromise] = {
    "appearance": pgettext_lazy("part of a likeness", "looks"),
    "body": pgettext_lazy("part of a likeness", "build"),
    "face": pgettext_lazy("part of a likeness", "face"),
    "colour": pgettext_lazy("part of a likeness", "coat"),
    "breed": pgettext_lazy("part of a likeness", "breed"),
}
VERY, SOMEWHAT, LITTLE = _("very alike"), _("somewhat alike"), _("different")

# How much longer one of two proportions has to be before a page says so: photos from two sides
# differ by less.
CLEARLY = 1.2
LONGER: dict[str, tuple[StrPromise, StrPromise]] = {
    "front_leg_to_back": (_("longer legs"), _("shorter legs")),
    "head_to_back": (_("larger head"), _("smaller head")),
    "muzzle_to_head": (_("longer muzzle"), _("shorter muzzle")),
}
DIFFERENCES = 2


@dataclass(frozen=True)
class Weighed:
    """A part of a likeness: how alike two dogs are in it, and the per cent of the likeness that it
    makes; None where it does not count yet."""

    label: StrPromise
    word: StrPromise
    share: int | None


def weighed(match: Match | None, mode: str) -> list[Weighed]:
    """The parts known of both dogs, of a match `with_weights`; empty where only the appearance was
    compared."""
    parts = match.parts if match else None
    if match is None or not parts or len(parts) < 2:
        return []
    fusion = weights_of(match)
    shares = fusion.shares(parts, mode)
    rows = [
        Weighed(NAMES["appearance"], LIKENESS_WORDS[match.band], _per_cent(shares, "appearance"))
    ]
    for part, name in NAMES.items():
        if part in parts and part != "appearance":
            very, some = fusion.notable[part], fusion.typical[part]
            word = VERY if parts[part] >= very else SOMEWHAT if parts[part] >= some else LITTLE
            counts = fusion.weights[mode][part] > 0
            rows.append(Weighed(name, word, _per_cent(shares, part) if counts else None))
    return rows


def differences(ratios: Iterable[Compared]) -> list[str]:
    """What is clearly longer or shorter in the listed dog than in the photo: at most two."""
    measured = {row.label: row for row in ratios}
    found = []
    for name, (longer, shorter) in LONGER.items():
        row = measured.get(RATIOS[name])
        if row and row.theirs >= CLEARLY * row.yours:
            found.append(str(longer))
        elif row and row.yours >= CLEARLY * row.theirs:
            found.append(str(shorter))
    return found[:DIFFERENCES]


def _per_cent(shares: dict[str, float], part: str) -> int:
    return round(100 * shares[part])
