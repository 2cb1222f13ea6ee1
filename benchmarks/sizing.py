"""docs/sizing.md: what an installation of so many photos needs, from the figures of the other
benchmarks and the lines of benchmarks/queueing.py. Measures nothing itself."""

import argparse
import json
from typing import Any

from benchmarks.queueing import most, p95
from benchmarks.report import DOCS, place, table

PHOTOS = (10_000, 100_000, 1_000_000, 10_000_000)
LIMIT_S = 1.0
SERVERS = (1, 2, 4, 8)
MARGIN = 0.2
"""Share of a database's and an index's memory that is kept free."""
COARSE = 136
"""Bytes a photo of an approximate index besides the vector's 512: a byte a number, and a key
(ml/coarse.py)."""
KEYS = 33
"""Bytes a photo of the arrays beside them (ml/index.py, workers/live_index.py)."""
VECTOR = 512
HOURS = 730
# Nobody's offer: say your own.
PRICES = {"core hour": 0.04, "GB hour": 0.005, "GB month stored": 0.02}


def run(_options: argparse.Namespace, machine: dict[str, Any]) -> int:
    measured = {name: told(name) for name in ("system", "load", "reindex", "search")}
    lines = [*page(measured), ""]
    (DOCS / "sizing.md").write_text("\n".join(lines))
    print(DOCS / "sizing.md", machine["date"])
    return 0


def told(name: str) -> dict[str, Any]:
    path = place(f"{name}.json")
    if not path.exists():
        raise SystemExit(f"There is no {path.name} yet: run script/bench {name}.")
    return dict(json.loads(path.read_text()))


def page(measured: dict[str, dict[str, Any]]) -> list[str]:
    load, reindex = measured["load"], measured["reindex"]
    service, alone = load["service_s"], load["alone_s"]
    beside = max(0.0, alone - service)
    cores = load["machine"]["cores"]
    rate = reindex["runs"][-1]["photos"] / reindex["runs"][-1]["seconds"]
    able = [most(LIMIT_S, service, servers, beside=beside) for servers in SERVERS]
    return [
        "# Sizing",
        "",
        "How much machine so many photos and visitors need. Written by `script/bench sizing` from "
        "what the other benchmarks measured ([performance.md](performance.md)); nothing here was "
        "measured at ten million photos, and what is reckoned says so.",
        "",
        "## Visitors",
        "",
        f"A search takes {1000 * service:.0f} ms of a machine with {cores} cores "
        f"({load['machine']['processor']}), web, worker and database together, and "
        f"{alone:.2f} s from upload to matches for somebody who is alone. With a line of visitors "
        f"before it (a Poisson process; first come, first served) 95 % have their matches within "
        f"{LIMIT_S:g} s up to these rates:",
        "",
        *table(
            ("machines", "cores", "searches a second", "an hour", "busy"),
            [
                [
                    str(servers),
                    str(servers * cores),
                    f"{some:.1f}",
                    f"{3600 * some:,.0f}",
                    f"{100 * some * service / servers:.0f} %",
                ]
                for servers, some in zip(SERVERS, able, strict=True)
            ],
        ),
        "",
        "Machines here are whole ones, each with web processes and an interactive worker, before "
        "one broker and one database. That line was held against this machine under four rates: "
        f"{held_against(load)} ([how](performance.md)). Beyond the last rate the line grows as "
        "long as the rush lasts; nobody is refused, and pages ask less often the more others wait.",
        "",
        "## Photos",
        "",
        *table(
            (
                "photos",
                "search, 95 %",
                "a worker's index",
                "database",
                "pictures",
                "describe all anew",
            ),
            [photos_row(number, measured, rate) for number in PHOTOS],
        ),
        "",
        f"- **A worker's index**: {VECTOR} bytes a vector, {COARSE} for the approximate index from "
        f"50,000 photos on, {KEYS} for keys. Every process of the interactive queue has its own; a "
        "reindex builds beside the live version, so for its time there are two. Twice the memory "
        "should be free while an index gives places back or is made anew.",
        f"- **Database**: {reindex['database_bytes_a_photo'] / 1000:.1f} kB a photo with its dog, "
        "keypoints and vector, as measured on SQLite; once more for every version that is kept for "
        "rollback. From 100,000 photos on, or with a second machine, use PostgreSQL.",
        f"- **Pictures**: {reindex['files_bytes_a_photo'] / 1000:.0f} kB a photo for these photos "
        f"({reindex['content']}); photos of 1280 px have about five times as much. Storage that "
        "speaks S3 from the second machine on.",
        f"- **Describing**: {rate:.1f} photos a second with {cores} cores, linear "
        f"([measured](performance.md) to {reindex['runs'][-1]['photos']:,} photos). Photos that "
        "are newly listed are a job each and spread over all workers. Describing all of them anew "
        "is one job that one worker at a time takes a slice of: give its machine more cores, or a "
        "GPU; more machines do not hasten it. The live version answers meanwhile.",
        "",
        "What is reckoned: sizes are the measured bytes a photo times the number, times of "
        "describing the measured rate. Searches among ten million were not measured; the lists of "
        "the approximate index grow with the square root of the number, so a few times those of a "
        "million are to be expected, and the filter's list of dogs grows with it.",
        "",
        "## When one worker's memory is outgrown",
        "",
        *pgvector_lines(measured["search"]),
        "",
        "## GPUs",
        "",
        "No GPU was at hand for these figures. A GPU worker runs the same code "
        "(deploy/containers, half precision); measure yours with `script/bench networks` and "
        "`script/bench reindex` before you count on it. Until then reckon with CPU machines, which "
        "add up.",
        "",
        "## Cost",
        "",
        f"With {PRICES['core hour']} a core and hour, {PRICES['GB hour']} a GB of memory and hour "
        f"and {PRICES['GB month stored']} a GB stored and month, in whatever money you pay with "
        "(no offer of anybody's: put yours in their place), for 95 % of searches within a second:",
        "",
        *table(
            ("photos", "searches an hour", "cores", "memory", "stored", "a month"),
            [
                cost_row(number, servers, some, cores, measured)
                for number, servers, some in zip(PHOTOS, SERVERS, able, strict=True)
            ],
        ),
    ]


