"""A photo's points as a form: a table of figures, which a script fills in from clicks.

Places are per cent of the picture's width and height. A point that the live version guesses has
the guess as its place and nothing chosen, so that nobody takes a guess over without looking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ml.skeleton import KEYPOINTS, PARTS
from portal.annotations.models import MOST_DOGS, Annotation
from portal.annotations.queries import Guess
from portal.annotations.words import hint
from portal.matching.models import Posture, View
from portal.matching.overlay import MIN_CONFIDENCE, PART_NAMES, POINT_NAMES

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

UNDECIDED = ""
VISIBLE, HIDDEN, ABSENT = "2", "1", "0"
STATES = [
    (VISIBLE, _("visible")),
    (HIDDEN, _("hidden, but its place is clear")),
    (ABSENT, _("cannot be placed")),
]
SIDES = ("left", "top", "right", "bottom")
DIGITS = 2

# The views as they lie around a dog seen from above, its reader standing below, with words that
# are short enough for that; in the middle is the dog.
COMPASS: tuple[tuple[View | None, StrPromise | str], ...] = (
    (View.BACK_LEFT, pgettext_lazy("view", "back left")),
    (View.BACK, pgettext_lazy("view", "back")),
    (View.BACK_RIGHT, pgettext_lazy("view", "back right")),
    (View.LEFT, pgettext_lazy("view", "left")),
    (None, ""),
    (View.RIGHT, pgettext_lazy("view", "right")),
    (View.FRONT_LEFT, pgettext_lazy("view", "front left")),
    (View.FRONT, pgettext_lazy("view", "front")),
    (View.FRONT_RIGHT, pgettext_lazy("view", "front right")),
)


def place(label: Any, **options: Any) -> forms.FloatField:
    """Per cent of the picture."""
    step = {"step": "any", "inputmode": "decimal"}
    return forms.FloatField(
        label=label, min_value=0, max_value=100, widget=forms.NumberInput(attrs=step), **options
    )


@dataclass(frozen=True)
class Row:
    """One point's fields, and what is said of it."""

    name: str
    part: str
    x: forms.BoundField
    y: forms.BoundField
    state: forms.BoundField

    @property
    def label(self) -> str:
        return str(POINT_NAMES[self.name])

    @property
    def hint(self) -> str:
        return hint(self.name)


class AnnotationForm(forms.Form):
    """`annotation` is what the person said before, `guess` what the live version sees."""

    posture = forms.ChoiceField(
        label=_("What does the dog do?"), choices=Posture.choices, widget=forms.RadioSelect
    )
    view = forms.ChoiceField(
        label=_("Which way does it face?"), choices=View.choices, widget=forms.RadioSelect
    )
    n_dogs = forms.IntegerField(
        label=_("Dogs in the picture"), min_value=1, max_value=MOST_DOGS, initial=1
    )
    left = place(_("left edge"))
    top = place(_("upper edge"))
    right = place(_("right edge"))
    bottom = place(_("lower edge"))

    def __init__(
        self,
        data: Any = None,
        *,
        annotation: Annotation | None = None,
        guess: Guess | None = None,
    ) -> None:
        super().__init__(data, initial=initial(annotation, guess))
        for name in KEYPOINTS:
            self.fields[f"x_{name}"] = place(_("from the left"), required=False)
            self.fields[f"y_{name}"] = place(_("from above"), required=False)
            self.fields[f"v_{name}"] = forms.ChoiceField(
                choices=[(UNDECIDED, _("a guess")), *STATES],
                error_messages={"required": _("Is the guess right?")},
            )

    def parts(self) -> Iterator[tuple[str, list[Row]]]:
        """Rows by part of the dog, in the order in which they are marked."""
        for part, label in PART_NAMES.items():
            yield str(label), [self.row(name) for name in KEYPOINTS if PARTS[name] == part]

    def row(self, name: str) -> Row:
        return Row(name, PARTS[name], self[f"x_{name}"], self[f"y_{name}"], self[f"v_{name}"])

    def sides(self) -> list[forms.BoundField]:
        return [self[name] for name in SIDES]

    def compass(self) -> list[tuple[str, str, bool]]:
        """The views in rows of three, empty in the middle: value, words, whether it is chosen."""
        chosen = self["view"].value()
        return [(view.value if view else "", str(words), view == chosen) for view, words in COMPASS]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in KEYPOINTS:
            state = cleaned.get(f"v_{name}")
            if state in (VISIBLE, HIDDEN) and None in (
                cleaned.get(f"x_{name}"),
                cleaned.get(f"y_{name}"),
            ):
                self.add_error(f"v_{name}", _("Where is it? Give two numbers from 0 to 100."))
        states = [cleaned.get(f"v_{name}") for name in KEYPOINTS]
        if all(state == ABSENT for state in states):
            self.add_error(
                None,
                _("Mark at least one point, or leave the photo out if there is nothing to mark."),
            )
        # As they are stored and shown again: a frame without width would be no frame.
        cleaned |= {side: round(cleaned[side], DIGITS) for side in SIDES if side in cleaned}
        sides = [cleaned[side] for side in SIDES if side in cleaned]
        if len(sides) == len(SIDES) and not (sides[0] < sides[2] and sides[1] < sides[3]):
            self.add_error(None, _("The frame is turned inside out: mark its corners again."))
        return cleaned

    def points(self) -> list[list[float]]:
        """[[x, y, v], …] as Annotation has them."""
        cleaned = self.cleaned_data
        return [
            [0, 0, 0]
            if cleaned[f"v_{name}"] == ABSENT
            else [cleaned[f"x_{name}"] / 100, cleaned[f"y_{name}"] / 100, int(cleaned[f"v_{name}"])]
            for name in KEYPOINTS
        ]

    def box(self) -> list[float]:
        """[x0, y0, x1, y1] as fractions."""
        return [self.cleaned_data[side] / 100 for side in SIDES]


def initial(annotation: Annotation | None, guess: Guess | None) -> dict[str, Any]:
    """What was said before; else the guesses that a page would draw, undecided."""
    if annotation and annotation.points and annotation.box:
        values: dict[str, Any] = {
            "posture": annotation.posture,
            "view": annotation.view,
            "n_dogs": annotation.n_dogs,
        }
        for name, (x, y, v) in zip(KEYPOINTS, annotation.points, strict=True):
            values[f"v_{name}"] = str(v)
            if v:
                values |= {f"x_{name}": percent(x), f"y_{name}": percent(y)}
        return values | box_values(annotation.box)
    values = {f"v_{name}": ABSENT for name in KEYPOINTS}
    if guess is None:
        return values
    for name in KEYPOINTS:
        x, y, score = guess.points.get(name, (0, 0, 0))
        if score >= MIN_CONFIDENCE:
            values |= {f"x_{name}": percent(x), f"y_{name}": percent(y), f"v_{name}": UNDECIDED}
    return values | box_values(guess.box)


def box_values(box: list[float]) -> dict[str, Any]:
    return {name: percent(side) for name, side in zip(SIDES, box, strict=True)}


def percent(fraction: float) -> float:
    # A guess may lie a little outside.
    return round(100 * min(1.0, max(0.0, fraction)), DIGITS)
