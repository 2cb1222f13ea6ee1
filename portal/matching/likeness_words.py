"""A person's face beside a dog's, in words: where each lies among its kind, as a match holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

# Less than this share of a kind away from its end, a proportion is one that people would name.
MARKED = 0.35
# So far apart, as shares of their kinds, two are called alike, or nearly.
ALIKE, NEARLY = 0.15, 0.3


@dataclass(frozen=True)
class Words:
    """One ratio: its name, what it is called where it is small, usual or large, and the code and
    the phrase for two faces that are both small, or both large, in it."""

    label: StrPromise
    small: StrPromise
    usual: StrPromise
    large: StrPromise
    both_small: tuple[str, StrPromise]
    both_large: tuple[str, StrPromise]


_SHORT, _LONG = pgettext_lazy("face", "short"), pgettext_lazy("face", "long")
_NARROW, _WIDE = pgettext_lazy("face", "narrow"), pgettext_lazy("face", "wide")
_LOW, _HIGH = pgettext_lazy("face", "low"), pgettext_lazy("face", "high")
_USUAL = pgettext_lazy("face", "in the middle")

# Everything is over the distance of the eyes: a face that is wide for them has its eyes close
# together. In the order in which a card names what is alike.
WORDS: dict[str, Words] = {
    "eye_to_nose": Words(
        _("nose"), _SHORT, _USUAL, _LONG,
        ("short_noses", _("short nose, both")), ("long_noses", _("long nose, both")),
    ),
    "ear_spacing": Words(
        _("distance of the eyes"),
        pgettext_lazy("face", "wide apart"), _USUAL, pgettext_lazy("face", "close together"),
        ("wide_eyes", _("eyes wide apart, both")),
        ("close_eyes", _("eyes close together, both")),
    ),
    "eye_to_mouth": Words(
        _("face"), _SHORT, _USUAL, _LONG,
        ("short_faces", _("short face, both")), ("long_faces", _("long face, both")),
    ),
    "ear_height": Words(
        _("ears"), _LOW, _USUAL, _HIGH,
        ("low_ears", _("ears set low, both")), ("high_ears", _("ears set high, both")),
    ),
    "nose_to_mouth": Words(
        _("nose to mouth"), _SHORT, _USUAL, _LONG,
        ("near_mouths", _("mouth close to the nose, both")),
        ("far_mouths", _("mouth far from the nose, both")),
    ),
    "mouth_width": Words(
        _("mouth"), _NARROW, _USUAL, _WIDE,
        ("narrow_mouths", _("narrow mouth, both")), ("wide_mouths", _("wide mouth, both")),
    ),
    "eye_to_ear": Words(
        _("eyes to ears"), _SHORT, _USUAL, _LONG,
        ("near_ears", _("eyes close to the ears, both")),
        ("far_ears", _("eyes far from the ears, both")),
    ),
}  # fmt: skip

PHRASES: dict[str, StrPromise] = {
    code: phrase
    for words in WORDS.values()
    for code, phrase in (words.both_small, words.both_large)
}

# Of two that say nearly the same, a card names one.
_SAME_TOLD = ({"eye_to_nose", "eye_to_mouth"}, {"ear_spacing", "eye_to_ear"})


def face_codes(parts: Mapping[str, float]) -> list[str]:
    """What a person's face and a dog's have in common that is not common, most marked first: codes
    of PHRASES. Empty for parts that are of two dogs."""
    found: list[tuple[float, str, str]] = []
    for name, words in WORDS.items():
        yours, theirs = parts.get(f"person_{name}"), parts.get(f"dog_{name}")
        if yours is None or theirs is None:
            continue
        both = marked(words, yours, theirs)
        if both:
            found.append((min(max(yours, theirs), 1 - min(yours, theirs)), name, both[0]))
    told: list[tuple[str, str]] = []
    for _end, name, code in sorted(found, key=lambda row: row[0]):
        if not any({name, other} in _SAME_TOLD for other, _code in told):
            told.append((name, code))
    return [code for _name, code in told]


@dataclass(frozen=True)
class FacePart:
    """One ratio of both faces: what each is called, and the shares of their kinds that have less of
    it, 0 to 100; `told` is what is marked in both, or else how far they are apart, and `apart`
    that as alike, nearly or different."""

    label: StrPromise
    yours_word: StrPromise
    theirs_word: StrPromise
    yours: int
    theirs: int
    apart: str
    told: StrPromise


_APART = {
    "alike": pgettext_lazy("two faces", "alike"),
    "nearly": pgettext_lazy("two faces", "nearly alike"),
    "different": pgettext_lazy("two faces", "different"),
}


def face_parts(parts: Mapping[str, float]) -> list[FacePart]:
    """The ratios that both faces show, for a table."""
    found = []
    for name, words in WORDS.items():
        yours, theirs = parts.get(f"person_{name}"), parts.get(f"dog_{name}")
        if yours is None or theirs is None:
            continue
        distance = round(abs(yours - theirs), 2)
        apart = "alike" if distance <= ALIKE else "nearly" if distance <= NEARLY else "different"
        both = marked(words, yours, theirs)
        found.append(
            FacePart(
                words.label,
                word(words, yours),
                word(words, theirs),
                round(100 * yours),
                round(100 * theirs),
                apart,
                both[1] if both else _APART[apart],
            )
        )
    return found


def marked(words: Words, yours: float, theirs: float) -> tuple[str, StrPromise] | None:
    """The code and the phrase of what is small, or large, in both."""
    if max(yours, theirs) < MARKED:
        return words.both_small
    return words.both_large if min(yours, theirs) > 1 - MARKED else None


def word(words: Words, share: float) -> StrPromise:
    """What a ratio is called of which this share of the kind has less."""
    if share < MARKED:
        return words.small
    return words.large if share > 1 - MARKED else words.usual
