"""What the page of a clip shows: the film for its script, a chart, the same in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import pgettext_lazy

from portal.clips.models import Clip
from portal.matching.models import Posture
from portal.matching.overlay import MIN_CONFIDENCE, SHAPES, Overlay, draw

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

# Of a point's shape, in the units of its path; the script makes it as large as it has to be.
SHAPE_RADIUS = 100
# The chart in CSS pixels, so that its words are as large as those beside it.
CHART_HEIGHT = 132
LABEL_HEIGHT = 18

POSTURES: dict[str, StrPromise] = {
    Posture.STANDING: pgettext_lazy("a dog in a clip", "stands"),
    Posture.SITTING: pgettext_lazy("a dog in a clip", "sits"),
    Posture.LYING: pgettext_lazy("a dog in a clip", "lies"),
    Posture.OTHER: pgettext_lazy("a dog in a clip", "cannot be told"),
}
# How high a posture stands in the strip below the chart, of ten: colour is never the only sign.
HEIGHTS: dict[str, float] = {
    Posture.STANDING: 10,
    Posture.SITTING: 6.5,
    Posture.LYING: 3.5,
    Posture.OTHER: 1,
}


def film(clip: Clip) -> dict[str, Any]:
    """What `static/js/clip.js` plays; places are fractions of the frame."""
    layout = clip.layout or {}
    names, parts = layout["names"], layout["parts"]
    places = {name: place for place, name in enumerate(names)}
    return {
        "film": reverse("staff_clips:film", args=[clip.pk]),
        "width": clip.width,
        "height": clip.height,
        "seconds": clip.seconds,
        "sure": MIN_CONFIDENCE,
        "radius": SHAPE_RADIUS,
        "shapes": {part: shape(0, 0, SHAPE_RADIUS) for part, shape in SHAPES.items()},
        "points": [[parts.get(name, "body"), name.startswith("right_")] for name in names],
        "edges": [
            [places[a], places[b], parts.get(b, "body")]
            for a, b in layout["skeleton"]
            if a in places and b in places
        ],
        "frames": [
            {name: frame[name] for name in ("t", "at", "box", "points")} for frame in clip.frames
        ],
    }


def poster_overlay(clip: Clip) -> Overlay | None:
    """The points over the picture that stands for the film where no script runs."""
    frame = clip.frames[clip.shown]
    return draw(
        layout=clip.layout or {},
        points=frame["points"],
        box=frame["box"],
        width=clip.width,
        height=clip.height,
    )


@dataclass(frozen=True)
class Label:
    """A level's word at the height where the level begins, in CSS pixels from the top."""

    y: float
    word: str


@dataclass(frozen=True)
class Sign:
    """A posture as a bar that is as high as the dog then is."""

    posture: str

    @property
    def height(self) -> float:
        return HEIGHTS.get(self.posture, 0)

    @property
    def y(self) -> float:
        return HEIGHTS[Posture.STANDING] - self.height


@dataclass(frozen=True)
class Piece(Sign):
    """Of the strip below the chart: where a posture begins and how long it lasts, in per cent."""

    x: float
    width: float
    word: str


@dataclass(frozen=True)
class Chart:
    """Speed over time. `area` and `line` are SVG paths in a box of 100 by `height`, `rules` the
    heights of the levels' beginnings, `top` the speed at the upper edge."""

    area: str
    line: str
    rules: list[float]
    labels: list[Label]
    strip: list[Piece]
    height: int
    top: float
    seconds: float


def chart(clip: Clip) -> Chart | None:
    """None where no speed is known."""
    known = [speed for speed in clip.speeds if speed is not None]
    if not known or not clip.seconds or not clip.levels:
        return None
    # A dog that keeps still should look so.
    top = max(1.1 * max(known), clip.levels[Clip.Level.MODERATE])

    def height(speed: float) -> float:
        return round(CHART_HEIGHT * (1 - speed / top), 1)

    runs = list(stretches(clip))
    lines = [
        "M" + "L".join(f"{100 * t / clip.seconds:.2f} {height(speed)}" for t, speed in run)
        for run in runs
    ]
    areas = [
        f"{line}L{100 * run[-1][0] / clip.seconds:.2f} {CHART_HEIGHT}"
        f"L{100 * run[0][0] / clip.seconds:.2f} {CHART_HEIGHT}Z"
        for line, run in zip(lines, runs, strict=True)
    ]
    begins = [(name, begin) for name, begin in clip.levels.items() if 0 < begin < top]
    return Chart(
        area="".join(areas),
        line="".join(lines),
        rules=[height(begin) for _name, begin in begins],
        labels=labels((height(begin), level_word(name)) for name, begin in begins),
        strip=strip(clip),
        height=CHART_HEIGHT,
        top=top,
        seconds=clip.seconds,
    )


