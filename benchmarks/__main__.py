"""`script/bench`: start the product with many dogs, measure it, keep the figures."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import content, end_to_end, listing, machine, pages, parallel
from benchmarks.installation import Installation
from benchmarks.report import Figure, write

PREPARE_SECONDS = 3600
# The first searches fill caches that stay filled; a newcomer's first one is told apart.
WARMING = 3
WHAT = ("end_to_end", "listing", "similar_dog", "pages")


def main() -> int:
    options = parse_options()
    place = machine.describe()
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
                path = write("pages", figures, place, **facts)
                for one in figures:
                    print(f"{one.what}: median {one.median:.3f} s, 95 % {one.p95:.3f} s")
                print(path, flush=True)
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        help="end_to_end: upload to matches; listing: upload to searchable; similar_dog: ten calls "
        "at once; pages: what adopters open, with --crowd dogs",
    )
    parser.add_argument("--dogs", type=int, default=500, help="how many are listed (default 500)")
    parser.add_argument("--crowd", type=int, default=5000, help="dogs for pages (default 5000)")
    parser.add_argument("--photos", type=Path, help="a folder of photos to list and search with")
    parser.add_argument("--number", type=int, default=40, help="measurements (default 40)")
    options = parser.parse_args()
    options.what = options.what or list(WHAT)
    unknown = set(options.what) - set(WHAT)
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
    path = write(name, [figure], place, outcomes=dict(outcomes), **facts)
    print(
        f"{figure.what}: median {figure.median:.2f} s, 95 % {figure.p95:.2f} s ({said}); {path}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
