"""Keypoints that a network is sure of, as labels for the next one: `python -m ml pseudo-keypoints`.

Self-training (Lee, Pseudo-Label, 2013): a point counts where the network finds it with confidence
in a photo and in its mirror image, at one place and on one side of the dog. So an exchange of left
and right, its commonest error, is left out instead of learnt.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from ml.errors import DataError, ImageRejected
from ml.evaluation.tables import read_table
from ml.images import Limits
from ml.images import load as load_image
from ml.pose import PoseEstimator
from ml.skeleton import KEYPOINTS
from ml.spec import load_spec
from ml.subject import Box, Subject, SubjectFinder, crop
from ml.training.keypoints.datasets import load
from ml.training.release import network_of

AT_LEAST = 0.5
"""The score, 0 to 1, that a point must have in both images."""

APART = 0.05
"""How far apart the two may lie, as a share of the box's longer side."""

FEWEST = 4
"""A photo with fewer points that are sure teaches nothing."""

_MARGIN = 0.25
_SIDE = 288
_ANY_SIZE = Limits(min_side=16)
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "pseudo-keypoints",
        help="keypoints that a model is sure of, as labels",
        description="Writes crops and annotations.json (COCO) to OUT for `python -m ml train "
        "keypoints --pseudo OUT`. Points that are not sure carry no loss there.",
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos")
    parser.add_argument(
        "--traits", type=Path, help="CSV of file, posture, view; paths as below --photos"
    )
    parser.add_argument(
        "--exclude",
        type=Path,
        action="append",
        default=[],
        help="COCO file whose photos, by file_name and same_photo_as, are left out",
    )
    parser.add_argument("--model", default="starter")
    parser.add_argument("--weights", type=Path, help="a keypoint run's weights file instead")
    parser.add_argument("--threads", type=int)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the folder and say how much is in it."""
    rows = read_table(options.traits, ("file", "posture", "view")) if options.traits else []
    traits = {row["file"]: row for row in rows}
    left_out = {name for path in options.exclude for name in _names(path)}
    spec = load_spec(options.model)
    finder = SubjectFinder.load(spec, threads=options.threads)
    pose = (
        PoseEstimator.of(network_of(options.weights), options.weights, threads=options.threads)
        if options.weights
        else PoseEstimator.load(spec, threads=options.threads)
    )
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    (options.out / "images").mkdir(parents=True, exist_ok=True)
    for name, photo in _photos(options.photos, left_out):
        (subject,) = finder.find([photo])
        if not isinstance(subject, Subject):
            continue
        points = sure_points(pose, photo, subject.box)
        if (points[:, 2] > 0).sum() < FEWEST:
            continue
        key = len(images) + 1
        cut, box, points = packed(photo, subject.box, points)
        file = f"{key:05d}.jpg"
        Image.fromarray(cut).save(options.out / "images" / file, quality=85)
        images.append(
            {
                "id": key,
                "file_name": file,
                "width": cut.shape[1],
                "height": cut.shape[0],
                "original": name,
            }
        )
        annotations.append(_annotation(key, box, points, traits.get(name, {})))
    if not images:
        raise DataError(f"No dog with {FEWEST} sure points was found in {options.photos}.")
    category = {"id": 1, "name": "dog", "keypoints": list(KEYPOINTS), "skeleton": []}
    told = {"images": images, "annotations": annotations, "categories": [category]}
    (options.out / "annotations.json").write_text(json.dumps(told))
    number = sum(annotation["num_keypoints"] for annotation in annotations)
    told_traits = sum("posture" in annotation for annotation in annotations)
    print(f"{len(images)} dogs, {number / len(images):.1f} points each, {told_traits} with posture")


def sure_points(pose: PoseEstimator, photo: np.ndarray, box: Box) -> np.ndarray:
    """(21, 3) x, y in pixels and v: 2 for a point found alike in the mirror image, else 0, 0, 0."""
    x0, y0, x1, y1 = box
    (one,) = pose.estimate([photo], [box])
    (other,) = pose.estimate_mirrored([photo], [box])
    apart = np.linalg.norm(one[:, :2] - other[:, :2], axis=1) / max(x1 - x0, y1 - y0)
    sure = (np.minimum(one[:, 2], other[:, 2]) >= AT_LEAST) & (apart <= APART)
    points = np.concatenate([(one[:, :2] + other[:, :2]) / 2, np.full((len(one), 1), 2.0)], 1)
    return np.where(sure[:, None], points, 0)


def packed(photo: np.ndarray, box: Box, points: np.ndarray) -> tuple[np.ndarray, Box, np.ndarray]:
    """The dog with a quarter of its box around it, at most 288 pixels; its box and points there."""
    x0, y0, x1, y1 = box
    left, top = max(0, int(x0 - _MARGIN * (x1 - x0))), max(0, int(y0 - _MARGIN * (y1 - y0)))
    cut = crop(photo, box, _MARGIN)
    scale = min(1.0, _SIDE / max(cut.shape[:2]))
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    small = Image.fromarray(cut).resize(size, Image.Resampling.LANCZOS)
    moved = points.copy()
    known = points[:, 2] > 0
    moved[known, :2] = (points[known, :2] - (left, top)) * scale
    placed = tuple(float(v) * scale for v in (x0 - left, y0 - top, x1 - left, y1 - top))
    return np.asarray(small), placed, moved


def _annotation(
    key: int, box: Box, points: np.ndarray, traits: Mapping[str, str]
) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    told = {name: traits[name] for name in ("posture", "view") if traits.get(name)}
    return told | {
        "id": key,
        "image_id": key,
        "category_id": 1,
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "area": round((x1 - x0) * (y1 - y0), 2),
        "iscrowd": 0,
        "keypoints": points.round(2).ravel().tolist(),
        "num_keypoints": int((points[:, 2] > 0).sum()),
    }


def _names(path: Path) -> set[str]:
    """The photos of a COCO file, by the last part of their own and of their twins' names."""
    told: Sequence[dict[str, Any]] = load(path)["images"]
    names = (image.get(key) for image in told for key in ("file_name", "same_photo_as"))
    return {Path(name).name for name in names if name}


def _photos(folder: Path, left_out: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    for path in tqdm(paths, folder.name, mininterval=5):
        if path.name in left_out:
            continue
        try:
            photo = load_image(path.read_bytes(), _ANY_SIZE, max_side=640)
        except ImageRejected:
            continue
        yield path.relative_to(folder).as_posix(), photo
