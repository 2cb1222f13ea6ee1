"""Whether what would teach most is told from what is known: `python -m ml evaluate teaching`."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from ml.commands.unlabelled import Looker, Looks
from ml.errors import DataError
from ml.evaluation.keypoints import Labels, read_labels
from ml.evaluation.tables import print_result
from ml.images import Limits, load
from ml.spec import load_spec
from ml.teaching import disagreement, doubt, teaches
from ml.training.keypoints.datasets import load as load_coco
from ml.training.keypoints.datasets import split_of

_ANY_SIZE = Limits(min_side=8)
_WRONG = 0.1  # of the box's longer side, as pck@0.1
_FEWEST = 10


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "teaching",
        help="the order of `rank-unlabelled` against true errors of keypoints",
        description="Spearman's rank correlation of what is said of a photo without its label with "
        "the mean error of its points; and how many points are wrong in the third that comes "
        "first and in the third that comes last.",
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO keypoint file")
    parser.add_argument("--category", action="append", help="only these, by name")
    parser.add_argument(
        "--held-out", action="store_true", help="only photos that `train keypoints` holds back"
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the figures of `measure`."""
    categories = set(options.category) if options.category else None
    labels = read_labels(options.images, options.annotations, categories)
    kept = list(range(len(labels.files)))
    if options.held_out:
        images = load_coco(options.annotations)["images"]
        held = {image["file_name"] for image in images if split_of(image) == "val"}
        below = (file.relative_to(options.images).as_posix() for file in labels.files)
        kept = [place for place, name in enumerate(below) if name in held]
    looker = Looker.load(load_spec(options.model), threads=options.threads)
    looks = looker.look_at(_photos(labels, kept))
    if not options.json:
        print(f"{len(looks.files)} dogs found in {len(kept)} photos")
    print_result(measure(labels, looks))


def measure(labels: Labels, looks: Looks) -> dict[str, float | int | None]:
    """`looks.files` are places in `labels`, as text.

    - `rho`: Spearman's rank correlation of `ml.teaching.teaches` with a dog's mean error: the
      distance of its visible points (v = 2) over the box's longer side, 0.5 at most each.
      `rho_labelled` the same over hidden points too; `rho_doubt`, `rho_disagreement` of the parts;
      None where something is the same for all.
    - `wrong_first`, `wrong_last`: of the visible points those more than a tenth of the box away, in
      the third of the photos that teach most and in the third that teach least.

    Raises DataError for fewer than ten dogs.
    """
    places = [int(name) for name in looks.files]
    truth, sides = labels.points[places], labels.sides[places]
    apart = np.linalg.norm(looks.points[..., :2] - truth[..., :2], axis=-1) / sides[:, None]
    visible, labelled = truth[..., 2] == 2, truth[..., 2] > 0
    known = visible.any(1)
    if known.sum() < _FEWEST:
        raise DataError(f"Give at least {_FEWEST} annotated dogs that can be found.")

    def mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
        total = np.where(counted, values, 0).sum(1) / np.maximum(counted.sum(1), 1)
        return np.asarray(total[known])

    def rho(values: np.ndarray, error: np.ndarray) -> float | None:
        if np.ptp(values[known]) == 0 or np.ptp(error) == 0:
            return None
        return float(spearmanr(values[known], error).statistic)

    error = mean(np.minimum(apart, 0.5), visible)
    scores = (looks.points[..., 2] + looks.mirrored[..., 2]) / 2
    worth = teaches(looks.points, looks.mirrored, looks.sides)
    wrong = mean(apart > _WRONG, visible)[np.argsort(-worth[known])]
    third = len(wrong) // 3
    return {
        "n": int(known.sum()),
        "rho": rho(worth, error),
        "rho_labelled": rho(worth, mean(np.minimum(apart, 0.5), labelled)),
        "rho_doubt": rho(doubt(scores), error),
        "rho_disagreement": rho(disagreement(looks.points, looks.mirrored, looks.sides), error),
        "wrong_first": float(wrong[:third].mean()),
        "wrong_last": float(wrong[-third:].mean()),
    }


def _photos(labels: Labels, kept: list[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Photos named by their places: a file may show several annotated dogs."""
    for place in kept:
        yield str(place), load(labels.files[place].read_bytes(), _ANY_SIZE)
