"""Measures keypoints against a COCO file, by the names its categories give."""

import contextlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.errors import DataError
from ml.images import Limits
from ml.images import load as load_image
from ml.skeleton import FLIP, INDEX, KEYPOINTS, PARTS, SIGMAS
from ml.subject import Box
from ml.training.keypoints.datasets import load as load_coco
from ml.training.keypoints.datasets import points_of, remap

Estimate = Callable[[Sequence[np.ndarray], Sequence[Box]], np.ndarray]

_ANY_SIZE = Limits(min_side=8)  # a data set's crops may be smaller than what people upload
_VISIBLE = 2
_BATCH = 16
_FACE = [index for index, name in enumerate(KEYPOINTS) if PARTS[name] == "face"]
_APART = 0.05  # of the box's longer side: nearer left and right points have no telling order


@dataclass(frozen=True, eq=False)
class Labels:
    """`annotations` dogs: `files` (n), `boxes` (n, 4) x0, y0, x1, y1, `points` (n, 21, 3) x, y, v.

    `areas` (n,) in square pixels, `known` (21,) whether the data set has the point at all.
    """

    files: list[Path]
    boxes: np.ndarray
    areas: np.ndarray
    points: np.ndarray
    known: np.ndarray

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
    known = np.array([any(p[k] is not None for p in places.values()) for k in range(21)])
    names = {image["id"]: image["file_name"] for image in data["images"]}
    files, boxes, areas, points = [], [], [], []
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
    if not files:
        raise DataError(f"{annotations.name} has no annotated animal with a point that is known.")
    absent = next((file for file in files if not file.is_file()), None)
    if absent is not None:
        raise DataError(f"The photo {absent.name} is not in {images}. Give its folder as --images.")
    return Labels(files, np.array(boxes), np.array(areas), np.stack(points), known)


def predict(estimate: Estimate, labels: Labels, boxes: np.ndarray | None = None) -> np.ndarray:
    """Points (n, 21, 3) in the photos' pixels, within `boxes` (n, 4) or else the labelled ones."""
    boxes = labels.boxes if boxes is None else boxes
    found = []
    for start in range(0, len(labels.files), _BATCH):
        part = slice(start, start + _BATCH)
        photos = [load_image(file.read_bytes(), _ANY_SIZE) for file in labels.files[part]]
        found.append(estimate(photos, [tuple(box) for box in boxes[part]]))
    return np.concatenate(found)


def measure(labels: Labels, found: np.ndarray) -> dict[str, Any]:
    """All figures of `python -m ml evaluate keypoints`; None where nothing can be measured.

    - `pck@a`: visible points (v = 2) at most a × the box's longer side away; `per_point` by name
      with their number `n`.
    - `ap`, `ap50`: COCO's average precision over OKS 0.5 to 0.95, and at 0.5, all labelled points.
    - `face_nme`: mean distance of visible face points over the distance of the eyes, where both
      eyes are visible.
    - `swap_rate`: of the visible left/right pairs at least 0.05 of the box apart, those which lie
      nearer to each other's truth than to their own.
    - `drawn`: share of points with a score of 0.3 or more, by label.
    """
    visible = labels.points[..., 2] == _VISIBLE
    distance = np.linalg.norm(found[..., :2] - labels.points[..., :2], axis=-1)
    relative = distance / labels.sides[:, None]
    near = relative <= 0.1
    ap, ap50 = _average_precision(labels, found)
    drawn = found[..., 2] >= 0.3
    label = np.where(labels.known, labels.points[..., 2], -1)
    return {
        "n": len(labels.files),
        "pck@0.1": _mean(near[visible]),
        "pck@0.2": _mean((relative <= 0.2)[visible]),
        "ap": ap,
        "ap50": ap50,
        "face_nme": _face_error(labels, distance, visible),
        "swap_rate": _swap_rate(labels, found, visible),
        "per_point": {
            name: {"n": int(visible[:, k].sum()), "pck@0.1": _mean(near[visible[:, k], k])}
            for k, name in enumerate(KEYPOINTS)
            if labels.known[k]
        },
        "drawn": {
            word: _mean(drawn[label == value])
            for word, value in (("visible", 2), ("hidden", 1), ("unlabelled", 0))
        },
    }


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
        run = COCOeval(coco, coco.loadRes(guesses), "keypoints", np.array(SIGMAS)[labels.known])
        run.evaluate()
        run.accumulate()
        run.summarize()
    ap, ap50 = (float(value) for value in run.stats[:2])
    return (None, None) if ap < 0 else (round(ap, 4), round(ap50, 4))


def report(figures: dict[str, Any]) -> str:
    """The figures as lines for a person."""
    lines = [f"{name:12} {value}" for name, value in figures.items() if not isinstance(value, dict)]
    lines += [f"  {name:20} {json.dumps(value)}" for name, value in figures["per_point"].items()]
    return "\n".join([*lines, f"drawn        {json.dumps(figures['drawn'])}"])
