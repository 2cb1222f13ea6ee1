"""What describing all photos anew costs, from a thousand to tens of thousands of them.

The photos are copies of a few prepared ones: their rows and what becomes of them are separate,
their files are the same, so that reading them is as fast as a disk's cache.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import psutil

from benchmarks import pages, stage
from benchmarks.api import Api
from benchmarks.installation import Installation
from benchmarks.plots import lines
from benchmarks.report import picture, place, table, write_section

SIZES = (1000, 5000, 20_000)
PROGRAMS = ("web", "interactive", "batch", "scheduler", "redis")
PAUSE_SECONDS = 2


class Run(NamedTuple):
    """One reindex: photos, seconds, for each look at it (seconds, done, MB by program), and the
    bytes of an SQLite database with one version of all photos before it (0: another database)."""

    photos: int
    seconds: float
    looks: list[tuple[float, int, dict[str, float]]]
    database_bytes: int


def run(options: argparse.Namespace, machine: dict[str, Any]) -> int:
    sizes = [size for size in SIZES if size <= options.crowd] or [options.crowd]
    with stage.opened(options, 1) as (server, dogs, originals, _seconds):
        stored = sum(path.stat().st_size for path in (server.data / "media").rglob("*.*"))
        api = Api(server)
        runs: list[Run] = []
        listed = originals
        for size in sizes:
            pages.fill(server, size - listed)
            listed = size
            database = server.data / "pawkin.sqlite3"
            held = database.stat().st_size if database.exists() and not runs else 0
            runs.append(reindex(server, api, held))
            told = runs[-1]
            print(
                f"{told.photos} photos: {told.seconds:.0f} s, "
                f"{told.photos / told.seconds:.1f} a second",
                flush=True,
            )
    keep(runs, dogs.source, stored / originals, machine)
    return 0


def reindex(server: Installation, api: Api, database_bytes: int) -> Run:
    """Has everything described anew and looks on until it is done."""
    looks = []
    begun = time.monotonic()
    api.call("POST", "reindex/", {"rebuild": True})
    while True:
        told = api.call("GET", "reindex/")
        passed = time.monotonic() - begun
        looks.append((round(passed, 1), int(told["done"]), memory(server)))
        if told["state"] not in ("queued", "running"):
            break
        time.sleep(PAUSE_SECONDS)
    if told["state"] != "done":
        raise RuntimeError(f"the reindex ended as {told}")
    return Run(int(told["total"]), passed, looks, database_bytes)


def memory(server: Installation) -> dict[str, float]:
    """Megabytes that are each program's own (unique set size), its children included."""
    held = {}
    for name in PROGRAMS:
        first = server.program(name)
        family = [first, *first.children(recursive=True)]
        held[name] = round(sum(uss(process) for process in family) / 1e6, 1)
    return held


def uss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.NoSuchProcess:
        return 0


def fit(photos: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Least squares: seconds at no photo, seconds a photo, and the share of the variance that the
    line explains (R²)."""
    slope, start = np.polyfit(photos, seconds, 1)
    rest = np.asarray(seconds) - (start + slope * np.asarray(photos))
    return float(start), float(slope), 1 - float(np.var(rest) / np.var(seconds))


def keep(runs: Sequence[Run], source: str, files_bytes: float, machine: dict[str, Any]) -> None:
    """`files_bytes` are those of one photo's pictures."""
    rows = []
    for one in runs:
        first, last = one.looks[len(one.looks) // 10][2], one.looks[-1][2]
        rows.append(
            [
                f"{one.photos}",
                f"{one.seconds:.0f} s",
                f"{one.photos / one.seconds:.1f}",
                f"{first['batch']:.0f} → {last['batch']:.0f} MB",
                f"{first['interactive']:.0f} → {last['interactive']:.0f} MB",
                f"{first['web']:.0f} → {last['web']:.0f} MB",
            ]
        )
    head = ("photos", "time", "a second", "batch worker", "interactive worker", "web")
    said = [
        f"All photos described anew beside the live version, which stays up. {source}, and copies.",
        "Memory is each program's own, after a tenth of the run and at its end.",
        "",
        *table(head, rows),
    ]
    facts: dict[str, Any] = {
        "content": source,
        "files_bytes_a_photo": round(files_bytes),
        "database_bytes_a_photo": round(runs[0].database_bytes / runs[0].photos),
        "runs": [one._asdict() for one in runs],
    }
    if len(runs) > 2:
        start, slope, share = fit([one.photos for one in runs], [one.seconds for one in runs])
        facts["fit"] = {"start_s": start, "photo_s": slope, "r2": share}
        said += [
            "",
            f"The line through them: {start:.1f} s and {1000 * slope:.1f} ms a photo, "
            f"R² = {share:.5f}.",
        ]
    longest = runs[-1]
    lines(
        place("reindex.svg"),
        f"Memory while {longest.photos} photos are described",
        {name: [(seconds, held[name]) for seconds, _, held in longest.looks] for name in PROGRAMS},
        across="seconds",
        up="MB of its own",
    )
    said += ["", picture("Memory of each program over the longest run", "reindex.svg")]
    write_section("reindex", "Describing everything anew", said, machine, facts)
