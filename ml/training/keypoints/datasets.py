"""COCO annotations of any quadruped keypoint set, brought into Pawkin's points."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ml.errors import DataError
from ml.training.keypoints.points import POINTS, canonical

Split = Literal["train", "val"]


def load(path: Path) -> dict[str, Any]:
    """Read a COCO keypoint file. Raises DataError when it is not one."""
    try:
        data = json.loads(path.read_text())
        named = [category["keypoints"] for category in data["categories"]]
        complete = bool(named) and {"images", "annotations"} <= data.keys()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a COCO keypoint file. Give one with images, annotations and "
            "categories that name their keypoints.",
            detail=str(error),
        ) from error
    if not complete:
        raise DataError(f"{path} lists no images, annotations or categories.")
    return data


def points_of(names: Iterable[str], order: tuple[str, ...] = POINTS) -> list[int | None]:
    """For each point in `order` its place in a data set's own `names`, or None."""
    own = {canonical(name): index for index, name in enumerate(names)}
    return [own.get(name) for name in order]


def remap(keypoints: list[float], places: list[int | None]) -> list[float]:
    """A COCO keypoint list (x, y, v, x, y, v …) in the order given by `points_of`.

    A point that the data set does not know becomes 0, 0, 0, as COCO writes an unlabelled one.
    """
    values: list[float] = []
    for place in places:
        values += [0, 0, 0] if place is None else keypoints[3 * place : 3 * place + 3]
    return values


def split_of(image: dict[str, Any], val_share: float = 0.2) -> Split:
    """The side of the split an image is on: by hash of the photo it was made from.

    The same photo is on the same side wherever it turns up, under whatever name it is annotated.
    """
    photo = str(image.get("same_photo_as") or image["file_name"])
    bucket = int.from_bytes(hashlib.sha256(photo.encode()).digest()[:4], "big") / 2**32
    return "val" if bucket < val_share else "train"


def convert(
    data: dict[str, Any],
    *,
    species: set[str] | None = None,
    keep: Callable[[dict[str, Any]], bool] = lambda image: True,
) -> dict[str, Any]:
    """`data` in Pawkin's points as one COCO file with the single category "dog".

    `species` keeps annotations of these categories, `keep` images. An annotation's
    `defined` lists for every point 1 where its data set knows the point at all, else 0: an
    unlabelled point of a known kind is hidden, one of an unknown kind says nothing.
    """
    chosen = {
        category["id"]: points_of(category["keypoints"])
        for category in data["categories"]
        if species is None or category["name"] in species
    }
    images = [image for image in data["images"] if keep(image)]
    kept = {image["id"] for image in images}
    annotations = []
    for annotation in data["annotations"]:
        places = chosen.get(annotation["category_id"])
        if places is None or annotation["image_id"] not in kept:
            continue
        keypoints = remap(annotation["keypoints"], places)
        labelled = int(np.count_nonzero(keypoints[2::3]))
        if labelled == 0:
            continue
        annotations.append(
            annotation
            | {
                "category_id": 1,
                "keypoints": keypoints,
                "num_keypoints": labelled,
                "defined": [int(place is not None) for place in places],
            }
        )
    with_dogs = {annotation["image_id"] for annotation in annotations}
    return {
        "images": [image for image in images if image["id"] in with_dogs],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "dog", "keypoints": list(POINTS), "skeleton": []}],
    }


def write(data: dict[str, Any], path: Path) -> Path:
    """Write `data` as JSON; raises DataError when no annotation is left in it."""
    if not data["annotations"]:
        raise DataError(f"No annotated animal is left for {path.name}. Check the data folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path
