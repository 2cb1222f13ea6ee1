"""How cosines become scores: `python -m ml evaluate likeness`."""

import argparse
from pathlib import Path

import numpy as np

from ml.errors import DataError
from ml.evaluation.retrieval import embed_photos
from ml.evaluation.tables import load_images, print_result, read_table
from ml.spec import load_spec

# Scores at quantiles of the cosine between two different dogs taken at random, then of two photos
# of one dog. A page shows the best of hundreds, so the random tail gets most of the scale.
_RANDOM = ((0.05, 5.0), (0.5, 20.0), (0.9, 40.0), (0.99, 60.0), (0.999, 75.0))
_SAME = ((0.75, 90.0), (0.95, 97.0))


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "likeness", help="the scale from cosine to score, for `python -m ml release --likeness`"
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        help="CSV: file,label; one label for the photos of one dog, empty where seen once",
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the spec's `likeness` section."""
    rows = read_table(options.labels, ("file", "label"))
    spec = load_spec(options.model)
    images = load_images(options.images, (row["file"] for row in rows), max_side=640)
    rows = [row for row in rows if row["file"] in images]
    if not options.json:
        print(f"{len(rows)} images, model {spec.name}")
    vectors = embed_photos(spec, [images[row["file"]] for row in rows])
    labels = np.array([row["label"] or f"\0{place}" for place, row in enumerate(rows)])
    random, same = pair_cosines(vectors, labels)
    print_result(scale_of(random, same))


def pair_cosines(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of all pairs of different dogs, and of all pairs of photos of one dog.

    Near-duplicates, above 0.995, say nothing about another photo of a dog and are left out.
    """
    first, second = np.triu_indices(len(vectors), 1)
    cosines = (vectors @ vectors.T)[first, second]
    together = labels[first] == labels[second]
    same = cosines[together & (cosines < 0.995)]
    random = cosines[~together]
    if len(random) < 1000 or len(same) < 20:
        raise DataError("Too few pairs: give at least 50 dogs, and several photos of some.")
    return random, same


def scale_of(random: np.ndarray, same: np.ndarray) -> dict[str, object]:
    """The `likeness` section of a spec from cosines of different dogs and of one dog.

    No close match below the random 90 % quantile: one dog in ten looks that much like any other.
    Strong from the random 99.9 % quantile: the best of a thousand arbitrary dogs.
    """
    points = [(float(np.quantile(random, q)), score) for q, score in _RANDOM]
    points += [(float(np.quantile(same, q)), score) for q, score in _SAME]
    points.append((1.0, 100.0))
    scale: list[list[float]] = [[round(min(0.0, points[0][0] - 0.05), 4), 0.0]]
    for cosine, score in points:
        if cosine > scale[-1][0] + 0.01:
            scale.append([round(cosine, 4), score])
    return {
        "none_below": round(float(np.quantile(random, 0.9)), 4),
        "strong_from": round(float(np.quantile(random, 0.999)), 4),
        "scale": scale,
    }
