"""How repeatable a person's most similar dogs are: `python -m ml evaluate faces`."""

import argparse
import contextlib
import io
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from ml.commands.faces import dog_faces, photo_paths, photos
from ml.datasets.hashes import NEAR, picture_hashes
from ml.errors import DataError, FaceUnclear, NoFace
from ml.evaluation.tables import print_result, read_table
from ml.faces import SCALE_FILE, FaceScale, likeness
from ml.mesh import LANDMARKS, FaceFinder

TOP = 10
# Turned further aside than this, in degrees, a face is not one from the front.
_FRONTAL = 15.0
_NAME = re.compile(r"([^\W\d_]{3,})[-_ ]*\d")

Change = Callable[[np.ndarray], np.ndarray]


def _saved(image: np.ndarray) -> np.ndarray:
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, "JPEG", quality=40)
        return np.asarray(Image.open(file).convert("RGB"))


def _cropped(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    return image[round(0.05 * height) : round(0.98 * height), round(0.08 * width) :]


def _larger(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image)
    size = (2 * picture.width, 2 * picture.height)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))


def _turned(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).rotate(10, Image.Resampling.BICUBIC, expand=True))


CHANGES: Mapping[str, Change] = {
    "larger": _larger,
    "jpeg_40": _saved,
    "darker": lambda image: np.asarray(
        ImageEnhance.Brightness(Image.fromarray(image)).enhance(0.7)
    ),
    "turned_10": _turned,
    "mirrored": lambda image: image[:, ::-1],
    "cropped": _cropped,
}
"""Twice as large, saved as a JPEG of quality 40, darker by 30 %, turned by 10°, mirrored, cropped:
what happens to one and the same photo."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "faces",
        help="how repeatable a person's most similar dogs are",
        description="Photos of one person are those whose names begin with the same word before a "
        "number (mina1.jpg, mina2.jpg), or those that --persons puts together.",
    )
    parser.add_argument("--people", type=Path, required=True, help="folder of portraits")
    parser.add_argument("--dogs", type=Path, required=True, help="folder of dogs, one photo each")
    parser.add_argument("--persons", type=Path, help="CSV: file,person")
    parser.add_argument("--most-dogs", type=int, default=400, metavar="N")
    parser.add_argument(
        "--most-changed", type=int, default=50, metavar="N", help="portraits to try changes on"
    )
    parser.add_argument("--scale", type=Path, default=SCALE_FILE, help="of people and dogs")
    parser.add_argument("--model", default="starter", help="finds the dogs' keypoints")
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print n, found, unclear and the figures of `figures_of`."""
    scale = FaceScale.load(options.scale)
    seen = dog_faces(photos(options.dogs, options.most_dogs), options.model)
    faces = [face for _path, face in seen]
    dogs = Dogs.of(faces, scale)
    tried = set(photo_paths(options.people, options.most_changed))
    finder = FaceFinder()
    portraits, unclear, looked_at = [], 0, 0
    for path, image in photos(options.people):
        looked_at += 1
        try:
            portraits.append(Portrait.of(path.name, image, finder, changes=path in tried))
        except NoFace:
            continue
        except FaceUnclear:
            unclear += 1
    if not portraits:
        raise DataError(f"None of the photos in {options.people} shows a face. Check --people.")
    persons = read_persons(options.persons) if options.persons else None
    if not options.json:
        print(f"{looked_at} photos of people; {len(faces)} dogs, {len(dogs)} of them with a face")
    found = {"n": looked_at, "found": len(portraits) / looked_at, "unclear": unclear}
    print_result({**found, **figures_of(portraits, dogs, scale, persons)})


@dataclass(frozen=True, eq=False)
class Portrait:
    """A person's photo: its face (468, 3) turned to the front, the same after changes of the photo
    by their names, how many degrees it looks aside in the photo, and the picture's hashes."""

    file: str
    mesh: np.ndarray
    changed: Mapping[str, np.ndarray]
    aside: float
    hashes: tuple[int, ...]

    @classmethod
    def of(cls, file: str, image: np.ndarray, finder: FaceFinder, changes: bool) -> "Portrait":
        """Raises NoFace or FaceUnclear."""
        mesh = finder.find(image)
        changed = {}
        for name, change in CHANGES.items() if changes else ():
            with contextlib.suppress(NoFace, FaceUnclear):
                changed[name] = finder.find(np.ascontiguousarray(change(image)))
        return cls(file, mesh, changed, degrees_aside(finder.look(image)), picture_hashes(image))


