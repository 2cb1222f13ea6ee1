"""`python -m ml faces PHOTO`, and with --calibrate the scale that people and dogs share."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ml.commands.embed import read_photo
from ml.errors import DataError, FaceUnclear, ImageRejected, NoFace
from ml.faces import SCALE_FILE, STRONG, WEAK, AtRest, FaceScale, likeness, measured
from ml.geometry import FACE_RATIOS
from ml.images import Limits, load
from ml.mesh import FRONT_FILE, FaceFinder, Front
from ml.pose import PoseEstimator
from ml.skeleton import KEYPOINTS
from ml.spec import load_spec
from ml.subject import Subject, SubjectFinder

_ANY_SIZE = Limits(min_side=32)
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "faces",
        help="the proportions of a person's face",
        description="One JSON object with the proportions of the largest face in PHOTO; or, with "
        "--calibrate, the mean face and the scale on which people's and dogs' are compared, from "
        "two folders.",
    )
    parser.add_argument("photo", type=Path, nargs="?", metavar="PHOTO")
    parser.add_argument(
        "--calibrate", type=Path, nargs=2, metavar=("PEOPLE", "DOGS"), help="folders of photos"
    )
    parser.add_argument("--out", type=Path, default=SCALE_FILE, help="where the scale goes")
    parser.add_argument("--front", type=Path, default=FRONT_FILE, help="where the mean face goes")
    parser.add_argument("--model", default="starter", help="finds the dogs' keypoints")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises NoFace, FaceUnclear, ImageRejected or DataError."""
    if options.calibrate:
        people, dogs = options.calibrate
        calibrate(people, dogs, options.out, options.front, options.model)
    elif options.photo is None:
        raise DataError("Name a photo, or two folders with --calibrate.")
    else:
        mesh = FaceFinder().find(load(read_photo(options.photo), max_side=1280))
        print(json.dumps(FaceScale.load().rest.ratios(mesh)))


def calibrate(people: Path, dogs: Path, out: Path, front: Path, model: str) -> None:
    """Write mean face and scale, and say how many faces they rest on."""
    meshes = straight_meshes(people, front)
    rest = AtRest.of(meshes)
    faces = [face for _path, face in dog_faces(photos(dogs), model)]
    whole = sum(len(face) == len(FACE_RATIOS) for face in faces)
    print(f"{len(faces)} dogs, {whole} of them with a whole face")
    persons = [rest.ratios(mesh) for mesh in meshes]
    scale = FaceScale.of(persons, faces, rest)
    out.write_text(scale.to_json())
    some, one, few = np.quantile(by_chance(persons, faces, scale), (0.5, 0.9, 0.99))
    print(
        f"likeness by chance: half of all pairs below {some:.2f}, nine in ten below {one:.2f}, "
        f"99 in a hundred below {few:.2f}; ml.faces calls {WEAK} weak and {STRONG} strong"
    )


def by_chance(
    persons: Sequence[Mapping[str, float]],
    faces: Sequence[Mapping[str, tuple[float, float]]],
    scale: FaceScale,
) -> np.ndarray:
    """The likeness of each of these people with each of these dogs that can be compared, flat."""
    dogs = [np.stack(part) for part in zip(*map(scale.dog_places, faces), strict=True)]
    likes = [likeness(scale.person_places(person), (dogs[0], dogs[1])) for person in persons]
    found = np.concatenate(likes)
    return found[found > 0]


def straight_meshes(people: Path, front: Path) -> list[np.ndarray]:
    """The faces of people turned to the front, which their mean defines; it is written."""
    finder = FaceFinder()
    seen, looked_at = [], 0
    for _path, image in photos(people):
        looked_at += 1
        try:
            seen.append(finder.look(image))
        except NoFace:
            continue
    finder.front = Front.of(seen)
    front.write_text(finder.front.to_json())
    meshes = []
    for _path, image in photos(people):
        try:
            meshes.append(finder.find(image))
        except (NoFace, FaceUnclear):
            continue
    print(f"a face in {len(seen)} of {looked_at} photos of people, {len(meshes)} of them clear")
    return meshes


def dog_faces(
    found: Iterator[tuple[Path, np.ndarray]], model: str
) -> Iterator[tuple[Path, dict[str, tuple[float, float]]]]:
    """The dog's face in each photo that shows a dog, as `ml.faces.measured` tells it."""
    spec = load_spec(model)
    subjects, pose = SubjectFinder.load(spec), PoseEstimator.load(spec)
    for path, image in found:
        (subject,) = subjects.find([image])
        if isinstance(subject, Subject):
            (points,) = pose.estimate([image], [subject.box])
            rows = zip(KEYPOINTS, points.tolist(), strict=True)
            yield path, measured({name: (x, y, score) for name, (x, y, score) in rows})


def photos(folder: Path, most: int | None = None) -> Iterator[tuple[Path, np.ndarray]]:
    """Every readable photo below a folder, or so many of them evenly chosen."""
    for path in tqdm(photo_paths(folder, most), folder.name, mininterval=5):
        try:
            yield path, load(path.read_bytes(), _ANY_SIZE, max_side=640)
        except ImageRejected:
            continue


def photo_paths(folder: Path, most: int | None = None) -> list[Path]:
    """In order of their names; `most` of them evenly chosen."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if most is None or len(paths) <= most:
        return paths
    return [paths[place * len(paths) // most] for place in range(most)]
