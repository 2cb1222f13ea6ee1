"""Agreement with people on which dog looks more alike: `python -m ml evaluate triplets`."""

import argparse
from pathlib import Path

import numpy as np

from ml.evaluation.fusion import parts_of, see_photos
from ml.evaluation.measures import triplet_accuracy
from ml.evaluation.retrieval import embed_photos
from ml.evaluation.tables import load_images, print_result, read_table
from ml.fusion import fixed
from ml.spec import load_spec


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("triplets", help="which of two dogs is more like the query")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--triplets", type=Path, required=True, help="CSV: query,a,b,choice")
    parser.add_argument("--model", default="starter")
    parser.add_argument(
        "--appearance-only",
        action="store_true",
        help="score the embedding alone, not the whole likeness that the search uses",
    )
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print n and accuracy over the triplets whose three photos can be read."""
    rows = read_table(options.triplets, ("query", "a", "b", "choice"))
    spec = load_spec(options.model)
    names = [row[key] for row in rows for key in ("query", "a", "b")]
    images = load_images(options.images, names, max_side=640)
    rows = [row for row in rows if all(row[key] in images for key in ("query", "a", "b"))]
    if not options.json:
        print(f"{len(rows)} triplets, model {spec.name}")
    if options.appearance_only:
        vectors = dict(zip(images, embed_photos(spec, list(images.values())), strict=True))
        query, a, b = (np.array([vectors[row[key]] for row in rows]) for key in ("query", "a", "b"))
        choices = [row["choice"] for row in rows]
        accuracy = triplet_accuracy((query * a).sum(1), (query * b).sum(1), choices)
    else:
        chosen, other = parts_of(see_photos(spec, list(images.values())), list(images), rows)
        mine, theirs = (fixed().fused(parts, "like") for parts in (chosen, other))
        accuracy = triplet_accuracy(mine, theirs, ["a"] * len(rows))
    print_result({"n": len(rows), "accuracy": accuracy})
