"""`script/bench`: start the product with many dogs, measure it, keep the figures."""

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import content, end_to_end, faults, listing, machine, pages, parallel
from benchmarks.installation import Installation
from benchmarks.report import DOCS, Figure, write

PREPARE_SECONDS = 3600
# The first searches fill caches that stay filled; a newcomer's first one is told apart.
WARMING = 3
WHAT = {
    "end_to_end": "From upload to matches",
    "listing": "From listing to searchable",
    "similar_dog": "Ten callers at once",
    "pages": "What adopters open",
}
# Each a module with `run(options, machine) -> int`, imported when asked for: it needs no server
# from here, and may need libraries that take seconds to load.
ALONE = {
    "decode": "photos to pixels, by library",
    "networks": "each network on each runtime, and its share of the processor's peak",
    "ancestor": "a search, and what it took when nothing was kept between two",
    "search": "nearest dogs among ten thousand to a million photos, with filters",
    "system": "adopters at once, alone and beside a reindex, with --crowd dogs",
    "load": "adopters who come at random, measured and reckoned",
    "sizing": "docs/sizing.md from the figures of load, reindex, search and system",
    "reindex": "all photos described anew, up to --crowd of them",
}


def main() -> int:
    options = parse_options()
    place = machine.describe()
    if "faults" in options.what:
        return break_things(options, place)
    codes = [
        importlib.import_module(f"benchmarks.{name}").run(options, place)
        for name in options.what
        if name in ALONE
    ]
    if not set(options.what) & set(WHAT):
        return max(codes)
    with tempfile.TemporaryDirectory(prefix="pawkin-bench-") as name:
        folder = Path(name)
        try:
            dogs = content.prepare(
                folder,
                photos=options.photos,
                dogs=options.dogs,
                searches=2 * options.number + WARMING,
            )
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        print(f"Listing {dogs.source}", flush=True)
        begun = time.monotonic()
        options_of_server = ("--port", "0", "--photos", str(dogs.listed))
        # It measures how fast calls are answered, not how many are allowed.
        rates = {"API_RATE_VISITORS": "10000/min", "API_RATE_SEARCHES": "10000/min"}
        with Installation(folder / "data", *options_of_server, **rates) as server:
            prepared = server.wait_until_prepared(PREPARE_SECONDS)
            rate = prepared / (time.monotonic() - begun)
            print(f"{prepared} photos prepared, {rate:.1f} a second with the start", flush=True)
            facts = {"content": dogs.source, "photos_a_second": round(rate, 2)}
            warming = dogs.searches[:WARMING]
            first = dogs.searches[WARMING : WARMING + options.number]
            second = dogs.searches[WARMING + options.number :]
            if "end_to_end" in options.what:
                end_to_end.measure(server.url, warming)
                seconds, outcomes = end_to_end.measure(server.url, first)
                figure = Figure(f"upload to matches, {options.dogs} dogs", seconds)
                keep("end_to_end", figure, place, outcomes, facts)
            if "similar_dog" in options.what:
                end_to_end.measure(server.url, warming)
                seconds, outcomes = parallel.measure(server.url, first)
                figure = Figure(f"similar-dog, 10 at once, {options.dogs} dogs", seconds)
                keep("similar_dog", figure, place, outcomes, facts)
            if "listing" in options.what:
                seconds, states = listing.measure(server.url, server.logins()["staff"], second)
                figure = Figure(f"listing to searchable, {options.dogs} dogs", seconds)
                keep("listing", figure, place, Counter(states), facts)
            if "pages" in options.what:
                crowd = pages.fill(server, options.crowd)
                taken = pages.measure(server.url, warming[0], options.number)
                figures = [
                    Figure(f"page: {name}, {crowd} dogs", values) for name, values in taken.items()
                ]
                path = write("pages", figures, place, title=WHAT["pages"], **facts)
                for one in figures:
                    print(f"{one.what}: median {one.median:.3f} s, 95 % {one.p95:.3f} s")
                print(path, flush=True)
    return 0


def break_things(options: argparse.Namespace, place: dict[str, object]) -> int:
    """Keeps what came of it in docs/performance/faults.json; 1 when anything was lost."""
    plan = faults.Plan(
        uploads=options.uploads,
        searches=options.searches,
        kills=options.kills,
        flushes=options.flushes,
        pauses=options.pauses,
    )
    with tempfile.TemporaryDirectory(prefix="pawkin-bench-") as name:
        folder = Path(name)
        dogs = content.prepare(folder, photos=options.photos, dogs=20, searches=1)
        rates = {"API_RATE_VISITORS": "100000/min", "API_RATE_SEARCHES": "100000/min"}
        rates["API_RATE_USERS"] = "100000/min"
        with Installation(
            folder / "data", "--port", "0", "--photos", str(dogs.listed), **rates
        ) as server:
            server.wait_until_prepared(PREPARE_SECONDS)
            print(f"{plan} with {dogs.source}", flush=True)
            outcome = faults.measure(server, content.images(dogs.listed), plan)
    database = "PostgreSQL" if os.environ.get("DATABASE_URL") else "SQLite"
    told = {"machine": place, "database": database, "plan": vars(plan), **outcome.told()}
    path = DOCS / "performance" / f"faults_{database.lower()}.json"
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    for name, value in outcome.told().items():
        print(f"{name}: {value}", flush=True)
    return 0 if outcome.is_clean else 1


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        help="all: everything but faults, in about an hour; end_to_end: upload to matches; "
        "listing: upload to searchable; similar_dog: ten calls at once; pages: what adopters open, "
        "with --crowd dogs; faults: by itself, uploads and searches while processes are killed, on "
        "the database that DATABASE_URL names; "
        + "; ".join(f"{name}: {told}" for name, told in ALONE.items()),
    )
    parser.add_argument("--dogs", type=int, default=500, help="how many are listed (default 500)")
    parser.add_argument("--crowd", type=int, default=5000, help="dogs for pages (default 5000)")
    parser.add_argument(
        "--vectors", type=int, default=1_000_000, help="of search, at most (default 1000000)"
    )
    parser.add_argument(
        "--pgvectors",
        type=int,
        default=100_000,
        help="of search in PostgreSQL, at most (default 100000; a million take half an hour)",
    )
    parser.add_argument("--photos", type=Path, help="a folder of photos to list and search with")
    for name, number in (
        ("uploads", 1000), ("searches", 500), ("kills", 20), ("flushes", 2), ("pauses", 2)
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=number, help=f"of faults ({number})")
    parser.add_argument("--number", type=int, default=40, help="measurements (default 40)")
    options = parser.parse_args()
    options.what = options.what or list(WHAT)
    if "all" in options.what:
        # Last what is reckoned from the others.
        options.what = [*WHAT, *(name for name in ALONE if name != "sizing"), "sizing"]
    unknown = set(options.what) - {*WHAT, *ALONE, "faults"}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def keep(
    name: str,
    figure: Figure,
    place: dict[str, object],
    outcomes: Counter[str],
    facts: dict[str, object],
) -> None:
    said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
    if not figure.seconds:
        print(f"{figure.what}: nothing to measure ({said})", flush=True)
        return
    path = write(name, [figure], place, title=WHAT[name], outcomes=dict(outcomes), **facts)
    print(
        f"{figure.what}: median {figure.median:.2f} s, 95 % {figure.p95:.2f} s ({said}); {path}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
