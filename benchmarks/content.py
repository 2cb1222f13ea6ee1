"""Dogs to list and photos to search with: a folder's own, or drawn ones."""

import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})


@dataclass(frozen=True)
class Content:
    """`listed` is a folder that load_dogs takes; no photo of `searches` is in it."""

    listed: Path
    searches: list[Path]
    source: str


def prepare(folder: Path, *, photos: Path | None, dogs: int, searches: int) -> Content:
    """Choose `dogs` photos to list, one a dog, and `searches` others; the same at every call.

    Raises ValueError when `photos` has too few.
    """
    listed = folder / "listed"
    if photos is None:
        draw(listed, dogs=dogs, seed=1)
        draw(folder / "searched", dogs=searches, seed=2)
        return Content(listed, images(folder / "searched")[:searches], f"{dogs} drawn dogs")
    found = images(photos)
    if len(found) < dogs + searches:
        raise ValueError(f"{photos} has {len(found)} photos, {dogs + searches} are needed")
    random.Random(1).shuffle(found)
    listed.mkdir()
    for number, path in enumerate(found[:dogs]):
        shutil.copyfile(path, listed / f"{number:05}{path.suffix.lower()}")
    return Content(listed, found[dogs : dogs + searches], f"{dogs} photos of {photos.name}")


def images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def draw(folder: Path, *, dogs: int, seed: int) -> None:
    command = [sys.executable, "-m", "ml", "draw", str(folder)]
    command += ["--dogs", str(dogs), "--seed", str(seed)]
    subprocess.run(command, cwd=ROOT, check=True)


def some(folder: Path, *, photos: Path | None, number: int) -> list[Path]:
    """`number` photos of `photos`, or drawn into `folder`; the same at every call.

    Raises ValueError when `photos` has too few.
    """
    if photos is None:
        draw(folder, dogs=number, seed=1)
        return images(folder)[:number]
    found = images(photos)
    if len(found) < number:
        raise ValueError(f"{photos} has {len(found)} photos, {number} are needed")
    random.Random(1).shuffle(found)
    return found[:number]
