"""How many examples hypothesis tries: few in the suite, and always the same ones; as many as
FUZZ_EXAMPLES says, and others each time, where script/fuzz runs it."""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

from tests.fuzz.targets import say

ASKED = os.environ.get("FUZZ_EXAMPLES")
tried = 0


def examples(number: int) -> Callable[[Any], Any]:
    """Decorates a test that `given` decorates: so many in the suite."""
    chosen = settings(
        max_examples=int(ASKED or number),
        derandomize=not ASKED,
        deadline=None,
        database=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large,
        ],
    )  # fmt: skip

    def decorated(test: Any) -> Any:
        inner = test.hypothesis.inner_test

        @functools.wraps(inner)
        def counted(*arguments: Any, **named: Any) -> Any:
            global tried
            tried += 1
            return inner(*arguments, **named)

        test.hypothesis.inner_test = counted
        return chosen(test)

    return decorated


if ASKED:
    # For script/fuzz, which reads it out of the log.
    atexit.register(lambda: say(f"tried: {tried}"))
