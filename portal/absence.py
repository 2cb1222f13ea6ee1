"""That another system was away a moment ago, so that not everybody waits to find out again."""

from __future__ import annotations

import time


class Absence:
    """After `note()` it holds for so many seconds; `end()` ends it. One per process and system."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0

    def holds(self) -> bool:
        return time.monotonic() < self._until

    def note(self) -> None:
        self._until = time.monotonic() + self._seconds

    def end(self) -> None:
        self._until = 0.0
