"""Measures keypoints against a COCO file, by the names its categories give."""

import argparse
import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.errors import DataError
from ml.evaluation.tables import print_result
from ml.images import Limits
from ml.images import load as load_image
from ml.pose import PoseEstimator
from ml.skeleton import FLIP, INDEX, KEYPOINTS, PARTS, SIGMAS
from ml.spec import load_spec
from ml.subject import Box, Subject, SubjectFinder
from ml.training.keypoints.datasets import load as load_coco
from ml.training.keypoints.datasets import points_of, remap
from ml.training.release import network_of
from ml.traits import Traits

Describe = Callable[
    [Sequence[np.ndarray], Sequence[Box]], tuple[np.ndarray, Sequence[Traits | None]]
]

_ANY_SIZE = Limits(min_side=8)  # a data set's crops may be smaller than what people upload
_VISIBLE = 2
_BATCH = 16
_FACE = [index for index, name in enumerate(KEYPOINTS) if PARTS[name] == "face"]
# As MMPose 1.3 states them for Animal-Pose, so that figures compare with published ones.
_ANIMAL_POSE_SIGMAS = {
    "left_eye": 0.025,
    "right_eye": 0.025,
    "left_ear_base": 0.026,
    "right_ear_base": 0.035,
    "nose": 0.035,
    "root_of_tail": 0.1,
    **dict.fromkeys(("left_elbow", "right_elbow", "left_knee", "right_knee"), 0.107),
    **{f"{side}_{end}_paw": 0.089 for side in ("left", "right") for end in ("front", "back")},
}
_APART = 0.05  # of the box's longer side: nearer left and right points have no telling order


@dataclass(frozen=True, eq=False)
class Labels:
    """`annotations` dogs: `files` (n), `boxes` (n, 4) x0, y0, x1, y1, `points` (n, 21, 3) x, y, v.

    `areas` (n,) in square pixels, `known` (21,) whether the data set has the point at all, `sigmas`
    (21,) the spread of each point for OKS, `postures` and `views` (n) words, None where not told.
    """

    files: list[Path]
    boxes: np.ndarray
    areas: np.ndarray
    points: np.ndarray
    known: np.ndarray
    sigmas: np.ndarray
    postures: Sequence[str | None]
    views: Sequence[str | None]

    @property
    def sides(self) -> np.ndarray:
        """The longer side of each box in pixels, (n,)."""
        return (self.boxes[:, 2:] - self.boxes[:, :2]).max(1)


def read_labels(images: Path, annotations: Path, categories: set[str] | None = None) -> Labels:
    """The annotated animals of a COCO file, brought into the 21 points.

    Points that are not among the 21 are left out. `categories` keeps some by name. Raises DataError
    where nothing is left or a photo is not in `images`.
    """
    data = load_coco(annotations)
    places = {
        category["id"]: points_of(category["keypoints"], KEYPOINTS)
        for category in data["categories"]
        if categories is None or category["name"] in categories
    }
    theirs = {name for c in data["categories"] if c["id"] in places for name in c["keypoints"]}
    known = np.array([any(p[k] is not None for p in places.values()) for k in range(21)])
    names = {image["id"]: image["file_name"] for image in data["images"]}
    files, boxes, areas, points = [], [], [], []
    postures, views = [], []
    for annotation in data["annotations"]:
        if annotation["category_id"] not in places:
            continue
        values = remap(annotation["keypoints"], places[annotation["category_id"]])
        truth = np.array(values, np.float64).reshape(-1, 3)
        if not truth[:, 2].any():
            continue
        x, y, w, h = annotation["bbox"]
        files.append(images / names[annotation["image_id"]])
        boxes.append((x, y, x + w, y + h))
        areas.append(annotation.get("area") or w * h)
        points.append(truth)
        postures.append(annotation.get("posture") or None)
        views.append(annotation.get("view") or None)
    if not files:
        raise DataError(f"{annotations.name} has no annotated animal with a point that is known.")
    absent = next((file for file in files if not file.is_file()), None)
    if absent is not None:
        raise DataError(f"The photo {absent.name} is not in {images}. Give its folder as --images.")
    sigmas = np.array(SIGMAS)
    if "left_front_elbow" in theirs:  # Animal-Pose's names
        sigmas = np.array(
            [_ANIMAL_POSE_SIGMAS.get(n, s) for n, s in zip(KEYPOINTS, SIGMAS, strict=True)]
        )
    return Labels(
        files,
        np.array(boxes),
        np.array(areas),
        np.stack(points),
        known,
        sigmas,
        postures,
        views,
    )


