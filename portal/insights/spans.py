"""Stretches of time up to now, cut into equal columns: what charts are drawn over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Span:
    """`key` is its name in an address, `words` say how long it is and what a column is."""

    key: str
    columns: int
    step: timedelta
    label: StrPromise
    words: StrPromise

    def starts(self, now: datetime | None = None) -> list[datetime]:
        """When each column begins, in local time; the last one is the hour or day that runs."""
        last = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
        if self.step >= DAY:
            last = last.replace(hour=0)
        first = last - (self.columns - 1) * self.step
        return [first + number * self.step for number in range(self.columns)]

    def place(self, at: datetime, starts: list[datetime]) -> int | None:
        """The column of a moment; None for one before the first."""
        number = (at - starts[0]) // self.step
        return min(number, self.columns - 1) if number >= 0 else None

    def sort(
        self, rows: Iterable[tuple[datetime, Value]], starts: list[datetime]
    ) -> list[list[Value]]:
        """What belongs to each column, of (moment, value)."""
        columns: list[list[Value]] = [[] for _start in starts]
        for at, value in rows:
            number = self.place(at, starts)
            if number is not None:
                columns[number].append(value)
        return columns

    def clock(self, start: datetime) -> str:
        """A column's beginning in words."""
        local = timezone.localtime(start)
        if self.step >= DAY:
            return date_format(local, "MONTH_DAY_FORMAT")
        if self.columns * self.step > DAY:
            return f"{date_format(local, 'MONTH_DAY_FORMAT')}, {time_format(local, 'H:i')}"
        return time_format(local, "H:i")


LAST_DAY = Span("24h", 24, HOUR, _("24 hours"), _("last 24 hours, an hour a bar"))
LAST_WEEK = Span("7d", 28, 6 * HOUR, _("7 days"), _("last 7 days, six hours a bar"))
LAST_MONTH = Span("30d", 30, DAY, _("30 days"), _("last 30 days, a day a bar"))
SPANS = {span.key: span for span in (LAST_DAY, LAST_WEEK, LAST_MONTH)}
