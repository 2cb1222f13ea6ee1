"""How well the embedding finds the same label again: `python -m ml evaluate retrieval`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.embedder import Embedder
from ml.evaluation.measures import retrieval
from ml.evaluation.tables import load_images, print_result, read_table
from ml.spec import ModelSpec, load_spec
from ml.subject import Subject, SubjectFinder, crop


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("retrieval", help="every image queries all others")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument(
        "--labels", type=Path, required=True, help="CSV: file,label (and group, optional)"
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print n, r1, r5, r10 and map over the queries whose label occurs elsewhere."""
    rows = read_table(options.labels, ("file", "label"))
    spec = load_spec(options.model)
    images = load_images(options.images, (row["file"] for row in rows), max_side=640)
    rows = [row for row in rows if row["file"] in images]
    if not options.json:
        print(f"{len(rows)} images, model {spec.name}")
    vectors = embed_photos(spec, [images[row["file"]] for row in rows])
    groups = [row.get("group") or str(place) for place, row in enumerate(rows)]
    print_result(retrieval(vectors, [row["label"] for row in rows], groups))


def embed_photos(spec: ModelSpec, images: Sequence[np.ndarray]) -> np.ndarray:
    """(n, d) vectors as the search makes them; a photo without a dog is embedded whole."""
    return Embedder.load(spec).embed(crop_dogs(spec, images))


def crop_dogs(spec: ModelSpec, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each photo cut to its dog, as the search does; a photo without a dog stays whole."""
    finder = SubjectFinder.load(spec)
    margin = float(spec.subject.options["margin"])
    return [
        crop(image, subject.box, margin) if isinstance(subject, Subject) else image
        for image, subject in zip(images, finder.find(images), strict=True)
    ]
