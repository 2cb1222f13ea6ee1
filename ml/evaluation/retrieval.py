"""How well the embedding finds the same label again: `python -m ml evaluate retrieval`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.embedder import Embedder
from ml.evaluation.fusion import see_photos
from ml.evaluation.measures import retrieval
from ml.evaluation.tables import load_images, print_result
from ml.fusion import MODES, fixed
from ml.spec import ModelSpec, load_spec
from ml.subject import Subject, SubjectFinder, crop
from ml.training.data import below, samples_of, source_of


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("retrieval", help="every image queries all others")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument(
        "--labels", type=Path, help="CSV: file,label (and group, optional); else a folder per label"
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument(
        "--fused", choices=MODES, help="by the whole likeness of this mode, not by the embedding"
    )
    parser.add_argument(
        "--whole-photo", action="store_true", help="embed photos whole, without finding the dog"
    )
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print n, r1, r5, r10 and map over the queries whose label occurs elsewhere."""
    spec = load_spec(options.model)
    images, labels, groups = read_labelled(options.images, options.labels)
    if not options.json:
        print(f"{len(images)} images, model {spec.name}")
    if not options.fused:
        whole = options.whole_photo
        vectors = Embedder.load(spec).embed(images) if whole else embed_photos(spec, images)
        print_result(retrieval(vectors, labels, groups))
        return
    seen = see_photos(spec, images)

    def likeness(row: int, others: np.ndarray) -> np.ndarray:
        return fixed().fused(seen.parts(row, others.tolist()), options.fused)

    print_result(retrieval(seen.vectors, labels, groups, likeness))


def read_labelled(
    folder: Path, table: Path | None
) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Readable photos, at most 640 pixels wide and high, with their labels and groups.

    A photo without label or group has its own, so that it is found but never asked for. Unreadable
    ones are named; raises DataError where there are none.
    """
    samples = samples_of(source_of(folder, table), Path())
    names = [below(sample.path, folder) for sample in samples]
    images = load_images(folder, names, max_side=640)
    kept = [(name, s) for name, s in zip(names, samples, strict=True) if name in images]
    return (
        [images[name] for name, _ in kept],
        [sample.label or f"unlabelled {place}" for place, (_, sample) in enumerate(kept)],
        [" ".join(sample.ties) or str(place) for place, (_, sample) in enumerate(kept)],
    )


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
