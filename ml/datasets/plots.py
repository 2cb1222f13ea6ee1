"""The plots of a data report, as PNG bytes."""

import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ml.datasets.scan import Facts

_ACCENT, _SECOND, _INK, _MUTED, _LINE = "#B3402A", "#3F6B4F", "#2A2420", "#6B6058", "#E7DFD5"
_STYLE: Any = {
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.titlecolor": _INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "legend.frameon": False,
}
# For class names that are not Latin, where one of them is installed.
_FONTS = ("Pretendard", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic", "Apple SD Gothic Neo")
_MOST_POINTS = 4000
_MOST_NAMES = 40


def sizes(facts: Sequence[Facts]) -> bytes:
    """Width and height of each photo, and their ratio."""
    width, height = (np.array([getattr(f, side) for f in facts]) for side in ("width", "height"))

    def draw(figure: Figure) -> None:
        sides, points, ratio = figure.subplots(1, 3)
        edges = np.linspace(0, max(width.max(), height.max()) * 1.02, 41)
        for values, name, colour in ((width, "width", _ACCENT), (height, "height", _SECOND)):
            sides.hist(values, edges, histtype="stepfilled", alpha=0.45, color=colour, label=name)
        sides.set_xlim(0, edges[-1])
        sides.legend(loc="upper left")
        _named(sides, "Width and height", "pixels", "photos")
        step = math.ceil(len(facts) / _MOST_POINTS)
        points.scatter(width[::step], height[::step], s=14, alpha=0.3, color=_ACCENT, lw=0)
        points.set_xlim(0, edges[-1])
        points.set_ylim(0, edges[-1])
        points.set_aspect("equal")
        _named(points, "Each photo", "width, pixels", "height, pixels")
        shape = np.log2(width / height)
        reach = max(1.2, float(np.abs(shape).max()) * 1.05)
        ratio.hist(shape, np.linspace(-reach, reach, 41), color=_ACCENT)
        ticks = {"1:3": 1 / 3, "1:2": 0.5, "2:3": 2 / 3, "1:1": 1.0, "3:2": 1.5, "2:1": 2, "3:1": 3}
        shown = {name: math.log2(v) for name, v in ticks.items() if abs(math.log2(v)) <= reach}
        ratio.set_xticks(list(shown.values()), list(shown))
        _named(ratio, "Shape", "width : height", "photos")

    return drawn(draw, 10.5, 3.1)


def files(facts: Sequence[Facts]) -> bytes:
    """What the files are: format, channels, bytes."""

    def draw(figure: Figure) -> None:
        formats, modes, size = figure.subplots(1, 3)
        _bars(formats, Counter(f.format for f in facts), "Format of the content")
        _bars(modes, Counter(f.mode for f in facts), "Channels (as stored)")
        kilobytes = np.array([f.bytes / 1024 for f in facts])
        low, high = max(kilobytes.min(), 0.1), max(kilobytes.max(), 1.0)
        size.hist(kilobytes, np.geomspace(low * 0.95, high * 1.05, 41), color=_ACCENT)
        size.set_xscale("log")
        size.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        size.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        size.xaxis.set_minor_formatter(NullFormatter())
        _named(size, "Size of a file", "kB", "photos")

    return drawn(draw, 10.5, 2.6)


def light(facts: Sequence[Facts]) -> bytes:
    """How light, how contrasty and how colourful the pictures are."""
    shown = (
        ("brightness", "Brightness (mean lightness)", "0 black, 255 white"),
        ("contrast", "Contrast (its deviation)", "0 flat"),
        ("colour", "Colour (between channels)", "0 grey"),
    )

    def draw(figure: Figure) -> None:
        for axes, (name, title, unit) in zip(figure.subplots(1, 3), shown, strict=True):
            values = np.array([getattr(f, name) for f in facts])
            top = 255 if name == "brightness" else max(1.0, float(values.max()) * 1.02)
            axes.hist(values, np.linspace(0, top, 41), color=_ACCENT)
            axes.set_xlim(0, top)
            axes.axvline(float(np.median(values)), color=_INK, lw=1, ls=":")
            _named(axes, title, f"{unit}; dotted: median", "photos")

    return drawn(draw, 10.5, 2.6)


def classes(counts: Counter[str]) -> bytes:
    """Photos of each class, the largest first; named where they are not too many."""
    ranked = counts.most_common()
    names, values = [name or "(none)" for name, _ in ranked], [count for _, count in ranked]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar(range(len(values)), values, width=0.8, color=_ACCENT)
        axes.set_xlim(-0.7, len(values) - 0.3)
        if len(names) <= _MOST_NAMES:
            axes.set_xticks(
                range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor"
            )
        axes.axhline(float(np.median(values)), color=_INK, lw=1, ls=":")
        below = "" if len(names) <= _MOST_NAMES else "classes, the largest first"
        _named(axes, "Photos of each class (dotted: median)", below, "photos")

    return drawn(draw, 10.5, 3.4)


def _bars(axes: Axes, counts: Counter[str], title: str) -> None:
    ranked = counts.most_common(8)[::-1]
    bars = axes.barh(
        [name for name, _ in ranked], [n for _, n in ranked], height=0.6, color=_ACCENT
    )
    axes.bar_label(bars, [f"{n:,}" for _, n in ranked], padding=3, color=_MUTED)
    axes.set_xlim(0, max(n for _, n in ranked) * 1.25)
    axes.set_ylim(min(0, len(ranked) - 3) - 0.7, len(ranked) - 0.3)
    axes.set_xticks([])
    axes.spines.bottom.set_visible(False)
    _named(axes, title, "", "")


def _named(axes: Axes, title: str, below: str, beside: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(below)
    axes.set_ylabel(beside)
    if beside == "photos":
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))


def drawn(draw: Callable[[Figure], None], width: float, height: float) -> bytes:
    """A PNG file of what `draw` puts on a figure; `width` and `height` in inches."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    family = ["DejaVu Sans", *(name for name in _FONTS if name in known)]
    style: Any = {**_STYLE, "font.family": family}
    out = io.BytesIO()
    with rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(out, format="png", dpi=144)
    return out.getvalue()
