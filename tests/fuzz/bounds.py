"""What every target has in common: an end in time, and how Django comes up without pytest."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds of this process's own time that one input may take; a shared machine does not count.
SECONDS = 5.0


class TooSlow(Exception):
    """An input that keeps a worker busy."""


@contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Raises TooSlow where the block took longer."""
    begun = time.process_time()
    yield
    taken = time.process_time() - begun
    if taken > seconds:
        raise TooSlow(f"{taken:.1f} s")


def start_django() -> None:
    """Settings, and a database in memory with the breeds that migrations bring."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.db import connection

    connection.creation.create_test_db(verbosity=0)
