"""A folder of drawn dogs: photos, keypoints and the table that `load_dogs` reads."""

import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ml.drawn.breeds import BREEDS, MIXED_LOOKS, Look, mixed, purebred, vary
from ml.drawn.listings import COLUMNS, NAMES, SHELTERS, listing
from ml.drawn.params import DrawnDog, Place, Scene
from ml.drawn.render import Drawing, render
from ml.drawn.scenes import PLACES, full_length, portrait, wild
from ml.skeleton import KEYPOINTS, SKELETON

QUALITY = 88
MIXED_SHARE = 0.75
EXAMPLE_BYTES = 60_000


@dataclass(frozen=True)
class Listed:
    """A dog of the demo: its folder's name, its row and its scenes with their sizes."""

    slug: str
    dog: DrawnDog
    row: dict[str, str]
    scenes: tuple[tuple[Scene, tuple[int, int]], ...]


def demo_dogs(count: int, seed: int, side: int, *, wildly: bool = False) -> list[Listed]:
    """`count` dogs, the same for the same `seed`; `side` pixels on a photo's longer side."""
    random = np.random.default_rng(seed)
    names = [NAMES[k] for k in random.permutation(len(NAMES))]
    pure_kinds = [sorted(BREEDS)[k] for k in random.permutation(len(BREEDS))]
    listed: list[Listed] = []
    for number in range(count):
        # Each dog has its own stream: one more photo of one dog changes no other dog.
        own = np.random.default_rng([seed, number])
        pure = number % 4 == 1 if not wildly else own.random() > MIXED_SHARE
        dog = purebred(pure_kinds[(number // 4) % len(pure_kinds)], own) if pure else mixed(own)
        if wildly:
            dog = replace(dog, shape=vary(dog.shape, own, 0.14))
        name = names[number % len(names)]
        again = number // len(names)
        name += f" {again + 1}" if again else ""
        row = listing(dog, look_of(dog), name, SHELTERS[number % len(SHELTERS)], own)
        scenes = tuple(_scenes(own, side, wildly))
        listed.append(Listed(name.lower().replace(" ", "-"), dog, row, scenes))
    _settle(listed)
    return listed


def look_of(dog: DrawnDog) -> Look | None:
    """The coat of the tables that this dog's own is nearest to."""
    keys = dog.breed.split("+")
    looks = BREEDS[keys[0]].looks if len(keys) == 1 else MIXED_LOOKS
    same = [look for look in looks if look.pattern == dog.coat.pattern]
    return min(
        same,
        key=lambda look: float(np.abs(np.subtract(look.base, dog.coat.base)).sum()),
        default=None,
    )


def _scenes(
    random: np.random.Generator, side: int, wildly: bool
) -> Iterator[tuple[Scene, tuple[int, int]]]:
    count = int(random.choice([2, 3, 4], p=[0.25, 0.5, 0.25]))
    places = [
        PLACES[k]
        for k in random.choice(len(PLACES), count, p=(0.2, 0.14, 0.2, 0.2, 0.12, 0.08, 0.06))
    ]
    for number, place in enumerate(places):
        if wildly:
            scene = wild(random)
        else:
            scene = portrait(random, place) if number % 3 == 0 else full_length(random, place)
        wide = scene.crop == "body" and scene.posture != "sitting" and random.random() < 0.8
        yield scene, (side, round(0.75 * side)) if wide else (round(0.8 * side), side)


def _settle(listed: list[Listed]) -> None:
    """Who is spoken for, and who must go home together."""
    for number, dog in enumerate(listed):
        dog.row["dog"] = dog.slug
        dog.row["status"] = {9: "on_hold", 17: "adopted", 26: "adopted", 33: "on_hold"}.get(
            number % 40, "available"
        )
        dog.row["bonded_with"] = ""
    if len(listed) >= 8:
        one, other = listed[3], listed[6]
        one.row["bonded_with"], other.row["bonded_with"] = other.slug, one.slug
        # Both come from one home.
        other.row["shelter"] = one.row["shelter"]
        for dog, friend in ((one, other), (other, one)):
            dog.row["description"] += f" Goes home together with {friend.row['name']}."


def write_dataset(
    out: Path,
    *,
    dogs: int,
    seed: int,
    side: int,
    wildly: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write photos, `keypoints.json` (COCO) and `dogs.csv` under `out`; the number of photos.

    Dogs are drawn side by side, one a processor, and come out the same in any number of them.
    """
    listed = demo_dogs(dogs, seed, side, wildly=wildly)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    # Forked children would inherit locks of libraries whose threads they lack.
    spawn = multiprocessing.get_context("spawn")
    processes = max(1, min(os.cpu_count() or 1, len(listed)))
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        for done, photos in enumerate(pool.map(partial(write_photos, out), listed), 1):
            for image, known in photos:
                key = len(images) + 1
                images.append({"id": key, **image})
                annotations.append({"id": key, "image_id": key, **known})
            if progress:
                progress(done, len(listed))
    (out / "keypoints.json").write_text(json.dumps(coco(images, annotations)))
    with (out / "dogs.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(dog.row for dog in listed)
    return len(images)


def write_photos(out: Path, dog: Listed) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Draw a dog in all its scenes; what COCO says of each photo and of the dog in it."""
    folder = out / dog.slug
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (scene, size) in enumerate(dog.scenes, 1):
        drawing = render(dog.dog, scene, size)
        path = folder / f"{number}.jpg"
        save(drawing, path)
        image = {
            "file_name": path.relative_to(out).as_posix(),
            "width": size[0],
            "height": size[1],
        }
        written.append((image, annotation(drawing)))
    return written


def save(drawing: Drawing, path: Path, quality: int = QUALITY) -> None:
    Image.fromarray(drawing.image).save(path, quality=quality, optimize=True)


def annotation(drawing: Drawing) -> dict[str, Any]:
    """A COCO keypoint annotation with posture and view, but for its ids."""
    x0, y0, x1, y1 = drawing.box
    points = [round(float(v), 2) for v in drawing.keypoints.reshape(-1)]
    return {
        "category_id": 1,
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "area": round((x1 - x0) * (y1 - y0), 2),
        "iscrowd": 0,
        "keypoints": points,
        "num_keypoints": int((drawing.keypoints[:, 2] > 0).sum()),
        "posture": drawing.posture,
        "view": drawing.view,
        "n_dogs": 1,
    }


def coco(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    edges = [[a + 1, b + 1] for a, b in SKELETON]
    category = {"id": 1, "name": "dog", "keypoints": list(KEYPOINTS), "skeleton": edges}
    return {
        "info": {"description": "Drawn by ml.drawn; keypoints are exact"},
        "images": images,
        "annotations": annotations,
        "categories": [category],
    }


def write_examples(out: Path, side: int = 640) -> list[Path]:
    """Six photos of dogs that no demo set holds, each at most 60 kB."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (dog, scene) in enumerate(example_scenes(), 1):
        drawing = render(dog, scene, (round(0.8 * side), side))
        path = out / f"{number}.jpg"
        quality = QUALITY
        save(drawing, path, quality)
        while path.stat().st_size > EXAMPLE_BYTES:
            quality -= 4
            save(drawing, path, quality)
        paths.append(path)
    return paths


def example_scenes() -> Iterator[tuple[DrawnDog, Scene]]:
    kinds = ("shiba", "border_collie", "maltese", "beagle", "poodle", "retriever")
    places: tuple[Place, ...] = ("meadow", "room", "sofa", "street", "studio", "beach")
    for number, (kind, place) in enumerate(zip(kinds, places, strict=True)):
        # A stream of its own, which no seed of a demo set begins.
        random = np.random.default_rng([2_026, 11, number])
        yield purebred(kind, random, 0), portrait(random, place)
