"""Times of several ways to do one thing, taken in turns.

A machine that others use too is faster at one moment than at the next. In turns every way meets the
same moments, so ratios within a round hold where times do not.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence


def interleaved(
    calls: Mapping[str, Callable[[], object]], rounds: int, *, warming: int = 1
) -> dict[str, list[float]]:
    """Seconds of each call in each of `rounds`, after `warming` calls of each that do not count.

    Every round begins with another one, so that none always runs behind the same neighbour.
    """
    names = list(calls)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        for _ in range(warming):
            calls[name]()
    for number in range(rounds):
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            begun = time.perf_counter()
            calls[name]()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def times_faster(than: Sequence[float], seconds: Sequence[float]) -> float:
    """How many times as fast `seconds` are as those of `than`: the median of the rounds' ratios.

    Raises ValueError where the two were not taken in the same rounds.
    """
    return statistics.median(a / b for a, b in zip(than, seconds, strict=True))
