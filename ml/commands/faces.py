"""`python -m ml faces PHOTO`, and with --calibrate the scale that people and dogs share."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ml.commands.embed import read_photo
from ml.errors import DataError, ImageRejected, NoFace
from ml.faces import SCALE_FILE, FaceFinder, FaceScale, ratios_of
from ml.geometry import face_ratios
from ml.images import Limits, load
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
        "--calibrate, the scale on which people's and dogs' are compared, from two folders.",
    )
    parser.add_argument("photo", type=Path, nargs="?", metavar="PHOTO")
    parser.add_argument(
        "--calibrate", type=Path, nargs=2, metavar=("PEOPLE", "DOGS"), help="folders of photos"
    )
    parser.add_argument("--out", type=Path, default=SCALE_FILE, help="where the scale goes")
    parser.add_argument("--model", default="starter", help="finds the dogs' keypoints")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Raises NoFace, ImageRejected or DataError."""
    if options.calibrate:
        people, dogs = options.calibrate
        calibrate(people, dogs, options.out, options.model)
    elif options.photo is None:
        raise DataError("Name a photo, or two folders with --calibrate.")
    else:
        points = FaceFinder().find(load(read_photo(options.photo), max_side=1280))
        print(json.dumps(ratios_of(points)))


def calibrate(people: Path, dogs: Path, out: Path, model: str) -> None:
    """Write the scale, and say how many faces it rests on."""
    finder = FaceFinder()
    persons, looked_at = [], 0
    for _path, image in photos(people):
        looked_at += 1
        try:
            persons.append(ratios_of(finder.find(image)))
        except NoFace:
            continue
    print(f"a face in {len(persons)} of {looked_at} photos of people")
    spec = load_spec(model)
    subjects, pose = SubjectFinder.load(spec), PoseEstimator.load(spec)
    faces = []
    for _path, image in photos(dogs):
        (subject,) = subjects.find([image])
        if isinstance(subject, Subject):
            (points,) = pose.estimate([image], [subject.box])
            named = {n: (x, y, s) for n, (x, y, s) in zip(KEYPOINTS, points.tolist(), strict=True)}
            told = {n: r.value for n, r in face_ratios(named).items() if r is not None}
            faces.append(told)
    whole = sum(len(face) == 4 for face in faces)
    print(f"{len(faces)} dogs, {whole} of them with a whole face")
    out.write_text(FaceScale.of(persons, faces).to_json())


def photos(folder: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """Every readable photo below a folder."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    for path in tqdm(paths, folder.name, mininterval=5):
        try:
            yield path, load(path.read_bytes(), _ANY_SIZE, max_side=640)
        except ImageRejected:
            continue
