"""`python -m ml breeds guess PHOTO …`, and breeds added from a few photos."""

import argparse
import difflib
import json
from pathlib import Path

import numpy as np

from ml.breeds import (
    BreedClassifier,
    added_file,
    breeds,
    prototype_of,
    read_added,
    save_added,
    slug_of,
    views,
)
from ml.commands.embed import read_photo
from ml.embedder import Embedder
from ml.errors import DataError, NoSubject
from ml.images import load
from ml.spec import WEIGHTS, ModelSpec, load_spec
from ml.subject import SubjectFinder


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    parser = commands.add_parser(
        "breeds",
        help="tell breeds, and add new ones from a few photos",
        description="A breed is added by the mean of its photos' features, without training. "
        "Processes that are running know it after their next start.",
    )
    parts = parser.add_subparsers(metavar="WHAT", required=True)
    guess = parts.add_parser("guess", help="one line of JSON for each photo")
    guess.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    guess.set_defaults(run=run_guess)
    add = parts.add_parser("add", help="a new breed from about five photos of different dogs")
    add.add_argument("name", metavar="NAME")
    add.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    add.set_defaults(run=run_add)
    remove = parts.add_parser("remove", help="forget an added breed")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)
    listed = parts.add_parser("list", help="all breeds that the model knows")
    listed.set_defaults(run=run_list)
    for part in (guess, add, remove, listed):
        part.add_argument("--model", default="starter")
        part.add_argument(
            "--folder", type=Path, default=WEIGHTS, help="where added breeds are; default: weights"
        )


def run_guess(options: argparse.Namespace) -> None:
    """Print file, breed (null for mixed or unknown) and the likeliest breeds."""
    spec = load_spec(options.model)
    classifier = BreedClassifier.load(spec, added=options.folder)
    for path, features in zip(
        options.photos, features_of(options.photos, spec, augment=False), strict=True
    ):
        (guess,) = classifier.classify(features.mean(0, keepdims=True))
        likely = {slug: round(chance, 4) for slug, chance in guess.likely}
        print(
            json.dumps(
                {"file": str(path), "breed": guess.slug, "likely": likely}, ensure_ascii=False
            )
        )


def run_add(options: argparse.Namespace) -> None:
    """Add a breed, or replace an added one; refuses one that the classifier was trained on."""
    spec = load_spec(options.model)
    slug = slug_of(options.name)
    if not slug:
        raise DataError(f"'{options.name}' is no name. Give the breed's name.")
    path = added_file(spec, options.folder)
    added = read_added(path)
    if slug in set(BreedClassifier.load(spec, added=options.folder).names) - set(added):
        raise DataError(f"The model knows {slug} already: it was trained on it.")
    features = features_of(options.photos, spec, augment=True)
    added[slug] = prototype_of(np.concatenate(features))
    save_added(path, added)
    print(f"{slug}: added from {len(options.photos)} photos")
    if len(options.photos) < 5:
        print("It will be told more surely from five photos of different dogs or more.")


def run_remove(options: argparse.Namespace) -> None:
    """Forget an added breed; a name that was not added is refused with the nearest ones."""
    path = added_file(load_spec(options.model), options.folder)
    added = read_added(path)
    slug = slug_of(options.name)
    if slug not in added:
        near = difflib.get_close_matches(slug, added, n=3, cutoff=0.3) or list(added)
        raise DataError(
            f"No breed {slug} was added. Nearest: {', '.join(near) or 'none was added'}."
        )
    del added[slug]
    save_added(path, added)
    print(f"{slug}: removed")


def run_list(options: argparse.Namespace) -> None:
    """Print slug, English and Korean name of each breed."""
    spec = load_spec(options.model)
    added = read_added(added_file(spec, options.folder))
    for slug in BreedClassifier.load(spec, added=options.folder).names:
        breed = breeds().get(slug)
        names = (breed.english, breed.korean) if breed else ()
        print("\t".join([slug, *names, *(["added"] if slug in added else [])]))


def features_of(paths: list[Path], spec: ModelSpec, *, augment: bool) -> list[np.ndarray]:
    """(views, C) for each photo; with `augment` of three margins, each also mirrored.

    Raises NoSubject, ImageRejected or DataError at the first photo that cannot be used.
    """
    finder, embedder = SubjectFinder.load(spec), Embedder.load(spec)
    margin = float(spec.subject.options["margin"])
    margins = (margin, margin + 0.1, margin + 0.25) if augment else (margin,)
    found = []
    for path in paths:
        image = load(read_photo(path), max_side=1280)
        (subject,) = finder.find([image])
        if isinstance(subject, NoSubject):
            raise subject
        found.append(embedder.describe(views(image, subject.box, margins, augment))[1])
    return found
