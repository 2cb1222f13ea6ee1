"""What the networks learn from: folders, tables and COCO files, split without leaks."""

import csv
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from PIL import Image

from ml.errors import DataError, ImageRejected
from ml.evaluation.tables import read_table
from ml.images import Limits, load
from ml.training.sides import choose_held_out, tie

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}

# Data sets hold thumbnails and come from a known place: the limits for uploads do not apply.
LIMITS = Limits(max_bytes=1 << 30, max_pixels=1 << 28, min_side=16)

Framing = Literal["photo", "crop", "head"]
Grouping = Literal["file", "folder", "label", "original"]
Colours = Literal["rgb", "hsv", "lab", "grey"]
Equalise = Literal["none", "global", "clahe"]


@dataclass(frozen=True)
class Source:
    """One set of images, as a configuration file names it; all paths are below one root.

    `images` is a folder, searched with its subfolders, each the class of the photos in it; or with
    `labels`, a CSV file of columns file, label and perhaps group, what that lists, its paths being
    relative to `images`; or with `coco` what that lists. `kind` is what they show (dog, cat,
    person, other); empty means the category's name in `coco`, anything but dog, cat and person
    being other. `framing` is "photo" (as taken), "crop" (cut around the box) or "head" (the dog's
    head fills it). `labelled` says that photos of one class should be found alike.

    `group` says what must stay on one side of a split: the file, the folder, the label (that of an
    individual), or the photo that the COCO file's images name in `same_photo_as` or `original`;
    photos of one group in `labels` stay together besides. `held_out` is the share kept for
    validation, with `stratified` of each class. `split` is a CSV file that fixed the sides before.

    `share` is how many of the others an epoch draws, 1.0 meaning each once; `class_shares` is the
    same for single classes, on top of it. With `balanced` every class is drawn equally often.
    Raises DataError for a value that cannot be.
    """

    images: str
    kind: str = ""
    coco: str = ""
    framing: Framing = "photo"
    group: Grouping = "file"
    held_out: float = 0.2
    share: float = 1.0
    labelled: bool = False
    skip: tuple[str, ...] = ()
    labels: str = ""
    stratified: bool = False
    split: str = ""
    class_shares: Mapping[str, float] = field(default_factory=dict)
    balanced: bool = False

    def __post_init__(self) -> None:
        for name, known in (("framing", Framing), ("group", Grouping)):
            value = getattr(self, name)
            if value not in get_args(known):
                raise DataError(f"'{name}' is one of {', '.join(get_args(known))}, not '{value}'.")
        if not 0 <= self.held_out <= 1:
            raise DataError(f"'held_out' is a share from 0 to 1, not {self.held_out}.")
        shares = [self.share, *self.class_shares.values()]
        if not all(isinstance(share, int | float) and share >= 0 for share in shares):
            raise DataError(f"The shares of {self.images} must be numbers from 0 on.")
        if self.labels and self.coco:
            raise DataError(f"Give {self.images} either 'labels' or 'coco', not both.")


@dataclass(frozen=True)
class Sample:
    """An image file, what it shows, and the dog's box (x0, y0, x1, y1 in its pixels) if known.

    `label` is "" where its class is unknown. `group` and `ties` are what it shares with photos that
    must be on its side of a split.
    """

    path: Path
    kind: str
    label: str
    group: str
    framing: Framing
    box: tuple[float, float, float, float] | None = None
    ties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preparation:
    """What is done to the colours of a picture before a network sees it.

    `equalise` spreads the lightness (L of Lab) over its range, over the whole picture ("global") or
    in eight by eight parts with limited contrast ("clahe", OpenCV's); then the channels become
    those of `colours`, all scaled to 0 to 255.
    """

    colours: Colours = "rgb"
    equalise: Equalise = "none"

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to the same shape and type."""
        if self.equalise != "none":
            light, a, b = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2LAB))
            if self.equalise == "global":
                light = cv2.equalizeHist(light)
            else:
                light = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(light)
            image = cv2.cvtColor(cv2.merge((light, a, b)), cv2.COLOR_LAB2RGB)
        if self.colours == "hsv":
            return cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
        if self.colours == "lab":
            return cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
        if self.colours == "grey":
            return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return image


PLAIN = Preparation()


def source_of(folder: Path, labels: Path | None = None) -> Source:
    """The description of a folder given by hand, with or without its table of labels."""
    return Source(str(folder), labels=str(labels.resolve()) if labels else "")


def samples_of(source: Source, root: Path) -> list[Sample]:
    """Every sample of a source in a fixed order; raises DataError where there are none."""
    folder = root / source.images
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Check the options and the configuration.")
    if source.coco:
        listed = _from_coco(source, root)
    elif source.labels:
        listed = _from_table(source, root)
    else:
        listed = _from_folder(source, folder)
    found = [s for s in listed if not any(part in s.path.name for part in source.skip)]
    if not found:
        raise DataError(f"There are no images in {folder}.")
    return found


Listed = list[tuple[Source, list[Sample]]]


def split(
    sources: Sequence[Source],
    root: Path,
    links: Iterable[tuple[Path, Path]] = (),
    fixed: Mapping[Path, bool] | None = None,
) -> tuple[Listed, Listed]:
    """The samples of each source for training and for validation; no group is in both.

    `links` are pairs of files that must be on one side as well, such as near duplicates. Photos in
    `fixed` (path: held out?), and in the CSV file of a source's `split`, keep their sides. Raises
    DataError where such a file lacks a photo, and for a class that is too small to be stratified.
    """
    listed = [(source, samples_of(source, root)) for source in sources]
    flat = [(source, sample) for source, samples in listed for sample in samples]
    known = dict(fixed or {})
    for source, samples in listed:
        if source.split:
            known |= _fixed_by(root / source.split, root, samples)
    names = [[s.group, *s.ties, f"file {s.path}"] for _, s in flat]
    rows = {sample.path: row for row, (_, sample) in enumerate(flat)}
    for number, (one, other) in enumerate(links):
        for path in (one, other):
            if path in rows:
                names[rows[path]].append(f"link {number}")
    held = choose_held_out(
        tie(names),
        [sample.group for _, sample in flat],
        [source.held_out for source, _ in flat],
        [_stratum(source, sample) for source, sample in flat],
        [known.get(sample.path) for _, sample in flat],
    )
    sides = iter(held)
    training, validation = [], []
    for source, samples in listed:
        fallen = [(sample, next(sides)) for sample in samples]
        training.append((source, [sample for sample, is_held in fallen if not is_held]))
        validation.append((source, [sample for sample, is_held in fallen if is_held]))
    return training, validation


def _stratum(source: Source, sample: Sample) -> str:
    if not source.stratified or not sample.label:
        return ""
    return f"{source.images}/{sample.label}" if source.images else sample.label


def write_split(path: Path, root: Path, training: Listed, validation: Listed) -> None:
    """The sides as a CSV file (file, label, side), paths below `root`, for a source's `split`."""
    rows = {
        below(sample.path, root): (sample.label, side)
        for side, part in (("training", training), ("validation", validation))
        for _, samples in part
        for sample in samples
    }
    fresh = path.with_name(path.name + ".tmp")
    with fresh.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("file", "label", "side"))
        table.writerows((name, *told) for name, told in sorted(rows.items()))
    fresh.replace(path)


