"""Plots of docs/performance.md: small SVG files that are the same for the same numbers.

`benchmarks.report.place` says where they go, `benchmarks.report.picture` shows them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Text stays text: a tenth of the size of drawn letters, and readers can search it. Names in the
# file come from a hash, which the salt makes the same in every run.
STYLE: Any = {
    "svg.hashsalt": "pawkin",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}
# Okabe and Ito's colours, which nearly everybody can tell apart.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#888888", "#f0e442")
WIDTH_INCHES = 7.5
BAR_INCHES = 0.2


def bars(
    path: Path,
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    axis: str,
    logarithmic: bool = False,
    mark: float | None = None,
) -> Path:
    """Bars from left to right, a group a label from top to bottom, one of a group a series.

    A series has a value a label; None, or a value that was not to be had, leaves its place empty.
    `axis` says what is counted, with its unit; `mark` draws a line there. Returns `path`. Raises
    ValueError for a series of another length.
    """
    for name, values in series.items():
        if len(values) != len(labels):
            raise ValueError(f"'{name}' has {len(values)} values for {len(labels)} labels")
    with matplotlib.rc_context(STYLE):
        high = BAR_INCHES * len(labels) * (len(series) + 1)
        figure, axes = _empty(title, high + 1.3)
        thick = 1 / (len(series) + 1)
        for place, (name, values) in enumerate(series.items()):
            told = [(row, value) for row, value in enumerate(values) if value is not None]
            drawn = axes.barh(
                [row + place * thick for row, _ in told],
                [value for _, value in told],
                thick * 0.9,
                color=COLOURS[place % len(COLOURS)],
                label=name,
            )
            axes.bar_label(drawn, [f"{value:.3g}" for _, value in told], padding=3, fontsize=8)
        axes.set_yticks([row + thick * (len(series) - 1) / 2 for row in range(len(labels))], labels)
        axes.invert_yaxis()
        axes.set_xlabel(axis)
        axes.margins(x=0.1)
        axes.grid(axis="x", color="#dddddd")
        if logarithmic:
            axes.set_xscale("log")
        if mark is not None:
            axes.axvline(mark, color="#444444", linewidth=1, linestyle="--")
        return _saved(figure, axes, path, len(series))


def lines(
    path: Path,
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    across: str,
    up: str,
    logarithmic: bool = False,
    marks: Mapping[str, float] | None = None,
) -> Path:
    """A line a series through its points (x, y), in their order.

    `across` and `up` say what the axes count, with units; with `logarithmic` both axes are. `marks`
    are heights that a dashed line with a name shows, for example a target. Returns `path`.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _empty(title, 4.2)
        for place, (name, points) in enumerate(series.items()):
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=COLOURS[place % len(COLOURS)],
                marker="o",
                markersize=4,
                label=name,
            )
        for name, height in (marks or {}).items():
            axes.axhline(height, color="#444444", linewidth=1, linestyle="--", label=name)
        if logarithmic:
            axes.set_xscale("log")
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.grid(color="#dddddd")
        return _saved(figure, axes, path, len(series) + len(marks or {}))


def _empty(title: str, height: float) -> tuple[Figure, "Axes"]:
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained", facecolor="white")
    # Over the whole width: labels may leave little room above the bars themselves.
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11)
    return figure, figure.add_subplot()


def _saved(figure: Figure, axes: "Axes", path: Path, series: int) -> Path:
    if series > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    # Without what changes from day to day and from one release of matplotlib to the next.
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path
