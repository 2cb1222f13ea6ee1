"""Small bar charts, drawn as SVG by `templates/manage/bars.html`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from portal.insights.activity import Column
from portal.insights.health import Hour
from portal.insights.spans import LAST_DAY, Span

HEIGHT = 60.0
STEP = 10.0


@dataclass(frozen=True)
class Bar:
    """One column in the units of the view box; `above` is a second part on top of the first."""

    x: float
    y: float
    height: float
    above_y: float
    above: float
    words: str


@dataclass(frozen=True)
class Chart:
    """`top` is the value at the upper edge, with its unit; `since` the first column's time, `span`
    what the columns are; `plain` when its bars are neither good nor bad."""

    title: str
    bars: list[Bar]
    width: float
    height: float
    top: str
    since: str
    span: str
    empty: bool
    plain: bool


def jobs_chart(hours: Sequence[Hour]) -> Chart:
    return draw(
        _("Jobs finished and failed"),
        [hour.start for hour in hours],
        [(float(hour.finished), float(hour.failed)) for hour in hours],
        [
            _("%(finished)d finished, %(failed)d failed")
            % {"finished": hour.finished, "failed": hour.failed}
            for hour in hours
        ],
        lambda highest: _("%(count)d jobs an hour") % {"count": highest},
    )


def wait_chart(hours: Sequence[Hour]) -> Chart:
    values = [hour.wait.total_seconds() if hour.wait else 0.0 for hour in hours]
    return draw(
        _("Mean wait before a job starts"),
        [hour.start for hour in hours],
        [(value, 0.0) for value in values],
        [seconds(value) for value in values],
        seconds,
        plain=True,
    )


def activity_charts(columns: Sequence[Column], span: Span) -> list[Chart]:
    """Photos, searches, their times, and dogs opened, in this order."""
    starts = [column.start for column in columns]

    def count(number: float) -> str:
        return number_format(int(number))

    return [
        draw(
            _("Photos of dogs added"),
            starts,
            [(float(column.uploads), 0.0) for column in columns],
            [count(column.uploads) for column in columns],
            count,
            span=span,
            plain=True,
        ),
        draw(
            _("Searches answered, and those that failed"),
            starts,
            [(float(column.answered), float(column.failed)) for column in columns],
            [
                _("%(answered)d answered, %(failed)d failed")
                % {"answered": column.answered, "failed": column.failed}
                for column in columns
            ],
            count,
            span=span,
        ),
        draw(
            _("From photo to answer: half of them, and 19 of 20"),
            starts,
            [times(column) for column in columns],
            [
                _("half within %(half)s, 19 of 20 within %(most)s")
                % {
                    "half": seconds((column.median or 0) / 1000),
                    "most": seconds((column.slowest or 0) / 1000),
                }
                if column.median is not None
                else _("no search")
                for column in columns
            ],
            seconds,
            span=span,
            plain=True,
        ),
        draw(
            _("Dogs opened from an answer"),
            starts,
            [(float(column.clicks), 0.0) for column in columns],
            [count(column.clicks) for column in columns],
            count,
            span=span,
            plain=True,
        ),
    ]


def times(column: Column) -> tuple[float, float]:
    """The median in seconds, and what the 95th percentile has above it."""
    median, slowest = column.median or 0, column.slowest or 0
    return median / 1000, (slowest - median) / 1000


def seconds(value: float) -> str:
    return _("%(seconds)s s") % {"seconds": number_format(value, 1)}


def draw(
    title: str,
    starts: Sequence[datetime],
    values: Sequence[tuple[float, float]],
    words: Sequence[str],
    top: Callable[[float], str],
    *,
    span: Span = LAST_DAY,
    plain: bool = False,
) -> Chart:
    """A column for each start: its two parts, its words; `top` puts the highest into words."""
    highest = max((below + above for below, above in values), default=0.0)
    scale = HEIGHT / highest if highest else 0.0
    bars = []
    for number, ((below, above), start, text) in enumerate(zip(values, starts, words, strict=True)):
        y = HEIGHT - below * scale
        bars.append(
            Bar(
                x=number * STEP + 1,
                y=round(y, 2),
                height=round(below * scale, 2),
                above_y=round(y - above * scale, 2),
                above=round(above * scale, 2),
                words=f"{span.clock(start)}: {text}",
            )
        )
    return Chart(
        title=title,
        bars=bars,
        width=STEP * len(bars),
        height=HEIGHT,
        top=top(highest),
        since=span.clock(starts[0]) if starts else "",
        span=str(span.words),
        empty=not highest,
        plain=plain,
    )
