"""`python -m ml keypoints PHOTO [--draw OUT.png]`."""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ml.commands.embed import read_photo
from ml.errors import DataError, NoSubject
from ml.geometry import DRAWN_FROM, ratios
from ml.images import load
from ml.pose import PoseEstimator
from ml.skeleton import KEYPOINTS, PARTS, SKELETON
from ml.spec import load_spec
from ml.subject import Box, SubjectFinder

_COLOURS = {
    "face": (255, 190, 60),
    "body": (245, 245, 245),
    "front_legs": (90, 200, 250),
    "hind_legs": (130, 230, 130),
}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "keypoints",
        help="the keypoints of the dog in a photo",
        description="One JSON object: box (x0, y0, x1, y1 in pixels), points (name: x, y, score), "
        "posture and view (null where the model tells none) and proportions with their confidence.",
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--draw", type=Path, metavar="OUT.png", help="write the photo with them")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the keypoints; raises NoSubject, ImageRejected or DataError."""
    spec = load_spec(options.model)
    image = load(read_photo(options.photo), max_side=1280)
    (subject,) = SubjectFinder.load(spec).find([image])
    if isinstance(subject, NoSubject):
        raise subject
    (points,), (traits,) = PoseEstimator.load(spec).describe([image], [subject.box])
    if options.draw is not None:
        try:
            draw(image, subject.box, points).save(options.draw)
        except (OSError, ValueError) as error:
            raise DataError(f"{options.draw} cannot be written.", str(error)) from error
    print(
        json.dumps(
            {
                "file": str(options.photo),
                "box": [round(value, 1) for value in subject.box],
                "points": {
                    name: [round(float(x), 1), round(float(y), 1), round(float(score), 3)]
                    for name, (x, y, score) in zip(KEYPOINTS, points, strict=True)
                },
                "posture": traits and traits.posture,
                "view": traits and traits.view,
                "ratios": {
                    name: ratio and [round(ratio.value, 3), round(ratio.confidence, 3)]
                    for name, ratio in ratios(points).items()
                },
            }
        )
    )


def draw(image: np.ndarray, box: Box, points: np.ndarray) -> Image.Image:
    """The photo with box, skeleton and points, those with a score of 0.3 or more.

    Left points are round, right ones square.
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    size = max(2.0, max(picture.size) / 160)
    pen.rectangle(box, outline=(200, 200, 200), width=max(1, int(size / 3)))
    seen = points[:, 2] >= DRAWN_FROM
    for a, b in SKELETON:
        if seen[a] and seen[b]:
            colour = _COLOURS[PARTS[KEYPOINTS[b]]]
            pen.line([tuple(points[a, :2]), tuple(points[b, :2])], fill=colour, width=int(size))
    for name, (x, y, _), visible in zip(KEYPOINTS, points, seen, strict=True):
        if visible:
            corners = (x - size, y - size, x + size, y + size)
            shape = pen.rectangle if name.startswith("right_") else pen.ellipse
            shape(corners, fill=_COLOURS[PARTS[name]], outline=(0, 0, 0))
    return picture
