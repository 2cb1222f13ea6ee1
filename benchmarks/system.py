"""Adopters at once: from the upload to the matches, alone and beside a reindex of all photos."""

import argparse
import itertools
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import listing, pages, stage
from benchmarks.api import Api
from benchmarks.end_to_end import Answer, drop
from benchmarks.installation import Installation
from benchmarks.report import Figure, table, write_section
from benchmarks.visitor import Visitor

# Adopters, and how often so many come at once.
CROWDS = ((1, 40), (10, 12), (50, 4), (100, 2))
BESIDE = ((1, 40), (10, 12), (50, 4))
PHOTOS = 100
WITHDRAWN = 20


class Crowd(NamedTuple):
    """So many at once: seconds of each that found matches, and how often each outcome was."""

    adopters: int
    figure: Figure
    outcomes: Counter[str]


def run(options: argparse.Namespace, machine: dict[str, Any]) -> int:
    with stage.opened(options, PHOTOS) as (server, dogs, listed, seconds):
        prepared = listed / seconds
        print(f"{listed} photos through the queue, {prepared:.1f} a second", flush=True)
        total = pages.fill(server, options.crowd - listed)
        photos = itertools.cycle(dogs.searches)
        list(crowds(server.url, photos, ((1, 5), (10, 1))))
        alone = list(crowds(server.url, photos, CROWDS))
        kept = withdrawals(server, dogs.searches[0])
        api = Api(server)
        api.call("POST", "reindex/", {"rebuild": True})
        beside = list(crowds(server.url, photos, BESIDE))
        during = api.call("GET", "reindex/")
        print(f"reindex meanwhile: {during}", flush=True)
    rows = [row("", one) for one in alone] + [row(" beside a reindex", one) for one in beside]
    ratios = [
        f"{one.adopters}: {one.figure.p95 / other.figure.p95:.2f}"
        for one, other in zip(beside, alone, strict=False)
    ]
    facts = {
        "content": dogs.source,
        "dogs": total,
        "photos_a_second": round(prepared, 2),
        "withdrawn_dogs_found_again": kept,
        "reindex": during,
        "alone": [told(one) for one in alone],
        "beside": [told(one) for one in beside],
    }
    said = [
        f"{total} dogs listed ({dogs.source}, and copies). All adopters of a row press the button "
        "at the same moment; the clock runs until each has the matches on the page, the page's own "
        "pauses included. The clients run on the same cores.",
        "",
        *table(("adopters at once", "median", "95 %", "slowest", "number", "outcomes"), rows),
        "",
        f"Beside a reindex the 95 % are so many times longer: {'; '.join(ratios)}. It described "
        f"{during['done']} of {during['total']} photos meanwhile.",
        "",
        f"New listings went through the queue at {prepared:.1f} photos a second: decode, subject, "
        "embedding, keypoints, two pictures, rows.",
        "",
        f"Of {WITHDRAWN} dogs withdrawn just before the same photo was searched again, {kept} were "
        "in an answer.",
    ]
    write_section("system", "Adopters at once", said, machine, facts)
    return 0


def crowds(url: str, photos: Iterator[Path], sizes: Sequence[tuple[int, int]]) -> Iterator[Crowd]:
    for adopters, times in sizes:
        answers: list[Answer] = []
        for _ in range(times):
            answers += at_once(url, list(itertools.islice(photos, adopters)))
        seconds = [answer.seconds for answer in answers if answer.outcome == "matches"]
        one = Crowd(
            adopters,
            Figure(f"{adopters} at once", seconds),
            Counter(answer.outcome for answer in answers),
        )
        print(*row("", one), flush=True)
        yield one


def at_once(url: str, photos: Sequence[Path]) -> list[Answer]:
    """A photo an adopter; all of them have the page open, and press at the same moment."""
    together = threading.Barrier(len(photos))

    def search(photo: Path) -> Answer:
        with Visitor(url) as visitor:
            form = visitor.get("/").form("/search/")
            together.wait()
            return drop(visitor, form, photo)

    with ThreadPoolExecutor(len(photos)) as pool:
        return list(pool.map(search, photos))


def withdrawals(server: Installation, photo: Path) -> int:
    """How many of WITHDRAWN dogs, each first in an answer and then withdrawn, the next answer to
    the same photo shows."""
    again = 0
    with Visitor(server.url) as staff:
        listing.log_in(staff, *server.logins()["admin"])
        for _ in range(WITHDRAWN):
            dog = pages.FIRST_DOG.search(one_search(server.url, photo))
            if dog is None:
                raise RuntimeError("the search found no dog")
            form = staff.get(f"/staff{dog[1]}").form(f"/staff{dog[1]}status/")
            staff.submit(form, {"status": "withdrawn"})
            again += f'"{dog[1]}' in one_search(server.url, photo)
    return again


def one_search(url: str, photo: Path) -> str:
    with Visitor(url) as visitor:
        return drop(visitor, visitor.get("/").form("/search/"), photo).text


def row(beside: str, one: Crowd) -> list[str]:
    slowest = max(one.figure.seconds)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in one.outcomes.most_common())
    return [
        f"{one.adopters}{beside}",
        f"{one.figure.median:.2f} s",
        f"{one.figure.p95:.2f} s",
        f"{slowest:.2f} s",
        str(len(one.figure.seconds)),
        outcomes,
    ]


def told(one: Crowd) -> dict[str, Any]:
    return {"adopters": one.adopters, "outcomes": dict(one.outcomes), **one.figure.told()}
