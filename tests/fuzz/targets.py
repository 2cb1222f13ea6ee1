"""The targets by name. Each is a module with

- `one(data)`: feeds the bytes to the product and raises on anything but the documented outcome,
- `seeds()`: inputs to begin with,
- `mutated(data, random, change)`: an input a little different from this one.
"""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path
from types import ModuleType

# How many cases a plain run of script/fuzz tries; of the last two, each of their tests.
CASES = {
    "images": 30_000,
    "films": 10_000,
    "datagokr": 20_000,
    "asm3": 20_000,
    "rescuegroups": 20_000,
    "tables": 12_000,
    "words": 15_000,
    "filters": 15_000,
    "headers": 20_000,
    "addresses": 15_000,
    "annotations": 6_000,
    "properties": 5_000,
    "requests": 300,
}
NAMES = tuple(CASES)[:-2]
CORPUS = Path(__file__).parent / "corpus"


def say(words: str) -> None:
    """A line for who runs it, at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def target(name: str) -> ModuleType:
    return importlib.import_module(f"tests.fuzz.{name}")


def kept(name: str) -> dict[str, bytes]:
    """The corpus of regressions in the repository: inputs by name."""
    path = CORPUS / f"{name}.zip"
    if not path.exists():
        return {}
    with zipfile.ZipFile(path) as file:
        return {entry: file.read(entry) for entry in file.namelist()}


def keep(name: str, entries: dict[str, bytes]) -> None:
    """Writes that corpus, the same bytes for the same entries."""
    CORPUS.mkdir(exist_ok=True)
    with zipfile.ZipFile(CORPUS / f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for entry in sorted(entries):
            info = zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            out.writestr(info, entries[entry])
