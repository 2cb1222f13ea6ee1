"""How well the gate tells dogs from all else: `python -m ml evaluate subject`."""

import argparse
from pathlib import Path

import numpy as np

from ml.errors import DataError
from ml.evaluation.tables import load_images, print_result, read_table
from ml.spec import load_spec
from ml.subject import Subject, SubjectFinder

_KINDS = ("dog", "person", "other")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser("subject", help="dog, person or other")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument(
        "--labels", type=Path, required=True, help="CSV: file,kind (dog, person, other)"
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print n, accuracy and the share of each kind that was told right."""
    rows = read_table(options.labels, ("file", "kind"))
    unknown = {row["kind"] for row in rows} - {*_KINDS, "cat"}
    if unknown:
        raise DataError(f"Unknown kind {', '.join(sorted(unknown))}. Use dog, person or other.")
    spec = load_spec(options.model)
    images = load_images(options.images, (row["file"] for row in rows), max_side=640)
    rows = [row for row in rows if row["file"] in images]
    if not options.json:
        print(f"{len(rows)} images, model {spec.name}")
    finder = SubjectFinder.load(spec)
    answers = finder.find([images[row["file"]] for row in rows])
    told = np.array([_plain("dog" if isinstance(a, Subject) else a.kind) for a in answers])
    wanted = np.array([_plain(row["kind"]) for row in rows])
    right = told == wanted
    print_result(
        {
            "n": len(rows),
            "accuracy": float(right.mean()),
            "per_kind": {
                k: round(float(right[wanted == k].mean()), 5) for k in _KINDS if (wanted == k).any()
            },
        }
    )


def _plain(kind: str) -> str:
    """A cat is "other" in this evaluation's three kinds."""
    return "other" if kind == "cat" else kind