def stretches(clip: Clip) -> Iterator[list[tuple[float, float]]]:
    """Times and speeds of steps that follow on each other; a step holds from look to look."""
    run: list[tuple[float, float]] = []
    times = [frame["t"] for frame in clip.frames]
    for start, end, speed in zip(times, times[1:], clip.speeds, strict=False):
        if speed is None:
            if run:
                yield run
            run = []
        else:
            run += [(start, speed), (end, speed)]
    if run:
        yield run


def labels(found: Iterable[tuple[float, str]]) -> list[Label]:
    """Those that have room; of two at one height the livelier stays."""
    placed: list[Label] = []
    for y, word in sorted(found):
        below_edge = max(y - 4, 11.0)
        if not placed or below_edge - placed[-1].y >= LABEL_HEIGHT:
            placed.append(Label(round(below_edge, 1), word))
    return placed


def strip(clip: Clip) -> list[Piece]:
    """What the dog does, as pieces of the film's time; empty where no posture is told."""
    pieces: list[Piece] = []
    if not clip.postures or not clip.seconds:
        return pieces
    times = [frame["t"] for frame in clip.frames]
    for frame, start, end in zip(clip.frames, times, [*times[1:], clip.seconds], strict=True):
        posture, x = frame["posture"], 100 * start / clip.seconds
        width = 100 * (end - start) / clip.seconds
        last = pieces[-1] if pieces else None
        if last and last.posture == posture:
            pieces[-1] = Piece(posture, last.x, last.width + width, last.word)
        else:
            pieces.append(Piece(posture, x, width, posture_word(posture)))
    return [
        Piece(piece.posture, round(piece.x, 2), round(piece.width, 2), piece.word)
        for piece in pieces
        if piece.posture
    ]


def posture_word(posture: str) -> str:
    return str(POSTURES.get(posture, ""))


def level_word(level: str) -> str:
    return str(Clip.Level(level).label)


def level_of(speed: float, clip: Clip) -> str:
    """The word of the highest level that begins at or below a speed."""
    begins = sorted((clip.levels or {}).items(), key=lambda pair: pair[1])
    reached = [name for name, begin in begins if speed >= begin]
    return level_word(reached[-1]) if reached else ""


@dataclass(frozen=True)
class Second:
    """A second of the film in words; empty where nothing is known."""

    number: int
    moves: str
    posture: str


def seconds(clip: Clip) -> list[Second]:
    """The film second by second, for those who do not see the chart."""
    times = [frame["t"] for frame in clip.frames]
    steps = list(zip(times, clip.speeds, strict=False))
    found = []
    for number in range(int(times[-1]) + 1):
        speeds = [s for t, s in steps if number <= t < number + 1 and s is not None]
        told = Counter(
            frame["posture"]
            for frame in clip.frames
            if number <= frame["t"] < number + 1 and frame["posture"]
        )
        moves = ""
        if speeds:
            mean = sum(speeds) / len(speeds)
            # It cuts digits off and does not round.
            moves = f"{level_of(mean, clip)} ({number_format(round(mean, 2), 2)})"
        posture = posture_word(told.most_common(1)[0][0]) if told else ""
        found.append(Second(number + 1, moves, posture))
    return found


@dataclass(frozen=True)
class Share(Sign):
    """How much of the time a posture takes."""

    word: str
    percent: int


def shares(clip: Clip) -> list[Share]:
    """What the dog does how much of the time it is seen, the most first."""
    told = sorted((clip.postures or {}).items(), key=lambda pair: -pair[1])
    return [
        Share(name, posture_word(name), round(100 * share)) for name, share in told if share > 0
    ]
