"""`python -m ml rank-unlabelled DIR`: which photos to annotate first."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ml.embedder import Embedder
from ml.errors import DataError
from ml.evaluation.tables import read_images
from ml.pose import PoseEstimator
from ml.spec import ModelSpec, load_spec
from ml.subject import Box, Subject, SubjectFinder, crop
from ml.teaching import disagreement, doubt, teaches, varied

_BATCH = 16
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic"}


@dataclass(frozen=True, eq=False)
class Looks:
    """What the models see in n photos of dogs: `files`, `points` and `mirrored` (n, 21, 3) as
    `ml.teaching` has them, `boxes` (n, 4) in pixels, `vectors` (n, d)."""

    files: list[str]
    points: np.ndarray
    mirrored: np.ndarray
    boxes: np.ndarray
    vectors: np.ndarray

    @property
    def sides(self) -> np.ndarray:
        """The longer side of each box in pixels, (n,)."""
        return (self.boxes[:, 2:] - self.boxes[:, :2]).max(1)


class Looker:
    """Subject, keypoints of both mirror images, and vector of one model."""

    def __init__(
        self, finder: SubjectFinder, pose: PoseEstimator, embedder: Embedder, margin: float
    ) -> None:
        self._finder = finder
        self._pose = pose
        self._embedder = embedder
        self._margin = margin

    @classmethod
    def load(cls, spec: ModelSpec, *, threads: int | None = None) -> "Looker":
        """Raises ModelMissing or ModelMismatch where the spec's weights are not there."""
        return cls(
            SubjectFinder.load(spec, threads=threads),
            PoseEstimator.load(spec, threads=threads),
            Embedder.load(spec, threads=threads),
            float(spec.subject.options["margin"]),
        )

    def look_at(self, photos: Iterable[tuple[str, np.ndarray]]) -> Looks:
        """Photos, by name, (H, W, 3) uint8 RGB; those without a dog are left out.

        No more than sixteen are in memory at once. Raises DataError where there is no dog at all.
        """
        files: list[str] = []
        boxes: list[Box] = []
        points, mirrored, vectors = [], [], []
        for batch in _batches(photos):
            found = self._finder.find([photo for _, photo in batch])
            dogs = [
                (name, photo, subject.box)
                for (name, photo), subject in zip(batch, found, strict=True)
                if isinstance(subject, Subject)
            ]
            if not dogs:
                continue
            names, images, places = (list(values) for values in zip(*dogs, strict=True))
            files += names
            boxes += places
            points.append(self._pose.estimate(images, places))
            mirrored.append(self._pose.estimate_mirrored(images, places))
            crops = [crop(photo, box, self._margin) for _, photo, box in dogs]
            vectors.append(self._embedder.embed(crops))
        if not files:
            raise DataError("There is no dog in any of the photos. Give a folder of dogs' photos.")
        return Looks(
            files,
            np.concatenate(points),
            np.concatenate(mirrored),
            np.array(boxes, np.float64),
            np.concatenate(vectors),
        )


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "rank-unlabelled",
        help="which photos to annotate first",
        description="Ranks the photos in a folder by what annotating them would teach the keypoint "
        "network: how unsure it is of its points (doubt), how differently it sees the mirror image "
        "(disagreement), both 0 to 1, and how unlike those before it a photo looks.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="photos, searched with subfolders")
    parser.add_argument("--number", type=int, default=50, metavar="N", help="how many, default 50")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--threads", type=int)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="one JSON object")
    kind.add_argument("--csv", action="store_true", help="a table for a file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the photos to annotate first, best first; those without a dog are told on stderr."""
    if options.number < 1:
        raise DataError("--number is how many photos to print: 1 or more.")
    names = _names(options.folder)
    looker = Looker.load(load_spec(options.model), threads=options.threads)
    photos = read_images(options.folder, tqdm(names, "photos", mininterval=5, disable=None), 640)
    looks = looker.look_at(photos)
    if len(looks.files) < len(names):
        print(
            f"{len(names) - len(looks.files)} photos show no dog or cannot be read", file=sys.stderr
        )
    _print(rows(looks, options.number), options)


def rows(looks: Looks, number: int) -> list[dict[str, str | float]]:
    """The first `number` photos: file, teaches, doubt, disagreement; figures 0 to 1."""
    worth = teaches(looks.points, looks.mirrored, looks.sides)
    unsure = doubt((looks.points[..., 2] + looks.mirrored[..., 2]) / 2)
    apart = disagreement(looks.points, looks.mirrored, looks.sides)
    return [
        {
            "file": looks.files[place],
            "teaches": round(float(worth[place]), 4),
            "doubt": round(float(unsure[place]), 4),
            "disagreement": round(float(apart[place]), 4),
        }
        for place in varied(worth, looks.vectors, number)
    ]


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Give one with photos.")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES]
    if not found:
        raise DataError(f"There are no photos in {folder}.")
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _batches(
    photos: Iterable[tuple[str, np.ndarray]],
) -> Iterator[list[tuple[str, np.ndarray]]]:
    batch: list[tuple[str, np.ndarray]] = []
    for photo in photos:
        batch.append(photo)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _print(found: list[dict[str, str | float]], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps({"photos": found}, ensure_ascii=False))
        return
    if options.csv:
        writer = csv.DictWriter(sys.stdout, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
        return
    print("teaches  doubt  disagreement  file")
    for row in found:
        figures = f"{row['teaches']:7.3f}  {row['doubt']:5.3f}  {row['disagreement']:12.3f}"
        print(f"{figures}  {row['file']}")
