"""Photos cut to the dog once, so that training never decodes or searches a photo twice."""

import fcntl
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ml.errors import ImageRejected
from ml.subject import Interpolation, Subject, SubjectFinder, crop, squash
from ml.training.data import PLAIN, Preparation, Sample, file_key, read_all

# What embedders are trained with and state in their weights file.
INTERPOLATION: Interpolation = "bicubic"

_BATCH = 32
_MAX_SIDE = 640

# States of a row.
_WAITING, _CUT, _NO_DOG, _UNREADABLE = range(4)


@dataclass(frozen=True, eq=False)
class CropCache:
    """One row a sample, in the samples' order.

    `pixels` (n, side, side, 3) uint8, mapped from disk and read-only: the dog's crop squashed to a
    square. `known` (n,) bool: False where the photo is unreadable or shows no dog; such a row is
    black and stays out of training.
    """

    pixels: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.known)


def cut_crops(
    samples: Sequence[Sample],
    finder: SubjectFinder,
    margin: float,
    folder: Path,
    side: int = 256,
    preparation: Preparation = PLAIN,
) -> CropCache:
    """The crop of each sample's dog with `margin` around it, prepared, kept below `folder`.

    A killed run goes on where it was. A crop is used again only for the same finder, margin, side,
    preparation and file (by its path, size and time of change), also in a later run with other
    samples. Of several processes that ask at once, one cuts and the others wait. Unreadable photos
    are named.
    """
    if not samples:
        return CropCache(np.zeros((0, side, side, 3), np.uint8), np.zeros(0, bool))
    folder.mkdir(parents=True, exist_ok=True)
    recipe = _digest([finder.identity, margin, side, INTERPOLATION, asdict(preparation)])
    keys = [file_key(sample.path) for sample in samples]
    place = folder / f"{recipe}-{_digest(keys)}"
    with _alone(folder):
        if not _states(place).is_file():
            _start(place, recipe, keys, side)
        pixels = np.lib.format.open_memmap(_pixels(place), mode="r+")
        states = np.lib.format.open_memmap(_states(place), mode="r+")
        waiting = np.flatnonzero(states == _WAITING)
        with ThreadPoolExecutor() as threads:
            for start in tqdm(range(0, len(waiting), _BATCH), "crops", mininterval=5):
                rows = waiting[start : start + _BATCH]
                paths = [samples[row].path for row in rows]
                images: dict[int, np.ndarray] = {}
                for row, found in zip(rows, threads.map(_read, paths), strict=True):
                    if isinstance(found, np.ndarray):
                        images[row] = found
                    else:
                        tqdm.write(f"skipped {samples[row].path}: {found}")
                marks = dict.fromkeys(rows, _UNREADABLE)
                subjects = finder.find(list(images.values()))
                for (row, image), subject in zip(images.items(), subjects, strict=True):
                    marks[row] = _NO_DOG
                    if isinstance(subject, Subject):
                        cut = squash(crop(image, subject.box, margin), (side, side), INTERPOLATION)
                        pixels[row] = preparation(cut)
                        marks[row] = _CUT
                pixels.flush()  # so that no row is marked whose pixels are not on disk
                states[rows] = [marks[row] for row in rows]
                states.flush()
        known = np.asarray(states) == _CUT
    if not known.all():
        print(f"{(~known).sum()} of {len(known)} photos are unreadable or show no dog: left out.")
    return CropCache(np.lib.format.open_memmap(_pixels(place), mode="r"), known)


def _start(place: Path, recipe: str, keys: Sequence[str], side: int) -> None:
    """An empty cache, filled with the rows that earlier ones of the same recipe have cut.

    The states come last: where they are, the rest is whole.
    """
    shape = (len(keys), side, side, 3)
    pixels = np.lib.format.open_memmap(_pixels(place), mode="w+", dtype=np.uint8, shape=shape)
    states = np.full(len(keys), _WAITING, np.uint8)
    for listing in sorted(place.parent.glob(f"{recipe}-*.json")):
        earlier = listing.with_suffix("")
        if earlier == place or not _states(earlier).is_file():
            continue
        old_pixels, old_states = np.load(_pixels(earlier), mmap_mode="r"), np.load(_states(earlier))
        rows = {key: row for row, key in enumerate(json.loads(listing.read_text()))}
        for row, key in enumerate(keys):
            if states[row] == _WAITING and key in rows:
                states[row] = old_states[rows[key]]
                if states[row] == _CUT:
                    pixels[row] = old_pixels[rows[key]]
    pixels.flush()
    place.with_suffix(".json").write_text(json.dumps(keys))
    fresh = place.with_suffix(".tmp")
    with fresh.open("wb") as file:
        np.save(file, states)
    fresh.replace(_states(place))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # given back by the system also when we are killed
        yield


def _pixels(place: Path) -> Path:
    return place.with_suffix(".pixels.npy")


def _states(place: Path) -> Path:
    return place.with_suffix(".states.npy")


def _read(path: Path) -> np.ndarray | ImageRejected:
    return next(picture for _, picture in read_all([path], _MAX_SIDE))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