def read_split(path: Path, root: Path) -> dict[Path, bool]:
    """Whether each file is held out, from a CSV of `write_split`; raises DataError."""
    sides = {"training": False, "validation": True}
    found = {}
    for row in read_table(path, ("file", "side")):
        if row["side"] not in sides:
            raise DataError(
                f"{path.name}: the side of {row['file']} is training or validation, "
                f"not '{row['side']}'."
            )
        found[root / row["file"]] = sides[row["side"]]
    return found


def epoch(training: Sequence[tuple[Source, list[Sample]]], seed: int, number: int) -> list[Sample]:
    """The samples of epoch `number`, sources and classes by their shares; fixed by the seed."""
    chance = random.Random(f"{seed}/{number}")
    drawn: list[Sample] = []
    for source, samples in training:
        if not source.balanced and not source.class_shares:
            drawn += _drawn(samples, source.share * len(samples), chance)
            continue
        classes = defaultdict(list)
        for sample in samples:
            classes[sample.label].append(sample)
        for label, members in classes.items():
            count = len(samples) / len(classes) if source.balanced else len(members)
            share = source.share * source.class_shares.get(label, 1.0)
            drawn += _drawn(members, share * count, chance)
    chance.shuffle(drawn)
    return drawn


def _drawn(samples: list[Sample], count: float, chance: random.Random) -> list[Sample]:
    """`count` of them, none a second time before each has come once."""
    whole, part = divmod(round(count), max(1, len(samples)))
    return samples * whole + chance.sample(samples, part)


def read(path: Path, max_side: int | None = None) -> np.ndarray:
    """The upright picture (H, W, 3) uint8 of a file; raises ImageRejected if it is unreadable."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageRejected(
            "not_an_image", "This file cannot be read. Check its permissions.", str(error.strerror)
        ) from error
    return load(data, LIMITS, max_side)


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


def below(path: Path, folder: Path) -> str:
    """A file as tables name it: its path below `folder`; the whole path where it is elsewhere."""
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def image_files(folder: Path) -> list[Path]:
    """All image files below a folder, by path."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _from_folder(source: Source, folder: Path) -> Iterator[Sample]:
    for path in image_files(folder):
        is_classified = source.labelled or path.parent != folder
        label = _plain(path.parent.name) if is_classified else ""
        group = _group(source, path, label)
        yield Sample(path, source.kind, label, group, source.framing)


def _from_table(source: Source, root: Path) -> Iterator[Sample]:
    for row in read_table(root / source.labels, ("file", "label")):
        path, label = root / source.images / row["file"], _plain(row["label"] or "")
        ties = (f"group {row['group']}",) if row.get("group") else ()
        group = _group(source, path, label)
        yield Sample(path, source.kind, label, group, source.framing, ties=ties)


def _group(source: Source, path: Path, label: str) -> str:
    if source.group == "folder":
        return path.parent.name
    return label if source.group == "label" and label else path.name


def _plain(label: str) -> str:
    """Without the number that ImageNet and Stanford Dogs put before a class's name."""
    return re.sub(r"^n\d{8}-", "", label.strip())


def _fixed_by(path: Path, root: Path, samples: Sequence[Sample]) -> dict[Path, bool]:
    known = read_split(path, root)
    missing = [sample.path for sample in samples if sample.path not in known]
    if missing:
        raise DataError(
            f"{path.name} gives no side to {len(missing)} photos, {missing[0].name} first. Run "
            "`python -m ml data split` again with --fixed, which keeps the sides of the others."
        )
    return known


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