def held_against(load: dict[str, Any]) -> str:
    """How reckoned and measured 95 % lay to each other."""
    words = []
    for one in load["runs"]:
        measured, reckoned = (p95(one[name]) for name in ("measured_s", "reckoned_s"))
        words.append(
            f"at {one['rate']:.1f} a second {measured:.2f} s measured, {reckoned:.2f} s reckoned"
        )
    return ", ".join(words)


def index_bytes(photos: int) -> int:
    return photos * (VECTOR + KEYS + (COARSE if photos > 50_000 else 0))


def photos_row(photos: int, measured: dict[str, dict[str, Any]], rate: float) -> list[str]:
    reindex = measured["reindex"]
    seconds = photos / rate
    return [
        f"{photos:,}",
        search_time(photos, measured["search"]),
        size(index_bytes(photos)),
        size(photos * reindex["database_bytes_a_photo"]),
        size(photos * reindex["files_bytes_a_photo"]),
        duration(seconds),
    ]


def search_time(photos: int, search: dict[str, Any]) -> str:
    """The slowest filter's 95 % in a worker's index."""
    found = [o for o in search["outcomes"] if o["engine"] == "Pawkin" and o["photos"] == photos]
    if not found:
        return "not measured"
    return f"{max(one['p95_ms'] for one in found[0]['filters'].values()):.1f} ms"


def pgvector_lines(search: dict[str, Any]) -> list[str]:
    found = [o for o in search["outcomes"] if o["engine"] == "Pawkin on pgvector"]
    rows = [
        [
            f"{one['photos']:,}",
            f"{max(f['p95_ms'] for f in one['filters'].values()):.0f} ms",
            f"{min(f['recall'] for f in one['filters'].values()):.3f}",
            size(1e6 * one["megabytes"]),
            f"{1e6 * one['megabytes'] / one['photos']:.0f}",
            duration(one["build_s"]),
        ]
        for one in found
    ]
    return [
        "`VECTOR_STORE=pgvector` searches in PostgreSQL instead; workers then hold no vectors at "
        "all. It is slower, and one database serves all workers:",
        "",
        *table(
            ("photos", "search, 95 %", "recall", "on disk", "bytes a photo", "fill and build"), rows
        ),
        "",
        "Its graph should fit the server's memory (shared_buffers and the system's cache).",
    ]


def cost_row(
    photos: int, servers: int, rate: float, cores: int, measured: dict[str, dict[str, Any]]
) -> list[str]:
    reindex = measured["reindex"]
    database = photos * reindex["database_bytes_a_photo"]
    programs = 1e6 * max(sum(look[2].values()) for look in reindex["runs"][-1]["looks"])
    memory = servers * (programs + 2 * index_bytes(photos)) + 0.25 * database * (1 + MARGIN)
    stored = database + photos * reindex["files_bytes_a_photo"]
    month = (
        HOURS * (servers * cores * PRICES["core hour"] + memory / 1e9 * PRICES["GB hour"])
        + stored / 1e9 * PRICES["GB month stored"]
    )
    return [
        f"{photos:,}",
        f"{3600 * rate:,.0f}",
        str(servers * cores),
        size(memory),
        size(stored),
        f"{month:,.0f}",
    ]


def size(bytes_: float) -> str:
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if bytes_ >= one:
            return f"{bytes_ / one:.3g} {unit}"
    return f"{bytes_ / 1e3:.3g} kB"


def duration(seconds: float) -> str:
    for unit, one in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * one:
            return f"{seconds / one:.1f} {unit}"
    return f"{seconds:.0f} s"
