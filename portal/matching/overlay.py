"""Keypoints as shapes to draw over a picture.

A model version's spec says which points there are, which belong together and to which part of the
dog, so other models need no change here. Coordinates are pixels of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

# AP-10K's customary threshold: points below it are guesses.
MIN_CONFIDENCE = 0.3

PART_NAMES: dict[str, StrPromise] = {
    "face": _("face"),
    "body": _("body"),
    "front_legs": _("front legs"),
    "hind_legs": _("hind legs"),
}

POINT_NAMES: dict[str, StrPromise] = {
    "left_eye": _("left eye"),
    "right_eye": _("right eye"),
    "nose": _("nose"),
    "neck": _("neck"),
    "root_of_tail": _("root of tail"),
    "left_shoulder": _("left shoulder"),
    "left_elbow": _("left elbow"),
    "left_front_paw": _("left front paw"),
    "right_shoulder": _("right shoulder"),
    "right_elbow": _("right elbow"),
    "right_front_paw": _("right front paw"),
    "left_hip": _("left hip"),
    "left_knee": _("left knee"),
    "left_back_paw": _("left back paw"),
    "right_hip": _("right hip"),
    "right_knee": _("right knee"),
    "right_back_paw": _("right back paw"),
    "left_ear_base": _("left ear base"),
    "right_ear_base": _("right ear base"),
    "left_mouth_corner": _("left mouth corner"),
    "right_mouth_corner": _("right mouth corner"),
}


@dataclass(frozen=True)
class Point:
    """One point: where, how sure (0 to 1), and the SVG path of its shape.

    `hollow` marks the dog's right side.
    """

    name: str
    part: str
    x: float
    y: float
    confidence: float
    hollow: bool
    path: str

    @property
    def label(self) -> str:
        return str(POINT_NAMES.get(self.name, self.name.replace("_", " ")))

    @property
    def percent(self) -> int:
        return round(100 * self.confidence)


@dataclass(frozen=True)
class Line:
    """An edge of the skeleton, drawn and toggled with the part of its second point."""

    part: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class PartPoints:
    part: str
    points: list[Point]

    @property
    def label(self) -> str:
        return str(PART_NAMES.get(self.part, self.part.replace("_", " ")))


@dataclass(frozen=True)
class Overlay:
    """All that is drawn over one picture of `width` × `height` pixels; `box` is x, y, w, h.

    `traits` are what the dog does and which way it faces, in words, as far as they are told.
    """

    width: int
    height: int
    points: list[Point] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    traits: tuple[str, ...] = ()

    @cached_property
    def parts(self) -> list[PartPoints]:
        """The points by part of the dog, in the order of the parts."""
        names = dict.fromkeys([*PART_NAMES, *(point.part for point in self.points)])
        found = ((name, [p for p in self.points if p.part == name]) for name in names)
        return [PartPoints(name, points) for name, points in found if points]


def draw(
    *,
    layout: Mapping[str, Any],
    points: Sequence[Sequence[float]] | None,
    box: Sequence[float] | None,
    width: int,
    height: int,
    traits: Iterable[str] = (),
) -> Overlay | None:
    """The overlay of one picture; None where nothing was found in it.

    `layout` is the keypoints part of a model spec (names, skeleton, parts); `points` are
    [x, y, confidence] and `box` [x0, y0, x1, y1], in fractions of the picture. Empty `traits` are
    left out.
    """
    if not points or not width or not height:
        return None
    across = max((box[2] - box[0]) * width, (box[3] - box[1]) * height) if box else 0
    unit = (max(width, height) + across) / 200
    drawn: dict[str, Point] = {}
    for name, (x, y, confidence) in zip(layout["names"], points, strict=True):
        if confidence >= MIN_CONFIDENCE:
            drawn[name] = _point(
                name, layout["parts"].get(name, "body"), x * width, y * height, confidence, unit
            )
    return Overlay(
        width=width,
        height=height,
        points=list(drawn.values()),
        lines=list(_lines(layout["skeleton"], drawn)),
        box=_box(box, width, height),
        traits=tuple(word for word in traits if word),
    )


def _point(name: str, part: str, x: float, y: float, confidence: float, unit: float) -> Point:
    radius = unit * (0.8 + 0.6 * confidence)
    return Point(
        name=name,
        part=part,
        x=round(x, 1),
        y=round(y, 1),
        confidence=confidence,
        hollow=name.startswith("right_"),
        path=SHAPES.get(part, _circle)(x, y, radius),
    )


def _lines(skeleton: Iterable[Sequence[str]], drawn: Mapping[str, Point]) -> Iterable[Line]:
    for first, second in skeleton:
        a, b = drawn.get(first), drawn.get(second)
        if a and b:
            yield Line(b.part, a.x, a.y, b.x, b.y)


def _box(
    box: Sequence[float] | None, width: int, height: int
) -> tuple[float, float, float, float] | None:
    if not box:
        return None
    x0, y0, x1, y1 = box
    return (
        round(x0 * width, 1),
        round(y0 * height, 1),
        round((x1 - x0) * width, 1),
        round((y1 - y0) * height, 1),
    )


def _circle(x: float, y: float, r: float) -> str:
    # Rounded once: half circles over a chord shorter than their diameter would bulge.
    r = round(r, 1)
    half = f"a{r:.1f} {r:.1f} 0 1 0"
    return f"M{x - r:.1f} {y:.1f}{half} {2 * r:.1f} 0{half} {-2 * r:.1f} 0Z"


def _polygon(x: float, y: float, r: float, corners: int, turn: float) -> str:
    angles = (turn + 2 * math.pi * i / corners for i in range(corners))
    corners_at = (f"{x + r * math.cos(a):.1f} {y + r * math.sin(a):.1f}" for a in angles)
    return f"M{'L'.join(corners_at)}Z"


# Each part has its own shape as well as its colour, so that colour is never the only sign.
SHAPES = {
    "face": _circle,
    "body": lambda x, y, r: _polygon(x, y, 1.2 * r, 4, math.pi / 4),
    "front_legs": lambda x, y, r: _polygon(x, y, 1.35 * r, 3, -math.pi / 2),
    "hind_legs": lambda x, y, r: _polygon(x, y, 1.35 * r, 4, 0),
}