def predict(
    describe: Describe, labels: Labels, boxes: np.ndarray | None = None
) -> tuple[np.ndarray, list[Traits | None]]:
    """Points (n, 21, 3) in the photos' pixels and traits (n), within `boxes` (n, 4) or else the
    labelled ones."""
    boxes = labels.boxes if boxes is None else boxes
    found = []
    traits: list[Traits | None] = []
    for start in range(0, len(labels.files), _BATCH):
        part = slice(start, start + _BATCH)
        photos = [_load(file) for file in labels.files[part]]
        points, told = describe(photos, [tuple(box) for box in boxes[part]])
        found.append(points)
        traits += told
    return np.concatenate(found), traits


def measure(
    labels: Labels, found: np.ndarray, traits: Sequence[Traits | None] = ()
) -> dict[str, Any]:
    """All figures of `python -m ml evaluate keypoints`; None where nothing can be measured.

    - `pck@a`: visible points (v = 2) at most a × the box's longer side away; `per_point` by name
      with their number `n`.
    - `ap`, `ap50`: COCO's average precision over OKS 0.5 to 0.95, and at 0.5, all labelled points;
      sigmas as `ml.skeleton` has them, or Animal-Pose's where the file names its points so.
    - `face_nme`: mean distance of visible face points over the distance of the eyes, where both
      eyes are visible.
    - `swap_rate`: of the visible left/right pairs at least 0.05 of the box apart, those which lie
      nearer to each other's truth than to their own.
    - `drawn`: share of points with a score of 0.3 or more, by label.
    - `posture_accuracy`, `view_accuracy`: share of the labelled dogs told right; `postures` by
      label what they were told as.
    """
    visible = labels.points[..., 2] == _VISIBLE
    distance = np.linalg.norm(found[..., :2] - labels.points[..., :2], axis=-1)
    relative = distance / labels.sides[:, None]
    near = relative <= 0.1
    ap, ap50 = _average_precision(labels, found)
    drawn = found[..., 2] >= 0.3
    label = np.where(labels.known, labels.points[..., 2], -1)
    told: Sequence[Traits | None] = traits or [None] * len(labels.files)
    postures = [trait and trait.posture for trait in told]
    return {
        "n": len(labels.files),
        "pck@0.1": _mean(near[visible]),
        "pck@0.2": _mean((relative <= 0.2)[visible]),
        "ap": ap,
        "ap50": ap50,
        "face_nme": _face_error(labels, distance, visible),
        "swap_rate": _swap_rate(labels, found, visible),
        "posture_accuracy": _accuracy(labels.postures, postures),
        "view_accuracy": _accuracy(labels.views, [trait and trait.view for trait in told]),
        "per_point": {
            name: {"n": int(visible[:, k].sum()), "pck@0.1": _mean(near[visible[:, k], k])}
            for k, name in enumerate(KEYPOINTS)
            if labels.known[k]
        },
        "drawn": {
            word: _mean(drawn[label == value])
            for word, value in (("visible", 2), ("hidden", 1), ("unlabelled", 0))
        },
        "postures": _confusion(labels.postures, postures),
    }


def _accuracy(truth: Sequence[str | None], told: Sequence[str | None]) -> float | None:
    pairs = [(one, other) for one, other in zip(truth, told, strict=True) if one and other]
    return _mean(np.array([one == other for one, other in pairs], bool))


def _confusion(
    truth: Sequence[str | None], told: Sequence[str | None]
) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for one, other in zip(truth, told, strict=True):
        if one and other:
            row = found.setdefault(one, {})
            row[other] = row.get(other, 0) + 1
    return found


def _mean(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 4) if values.size else None


def _face_error(labels: Labels, distance: np.ndarray, visible: np.ndarray) -> float | None:
    left, right = INDEX["left_eye"], INDEX["right_eye"]
    apart = np.linalg.norm(labels.points[:, left, :2] - labels.points[:, right, :2], axis=-1)
    usable = visible[:, left] & visible[:, right] & (apart > 0)
    errors = (distance / np.where(usable, apart, 1)[:, None])[:, _FACE]
    return _mean(errors[visible[:, _FACE] & usable[:, None]])


