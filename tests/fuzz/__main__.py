"""Runs the fuzzers, one after the other, each in a process of its own: `script/fuzz --help`."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import CASES, NAMES, kept, say

ROOT = Path(__file__).resolve().parents[2]
# Ignored by git. What a run found stays there and the next run begins with it.
FOLDER = ROOT / "data" / "fuzz"
# What an input may need, beyond which libFuzzer reports it as a crash.
MOST_MB = 1024
MOST_SECONDS = 25
LONGEST = 65_536
# Run by pytest; their cases are examples of hypothesis.
BY_PYTEST = {
    "properties": "tests/fuzz/test_properties.py",
    "requests": "tests/fuzz/test_requests.py",
}


@dataclass
class Outcome:
    name: str
    cases: int
    seconds: float
    megabytes: int
    crashes: list[Path]
    failed: bool = False


def fuzzed(name: str, cases: int, seconds: int | None) -> Outcome:
    """One target under atheris, from the inputs in the repository and those of earlier runs."""
    folder = FOLDER / name
    inputs, crashes = folder / "inputs", folder / "crashes"
    inputs.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(exist_ok=True)
    before = set(crashes.iterdir())
    for entry, data in kept(name).items():
        (inputs / entry).write_bytes(data)
    options = [
        f"-runs={cases}", f"-max_total_time={seconds or 0}", f"-rss_limit_mb={MOST_MB}",
        f"-timeout={MOST_SECONDS}", f"-max_len={LONGEST}", f"-artifact_prefix={crashes}/",
        "-print_final_stats=1", "-detect_leaks=0", "-close_fd_mask=1",
    ]  # fmt: skip
    begun = time.monotonic()
    with (folder / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.fuzz.run", name, *options, str(inputs)],
            stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    taken = time.monotonic() - begun
    told = (folder / "log").read_text(errors="replace")

    def stat(what: str) -> int:
        found = re.search(rf"stat::{what}:\s+(\d+)", told)
        return int(found[1]) if found else 0

    ran = stat("number_of_executed_units") or max(
        map(int, re.findall(r"^#(\d+)", told, re.M)), default=0
    )
    rss = stat("peak_rss_mb") or max(map(int, re.findall(r"rss: (\d+)Mb", told)), default=0)
    new = sorted(set(crashes.iterdir()) - before)
    return Outcome(name, ran, taken, rss, new, failed=done.returncode != 0)


def tested(name: str, cases: int) -> Outcome:
    """Tests of hypothesis with so many examples each."""
    begun = time.monotonic()
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0",
             BY_PYTEST[name]],
            stdout=log, stderr=subprocess.STDOUT, cwd=ROOT, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "FUZZ_EXAMPLES": str(cases)},
        )  # fmt: skip
    told = (folder / "log").read_text(errors="replace")
    found = re.search(r"^tried: (\d+)", told, re.M)
    ran = int(found[1]) if found else 0
    return Outcome(name, ran, time.monotonic() - begun, 0, [], failed=done.returncode != 0)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="script/fuzz",
        description="Feeds the product what no honest client sends. Ends with 1 if it found "
        "something; its input is then in data/fuzz, and its log beside it.",
    )
    parser.add_argument(
        "targets", nargs="*", metavar="target", help=", ".join((*NAMES, *BY_PYTEST, "heavy"))
    )
    parser.add_argument("--cases", type=int, help="so many for each target")
    parser.add_argument("--seconds", type=int, help="no longer than this for each target")
    arguments = parser.parse_args()
    known = (*NAMES, *BY_PYTEST)
    wanted = arguments.targets or list(known)
    if "heavy" in wanted:
        wanted.remove("heavy")
        done = subprocess.run([sys.executable, "-m", "tests.fuzz.heavy"], cwd=ROOT, check=False)
        if not wanted:
            return done.returncode
    for name in wanted:
        if name not in known:
            parser.error(f"there is no target {name}")
    say(f"{'target':14} {'cases':>8} {'a second':>9} {'seconds':>8} {'peak MB':>8}  crashes")
    outcomes = []
    for name in wanted:
        cases = arguments.cases or CASES[name]
        one = fuzzed(name, cases, arguments.seconds) if name in NAMES else tested(name, cases)
        outcomes.append(one)
        say(
            f"{one.name:14} {one.cases:8d} {one.cases / one.seconds:9.0f} {one.seconds:8.0f} "
            f"{one.megabytes or '':>8}  {len(one.crashes) or ('failed' if one.failed else 0)}"
        )
        for path in one.crashes:
            say(f"    {path.relative_to(ROOT)}")
        if one.failed:
            say(f"    {(FOLDER / name / 'log').relative_to(ROOT)}")
    total = sum(one.cases for one in outcomes)
    say(f"{'together':14} {total:8d} {'':9} {sum(one.seconds for one in outcomes):8.0f}")
    return int(any(one.failed or one.crashes for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())
