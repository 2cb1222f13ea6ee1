"""`python -m ml pseudo-label`: breeds for unlabelled photos, never for those held out."""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import load_file

from ml.errors import DataError, ImageRejected
from ml.evaluation.breeds import Reader, Variant
from ml.spec import ModelSpec, load_spec, weights_file
from ml.training.breeds.held_out import HeldOut, digest, look
from ml.training.data import image_files, read

_BATCH = 16


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "pseudo-label",
        help="breeds for unlabelled photos",
        description="Writes file,label,probability of the photos on which all views agree, for "
        "`python -m ml train breeds --pseudo`. Photos that the classifier was measured on are "
        "refused, by their content and by their look; their hashes travel in its weights.",
    )
    parser.add_argument("--images", type=Path, required=True, help="folder, with its subfolders")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--data", type=Path, help="root of the paths in FILE; default --images")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--at-least", type=float, default=0.8, help="least probability of a view")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the table and print how many photos were taken and refused."""
    if not options.images.is_dir():
        raise DataError(f"There is no folder {options.images}. Check --images.")
    root = options.data or options.images
    files = image_files(options.images)
    if not all(file.is_relative_to(root) for file in files):
        raise DataError(f"{options.images} does not lie below {root}. Check --data.")
    spec = load_spec(options.model)
    reader, held = Reader(spec), held_out_of(spec)
    counts = {"taken": 0, "unsure": 0, "no dog": 0, "held out": 0}
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "label", "probability"))
        for judged in judge(files, reader, held, options.at_least):
            counts[judged.outcome] += 1
            if judged.outcome == "taken":
                name = judged.path.relative_to(root).as_posix()
                writer.writerow((name, judged.label, f"{judged.probability:.3f}"))
            elif judged.outcome == "held out":
                print(f"refused {judged.path.name}: it is held out", file=sys.stderr)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


@dataclass(frozen=True)
class Judged:
    """A photo, the breed that its views tell, the least of their probabilities, and the outcome."""

    path: Path
    label: str
    probability: float
    outcome: str


def held_out_of(spec: ModelSpec) -> HeldOut:
    """The photos that a spec's classifier was measured on, from its weights file."""
    assert spec.breeds is not None, "a Reader has refused such a spec"
    weights = load_file(weights_file(spec.breeds))
    return HeldOut(weights["held_out_digests"], weights["held_out_looks"])


def judge(files: list[Path], reader: Reader, held: HeldOut, at_least: float) -> Iterator[Judged]:
    """Each readable photo: taken, unsure, no dog or held out.

    Taken are those on which three margins, each also mirrored, all tell the same breed with at
    least that probability. Held-out photos are not even shown to the model.
    """
    every = Variant((reader.margin, reader.margin + 0.1, reader.margin + 0.25), mirror=True)
    for start in range(0, len(files), _BATCH):
        paths, images = [], []
        for path in files[start : start + _BATCH]:
            try:
                image = read(path, 640)
            except ImageRejected as error:
                print(f"skipped {path.name}: {error.message}", file=sys.stderr)
                continue
            data = digest(path.read_bytes())
            if held.holds(data[None], look(image)[None])[0]:
                yield Judged(path, "", 0.0, "held out")
                continue
            paths.append(path)
            images.append(image)
        found = reader.find(images)
        yield from (
            Judged(path, "", 0.0, "no dog")
            for path, box in zip(paths, found, strict=True)
            if box is None
        )
        dogs = [row for row, box in enumerate(found) if box is not None]
        if not dogs:
            continue
        seen = reader.each(
            [images[row] for row in dogs], [box for box in found if box is not None], every
        )
        chances = reader.classifier.probabilities(seen.reshape(-1, seen.shape[2]))
        chances = chances.reshape(len(dogs), every.passes, -1)
        for row, views in zip(dogs, chances, strict=True):
            told = views.argmax(1)
            least = float(views[:, told[0]].min())
            sure = (told == told[0]).all() and least >= at_least
            label = reader.classifier.names[told[0]]
            yield Judged(paths[row], label, least, "taken" if sure else "unsure")
