"""What is known of each photo file: what its header and its pixels say, read once and kept."""

import io
import json
import os
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from ml.datasets.hashes import content_hash, picture_hashes
from ml.errors import DataError, ImageRejected
from ml.images import probe
from ml.training.data import LIMITS, file_key, read

# Part of every key: raise it when what is read of a photo changes.
_VERSION = 1

_MAX_SIDE = 640


@dataclass(frozen=True)
class Facts:
    """What is known of one file; all but `bytes`, `sha256` and `problem` 0 or empty if unreadable.

    `problem` says in a sentence why it cannot be read, "" if it can. `format` is what the bytes
    are, `mode` Pillow's name of the channels, width and height in pixels as seen. `brightness` and
    `contrast` are mean and standard deviation of the lightness (0 to 255), `colour` the mean
    difference of the largest and smallest channel (0 to 255; grey pictures have none). `hashes` are
    those of `picture_hashes`.
    """

    bytes: int
    sha256: str
    problem: str = ""
    format: str = ""
    mode: str = ""
    width: int = 0
    height: int = 0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    hashes: tuple[int, ...] = (0, 0, 0, 0)


def default_cache() -> Path:
    """Where facts are kept unless told otherwise: below XDG_CACHE_HOME, else ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "pawkin" / "photos.sqlite"


def scan(paths: Sequence[Path], cache: Path) -> list[Facts]:
    """The facts of each file, in order; read in parallel, with a progress bar.

    What was read of a file stays in `cache` until the file changes, so that a killed scan goes on
    and a second one takes a moment.
    """
    with closing(_opened(cache)) as store, ThreadPoolExecutor() as threads:
        keys = [f"{_VERSION} {file_key(path.resolve())}" for path in paths]
        known = _known(store, keys)
        waiting = {key: path for key, path in zip(keys, paths, strict=True) if key not in known}
        fresh = threads.map(facts_of, waiting.values())  # decoders let other threads run
        read_now = zip(waiting, fresh, strict=True)
        progress = tqdm(read_now, "photos", len(waiting), mininterval=1, disable=not waiting)
        try:
            for number, (key, facts) in enumerate(progress, 1):
                known[key] = facts
                store.execute("REPLACE INTO facts VALUES (?, ?)", (key, json.dumps(asdict(facts))))
                if number % 100 == 0:
                    store.commit()
        finally:
            store.commit()
            threads.shutdown(cancel_futures=True)
    return [known[key] for key in keys]


def facts_of(path: Path) -> Facts:
    """Read one file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Facts(0, "", f"This file cannot be read: {error.strerror}.")
    size, sha256 = len(data), content_hash(data)
    try:
        header = probe(data, LIMITS)
        picture = read(path, _MAX_SIDE)
        with Image.open(io.BytesIO(data)) as image:
            mode = image.mode
    except ImageRejected as error:
        told = error.message.partition(". ")[0].rstrip(".")  # the remedy is for uploads
        return Facts(size, sha256, f"{told} ({error.detail})." if error.detail else f"{told}.")
    light = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return Facts(
        size,
        sha256,
        format=header.format,
        mode=mode,
        width=header.width,
        height=header.height,
        brightness=round(float(light.mean()), 2),
        contrast=round(float(light.std()), 2),
        colour=round(float(np.ptp(picture, axis=2).mean()), 2),
        hashes=picture_hashes(picture),
    )


def _opened(cache: Path) -> sqlite3.Connection:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        store = sqlite3.connect(cache, timeout=60)
        store.execute("CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, told TEXT NOT NULL)")
    except (OSError, sqlite3.Error) as error:
        raise DataError(
            f"What is known of photos cannot be kept in {cache}. Name another file with --cache.",
            str(error),
        ) from error
    return store


def _known(store: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Facts]:
    known = {}
    for key in keys:
        row = store.execute("SELECT told FROM facts WHERE key = ?", (key,)).fetchone()
        if row:
            told = json.loads(row[0])
            known[key] = Facts(**told | {"hashes": tuple(told["hashes"])})
    return known