def _swap_rate(labels: Labels, found: np.ndarray, visible: np.ndarray) -> float | None:
    swapped = []
    for left, right in FLIP:
        truth, guess = labels.points[:, (left, right), :2], found[:, (left, right), :2]
        apart = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=-1)
        counted = visible[:, left] & visible[:, right] & (apart >= _APART * labels.sides)
        own = np.linalg.norm(guess - truth, axis=-1).sum(-1)
        crossed = np.linalg.norm(guess - truth[:, ::-1], axis=-1).sum(-1)
        swapped.append((crossed < own)[counted])
    return _mean(np.concatenate(swapped))


def _average_precision(labels: Labels, found: np.ndarray) -> tuple[float | None, float | None]:
    """COCO keypoint AP and AP50; one image an animal, so that each is matched with its own."""
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval

    truth, guesses = [], []
    for number, (points, guess) in enumerate(zip(labels.points, found, strict=True), start=1):
        x0, y0, x1, y1 = (float(value) for value in labels.boxes[number - 1])
        common = {"image_id": number, "category_id": 1}
        points = points[labels.known]
        truth.append(
            common
            | {
                "id": number,
                "keypoints": points.ravel().tolist(),
                "num_keypoints": int((points[:, 2] > 0).sum()),
                "area": float(labels.areas[number - 1]),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "iscrowd": 0,
            }
        )
        scores = guess[labels.known, 2]
        guesses.append(
            common
            | {
                "keypoints": guess[labels.known].astype(float).ravel().tolist(),
                "score": float(scores[scores > 0.2].mean()) if (scores > 0.2).any() else 0.0,
            }
        )
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in range(1, len(truth) + 1)],
        "annotations": truth,
        "categories": [{"id": 1, "name": "dog"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(guesses), "keypoints", labels.sigmas[labels.known])
        run.evaluate()
        run.accumulate()
        run.summarize()
    ap, ap50 = (float(value) for value in run.stats[:2])
    return (None, None) if ap < 0 else (round(ap, 4), round(ap50, 4))


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "keypoints",
        help="keypoints against a COCO file",
        description="The names in the file's categories decide which points are compared.",
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO keypoint file")
    parser.add_argument("--category", action="append", help="only these, by name")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--weights", type=Path, help="a keypoint run's weights file instead")
    parser.add_argument(
        "--find-subject", action="store_true", help="find the dog instead of taking its given box"
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the figures of `measure`; with `--find-subject` also `found`, the share of photos with
    a dog, `box_iou`, the mean overlap of found and given boxes, and the share of 0.5 or more."""
    categories = set(options.category) if options.category else None
    labels = read_labels(options.images, options.annotations, categories)
    if options.weights is not None:
        network = network_of(options.weights)
        estimator = PoseEstimator.of(network, options.weights, threads=options.threads)
    else:
        estimator = PoseEstimator.load(load_spec(options.model), threads=options.threads)
    figures: dict[str, Any] = {}
    boxes = None
    if options.find_subject:
        finder = SubjectFinder.load(load_spec(options.model), threads=options.threads)
        boxes, figures["found"] = find_boxes(finder, labels)
        overlap = box_overlap(boxes, labels.boxes)
        figures |= {"box_iou": _mean(overlap), "box_iou@0.5": _mean(overlap >= 0.5)}
    figures |= measure(labels, *predict(estimator.describe, labels, boxes))
    if not options.json:
        print(f"{figures['n']} annotated animals, points known to the file: {labels.known.sum()}")
        if figures["posture_accuracy"] is None:
            print("posture and view are not labelled, or not told by this model")
    print_result(figures)


def find_boxes(finder: SubjectFinder, labels: Labels) -> tuple[np.ndarray, float]:
    """The box found in each photo, (n, 4), and the share of photos in which there was one.

    A photo without one is looked at whole.
    """
    boxes, found = [], 0
    for file in labels.files:
        photo = _load(file)
        (subject,) = finder.find([photo])
        if isinstance(subject, Subject):
            boxes.append(subject.box)
            found += 1
        else:
            boxes.append((0.0, 0.0, float(photo.shape[1]), float(photo.shape[0])))
    return np.array(boxes), found / len(boxes)


def box_overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union, 0 to 1, of boxes (n, 4) x0, y0, x1, y1 with the other of its row."""
    top_left, bottom_right = (
        np.maximum(one[:, :2], other[:, :2]),
        np.minimum(one[:, 2:], other[:, 2:]),
    )
    shared = (bottom_right - top_left).clip(0).prod(1)
    both = (one[:, 2:] - one[:, :2]).prod(1) + (other[:, 2:] - other[:, :2]).prod(1)
    return shared / np.maximum(both - shared, 1e-9)


def _load(file: Path) -> np.ndarray:
    return load_image(file.read_bytes(), _ANY_SIZE)