@dataclass(frozen=True, eq=False)
class Dogs:
    """Places and trust (n, 7) of the dogs whose faces can be compared."""

    places: np.ndarray
    trust: np.ndarray

    @classmethod
    def of(cls, faces: Sequence[Mapping[str, Sequence[float]]], scale: FaceScale) -> "Dogs":
        """Raises DataError for fewer than twice as many as an answer has."""
        placed = [scale.dog_places(face) for face in faces if len(face) >= 3]
        if len(placed) < 2 * TOP:
            raise DataError(f"Only {len(placed)} dogs show a face. Give more photos.")
        return cls(*(np.stack(column) for column in zip(*placed, strict=True)))

    def __len__(self) -> int:
        return len(self.places)

    def nearest(self, ratios: Mapping[str, float], scale: FaceScale) -> frozenset[int]:
        """The TOP dogs most like a person."""
        likes = likeness(scale.person_places(ratios), (self.places, self.trust))
        return frozenset(np.argsort(-likes, kind="stable")[:TOP].tolist())


def figures_of(
    portraits: Sequence[Portrait],
    dogs: Dogs,
    scale: FaceScale,
    persons: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`dogs` that show a face; `changed`: of the ten most similar dogs of a portrait, how many it
    keeps after each change; `same_person`: how many two photos of one person share, over `pairs`,
    and `frontal` where both look at most 15° aside; `chance`: how many photos of two people share.

    `persons` is who is in each file, otherwise its name tells. Two copies of one picture are no
    pair of photos.
    """
    tops = {p.file: dogs.nearest(scale.rest.ratios(p.mesh), scale) for p in portraits}
    kept: dict[str, list[int]] = {name: [] for name in CHANGES}
    for portrait in portraits:
        for name, mesh in portrait.changed.items():
            nearest = dogs.nearest(scale.rest.ratios(mesh), scale)
            kept[name].append(len(tops[portrait.file] & nearest))
    same, frontal, other = [], [], []
    for one, two in itertools.combinations(portraits, 2):
        shared = len(tops[one.file] & tops[two.file])
        who, whom = (person_of(p.file, persons) for p in (one, two))
        if who is None or who != whom:
            other.append(shared)
        elif not copies(one, two):
            same.append(shared)
            if max(one.aside, two.aside) <= _FRONTAL:
                frontal.append(shared)
    return {
        "dogs": len(dogs),
        "top": TOP,
        "changed": {name: _mean(values) for name, values in kept.items()},
        "same_person": {
            "pairs": len(same),
            "shared": _mean(same),
            "frontal": {"pairs": len(frontal), "shared": _mean(frontal)},
        },
        "chance": _mean(other),
    }


def degrees_aside(mesh: np.ndarray) -> float:
    """How far a face is turned to a side, in degrees, of its mesh (468, 3) as it is seen."""
    left, right = (mesh[list(LANDMARKS[f"{side}_ear_base"])].mean(0) for side in ("left", "right"))
    x, y, z = np.abs(left - right)
    return float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def copies(one: Portrait, other: Portrait) -> bool:
    """Whether two files are one picture, at another size or saved anew."""
    pairs = list(zip(one.hashes, other.hashes, strict=True))
    return all((a ^ b).bit_count() <= NEAR for a, b in (pairs[0], pairs[2]))


def person_of(file: str, persons: Mapping[str, str] | None) -> str | None:
    """Who is in a photo: from the table, or else the word of three letters or more that its name
    begins with before a number; None where neither tells."""
    if persons is not None:
        return persons.get(file)
    found = _NAME.match(file)
    return found.group(1).lower() if found else None


def read_persons(table: Path) -> dict[str, str]:
    """Raises DataError where it is no such table."""
    return {Path(row["file"]).name: row["person"] for row in read_table(table, ("file", "person"))}


def _mean(values: Sequence[int]) -> float | None:
    return round(float(np.mean(values)), 2) if values else None
