"""What the networks learn from: folders and COCO files, labelled and split without leaks."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from ml.errors import DataError, ImageRejected
from ml.images import Limits, load

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}

# Data sets hold thumbnails and come from a known place: the limits for uploads do not apply.
_LIMITS = Limits(max_bytes=1 << 30, max_pixels=1 << 28, min_side=16)

Framing = Literal["photo", "crop", "head"]


@dataclass(frozen=True)
class Source:
    """One set of images, as a configuration file names it.

    `images` is a folder, searched with its subfolders. `kind` is what they show (dog, cat, person,
    other); empty means the category's name in `coco`, anything but dog, cat and person being other.
    `framing` is "photo" (as taken), "crop" (cut around the box) or "head" (the dog's head fills
    it). `group` says what must stay on one side of a split: the file, the folder, or the photo
    that the COCO file's images name in `same_photo_as` or `original`. `held_out` is the share
    kept for validation, `share` how many of the others an epoch draws, 1.0 meaning each once.
    `labelled` says that photos of one folder, or one category, should be found alike.
    """

    images: str
    kind: str = ""
    coco: str = ""
    framing: Framing = "photo"
    group: Literal["file", "folder", "original"] = "file"
    held_out: float = 0.2
    share: float = 1.0
    labelled: bool = False
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """An image file, what it shows, and the dog's box (x0, y0, x1, y1 in its pixels) if known."""

    path: Path
    kind: str
    label: str
    group: str
    framing: Framing
    box: tuple[float, float, float, float] | None = None


def held_out(group: str, share: float) -> bool:
    """Whether a group belongs to validation: by its hash, so the same in every run and place."""
    value = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big")
    return value / 2**64 < share


def samples_of(source: Source, root: Path) -> list[Sample]:
    """Every sample of a source in a fixed order; raises DataError where there are none."""
    folder = root / source.images
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Check --data and the configuration.")
    listed = _from_coco(source, root) if source.coco else _from_folder(source, folder)
    found = [s for s in listed if not any(part in s.path.name for part in source.skip)]
    if not found:
        raise DataError(f"There are no images in {folder}.")
    return found


def split(
    sources: Sequence[Source], root: Path
) -> tuple[list[tuple[Source, list[Sample]]], list[tuple[Source, list[Sample]]]]:
    """The samples of each source for training and for validation; no group is in both."""
    training, validation = [], []
    for source in sources:
        samples = samples_of(source, root)
        kept = [s for s in samples if held_out(s.group, source.held_out)]
        used = [s for s in samples if not held_out(s.group, source.held_out)]
        training.append((source, used))
        validation.append((source, kept))
    return training, validation


def epoch(training: Sequence[tuple[Source, list[Sample]]], seed: int, number: int) -> list[Sample]:
    """The samples of epoch `number`, each source by its share, shuffled; fixed by the seed."""
    chance = random.Random(f"{seed}/{number}")
    drawn: list[Sample] = []
    for source, samples in training:
        whole, part = divmod(source.share, 1)
        drawn += samples * int(whole)
        drawn += chance.sample(samples, round(part * len(samples)))
    chance.shuffle(drawn)
    return drawn


def read(path: Path, max_side: int | None = None) -> np.ndarray:
    """The upright picture of a data set's file; raises ImageRejected where it is unreadable."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageRejected(
            "not_an_image", "This file cannot be read. Check its permissions.", str(error.strerror)
        ) from error
    return load(data, _LIMITS, max_side)


def read_all(
    paths: Sequence[Path], max_side: int | None = None
) -> Iterator[tuple[int, np.ndarray | ImageRejected]]:
    """Each file's place and its picture, or why it cannot be read: the caller lists and skips."""
    for place, path in enumerate(paths):
        try:
            yield place, read(path, max_side)
        except ImageRejected as error:
            yield place, error


def picture(sample: Sample, max_side: int | None = None) -> Image.Image:
    """The sample's picture for Pillow's transforms; boxes refer to it only without `max_side`."""
    return Image.fromarray(read(sample.path, max_side))


def file_key(path: Path) -> str:
    """Names a file with what it holds, by path, size and time of change, without reading it.

    What was computed of a file is kept under its key: a file changed since has another.
    """
    try:
        told = path.stat()
    except OSError:
        return f"{path} missing"
    return f"{path} {told.st_size} {told.st_mtime_ns}"


def image_files(folder: Path) -> list[Path]:
    """All image files below a folder, by path."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _from_folder(source: Source, folder: Path) -> Iterator[Sample]:
    for path in image_files(folder):
        group = path.parent.name if source.group == "folder" else path.name
        yield Sample(path, source.kind, path.parent.name, group, source.framing)


def _from_coco(source: Source, root: Path) -> Iterator[Sample]:
    data = json.loads((root / source.coco).read_text())
    names = {category["id"]: category["name"] for category in data["categories"]}
    largest: dict[int, dict[str, Any]] = {}
    for annotation in data["annotations"]:
        known = largest.get(annotation["image_id"])
        if known is None or _area(annotation) > _area(known):
            largest[annotation["image_id"]] = annotation
    for image in sorted(data["images"], key=lambda image: image["id"]):
        annotation = largest.get(image["id"])
        if annotation is None:
            continue
        name = names[annotation["category_id"]]
        x, y, width, height = annotation["bbox"]
        twin = image.get("same_photo_as") or image.get("original") or image["file_name"]
        yield Sample(
            path=root / source.images / image["file_name"],
            kind=source.kind or (name if name in ("dog", "cat", "person") else "other"),
            label=name,
            group=Path(twin).name if source.group == "original" else image["file_name"],
            framing=source.framing,
            box=(x, y, x + width, y + height),
        )


def _area(annotation: dict[str, Any]) -> float:
    return float(annotation["bbox"][2] * annotation["bbox"][3])
