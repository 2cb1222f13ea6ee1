"""Adopters who come when they come: measured, and as benchmarks/queueing.py reckons it.

The product on this machine is taken as one server. What it takes for a search is measured by fifty
adopters at once; what a single adopter waits beyond that costs no server (the page's pauses).
"""

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import pages, stage
from benchmarks.end_to_end import Answer, search
from benchmarks.plots import lines
from benchmarks.queueing import p95, poisson, responses
from benchmarks.report import picture, place, table, write_section
from benchmarks.system import PHOTOS, at_once

# Of what the machine can do.
SHARES = (0.2, 0.4, 0.6, 0.8)
SECONDS = 40
BURST = 50
THREADS = 200


class Run(NamedTuple):
    """At `rate` arrivals a second: seconds measured, and reckoned for the same moments."""

    rate: float
    measured: list[float]
    reckoned: NDArray[np.float64]
    outcomes: Counter[str]


def run(options: argparse.Namespace, machine: dict[str, Any]) -> int:
    with stage.opened(options, PHOTOS) as (server, dogs, listed, _seconds):
        total = pages.fill(server, options.crowd - listed)
        photos = itertools.cycle(dogs.searches)
        at_once(server.url, list(itertools.islice(photos, 10)))
        single = [search(server.url, next(photos)).seconds for _ in range(30)]
        alone = float(np.median(single))
        service = burst(server.url, photos)
        print(f"alone {alone:.3f} s, of the machine {service:.3f} s a search", flush=True)
        runs = []
        for number, share in enumerate(SHARES):
            runs.append(offer(server.url, photos, share / service, alone, service, number))
            print(*row(runs[-1]), flush=True)
    keep(runs, alone, service, total, dogs.source, machine)
    return 0


def burst(url: str, photos: Iterator[Path]) -> float:
    """Seconds a search when the machine has no pause: BURST at once, the median of three times."""
    taken = []
    for _ in range(3):
        answers = at_once(url, list(itertools.islice(photos, BURST)))
        taken.append(max(answer.seconds for answer in answers) / BURST)
    return float(np.median(taken))


def offer(
    url: str, photos: Iterator[Path], rate: float, alone: float, service: float, seed: int
) -> Run:
    """Lets adopters come for SECONDS at `rate` a second, whether or not others wait."""
    moments = poisson(rate, SECONDS, seed)
    begun = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        came = [(moment, next(photos)) for moment in moments.tolist()]
        answers = list(pool.map(lambda one: come(url, begun + one[0], one[1]), came))
    measured = [answer.seconds for answer in answers if answer.outcome == "matches"]
    beside = max(0.0, alone - service)
    reckoned = responses(moments.tolist(), [service] * len(moments)) + beside
    return Run(rate, measured, reckoned, Counter(answer.outcome for answer in answers))


def come(url: str, moment: float, photo: Path) -> Answer:
    """`moment` as time.monotonic tells it."""
    time.sleep(max(0.0, moment - time.monotonic()))
    return search(url, photo)


def row(one: Run) -> list[str]:
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in one.outcomes.most_common())
    return [
        f"{one.rate:.1f}",
        f"{np.median(one.measured):.2f} s",
        f"{np.median(one.reckoned):.2f} s",
        f"{p95(one.measured):.2f} s",
        f"{p95(one.reckoned):.2f} s",
        outcomes,
    ]


def keep(
    runs: Sequence[Run],
    alone: float,
    service: float,
    dogs: int,
    source: str,
    machine: dict[str, Any],
) -> None:
    lines(
        place("load.svg"),
        "From upload to matches, by adopters a second",
        {
            "measured, median": [(one.rate, float(np.median(one.measured))) for one in runs],
            "reckoned, median": [(one.rate, float(np.median(one.reckoned))) for one in runs],
            "measured, 95 %": [(one.rate, p95(one.measured)) for one in runs],
            "reckoned, 95 %": [(one.rate, p95(one.reckoned)) for one in runs],
        },
        across="adopters a second",
        up="seconds",
    )
    head = ("a second", "median", "reckoned", "95 %", "reckoned", "outcomes")
    said = [
        f"{dogs} dogs listed. Adopters come for {SECONDS} s each time, as a Poisson process, and "
        f"nobody waits for anybody. A search takes {service:.3f} s of this machine when {BURST} "
        f"press at once, and {alone:.2f} s from upload to matches when nobody else is there. "
        "Reckoned: the same moments of arrival before one server that takes as long "
        "(benchmarks/queueing.py). The clients run on the same cores.",
        "",
        *table(head, [row(one) for one in runs]),
        "",
        picture("Measured and reckoned times by adopters a second", "load.svg"),
    ]
    facts = {
        "content": source,
        "dogs": dogs,
        "alone_s": alone,
        "service_s": service,
        "runs": [
            {
                "rate": one.rate,
                "measured_s": [round(value, 3) for value in one.measured],
                "reckoned_s": [round(float(value), 3) for value in one.reckoned],
                "outcomes": dict(one.outcomes),
            }
            for one in runs
        ],
    }
    write_section("load", "Adopters who come when they come", said, machine, facts)
