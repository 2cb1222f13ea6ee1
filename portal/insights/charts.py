"""Small bar charts, drawn as SVG by `templates/manage/bars.html`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import number_format, time_format
from django.utils.translation import gettext as _

from portal.insights.health import Hour

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
    """`top` is the value at the upper edge, with its unit; `since` the first column's time;
    `plain` when its bars are neither good nor bad."""

    title: str
    bars: list[Bar]
    width: float
    height: float
    top: str
    since: str
    empty: bool
    plain: bool


def jobs_chart(hours: Sequence[Hour]) -> Chart:
    values = [(float(hour.finished), float(hour.failed)) for hour in hours]
    words = [
        _("%(time)s: %(finished)d finished, %(failed)d failed")
        % {"time": clock(hour), "finished": hour.finished, "failed": hour.failed}
        for hour in hours
    ]
    highest = max((sum(value) for value in values), default=0.0)
    top = _("%(count)d jobs an hour") % {"count": highest}
    return draw(_("Jobs finished and failed"), hours, values, words, highest, top)


def wait_chart(hours: Sequence[Hour]) -> Chart:
    values = [(hour.wait.total_seconds() if hour.wait else 0.0, 0.0) for hour in hours]
    words = [
        _("%(time)s: %(seconds)s s") % {"time": clock(hour), "seconds": number_format(value, 1)}
        for hour, (value, _none) in zip(hours, values, strict=True)
    ]
    highest = max((value for value, _none in values), default=0.0)
    top = _("%(seconds)s s") % {"seconds": number_format(highest, 1)}
    title = _("Mean wait before a job starts")
    return draw(title, hours, values, words, highest, top, plain=True)


def clock(hour: Hour) -> str:
    return time_format(timezone.localtime(hour.start), "H:i")


def draw(
    title: str,
    hours: Sequence[Hour],
    values: Sequence[tuple[float, float]],
    words: Sequence[str],
    highest: float,
    top: str,
    *,
    plain: bool = False,
) -> Chart:
    scale = HEIGHT / highest if highest else 0.0
    bars = []
    for number, ((below, above), text) in enumerate(zip(values, words, strict=True)):
        y = HEIGHT - below * scale
        bars.append(
            Bar(
                x=number * STEP + 1,
                y=round(y, 2),
                height=round(below * scale, 2),
                above_y=round(y - above * scale, 2),
                above=round(above * scale, 2),
                words=text,
            )
        )
    since = clock(hours[0]) if hours else ""
    return Chart(title, bars, STEP * len(bars), HEIGHT, top, since, not highest, plain)
