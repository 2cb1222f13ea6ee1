"""`python -m tests.fuzz.keep [NAME…]`: the small corpus of regressions in the repository, chosen
from what it holds and what earlier runs kept in data/fuzz. An input stays if it makes the product
go a way (from one line to another, so many times) that no smaller input goes. An input that once
crashed something has a name that begins with `crash-` and always stays.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from types import FrameType, ModuleType
from typing import Any

from tests.fuzz.bounds import start_django
from tests.fuzz.targets import NAMES, keep, kept, say, target

# Files whose lines count, by a part of their path.
OURS = (
    "/ml/images.py", "/ml/clips.py", "/ml/containers.py", "/portal/", "/PIL/", "/zipfile.py",
    "/pillow_heif/",
)  # fmt: skip
MOST_ENTRIES = 40
MOST_BYTES = 16_000

# A file, a line, the next one, and how often, up to five times.
Way = tuple[str, int, int, int]


def ways(module: ModuleType, data: bytes) -> set[Way]:
    found: Counter[tuple[str, int, int]] = Counter()

    def line(frame: FrameType, event: str, _argument: Any) -> Any:
        before = last.get(id(frame), 0)
        found[frame.f_code.co_filename, before, frame.f_lineno] += 1
        last[id(frame)] = frame.f_lineno
        if event == "return":
            last.pop(id(frame), None)
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return line if any(part in frame.f_code.co_filename for part in OURS) else None

    last: dict[int, int] = {}
    sys.settrace(call)
    try:
        module.one(data)
    finally:
        sys.settrace(None)
    return {(*way, min(times, 5)) for way, times in found.items()}


def chosen(name: str) -> dict[str, bytes]:
    from tests.fuzz.__main__ import FOLDER

    module = target(name)
    seen: set[Way] = set()
    there = kept(name)
    entries = {entry: data for entry, data in there.items() if entry.startswith("crash-")}
    found = [p.read_bytes() for p in (FOLDER / name / "inputs").glob("*") if p.is_file()]
    inputs = sorted({*there.values(), *found}, key=lambda data: (len(data), data))
    gains = []
    for data in inputs:
        if len(data) <= MOST_BYTES:
            new = ways(module, data) - seen
            if new:
                seen |= new
                gains.append((len(new), data))
    gains.sort(key=lambda gain: (-gain[0], len(gain[1])))
    for _gain, data in gains[: MOST_ENTRIES - len(entries)]:
        entries[hashlib.sha256(data).hexdigest()[:12]] = data
    return entries


def main() -> None:
    start_django()
    for name in sys.argv[1:] or NAMES:
        entries = chosen(name)
        keep(name, entries)
        say(f"{name:14} {len(entries):4d} inputs, {sum(map(len, entries.values())):8d} bytes")


if __name__ == "__main__":
    main()
