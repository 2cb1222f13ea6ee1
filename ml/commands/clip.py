"""`python -m ml clip FILE [--json]`."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ml.activity import Activity, measure
from ml.camera import motions
from ml.clips import Clip, read
from ml.commands.embed import read_photo
from ml.errors import NoSubject
from ml.following import follow
from ml.pose import PoseEstimator
from ml.skeleton import KEYPOINTS
from ml.spec import load_spec
from ml.subject import SubjectFinder


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "clip",
        help="how much the dog in a short film moves",
        description="A few lines, or one JSON object: seconds, level and speed (body lengths a "
        "second, null where it cannot be told), seen (share of frames with a dog), postures, and "
        "for each frame its time, box and points (name: x, y, score) in pixels of frames of at "
        "most 640 pixels.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--model", default="starter")
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print what the clip tells; raises ClipRejected, NoSubject or DataError."""
    clip = read(read_photo(options.file))
    spec = load_spec(options.model)
    seen = follow(SubjectFinder.load(spec), PoseEstimator.load(spec), clip.frames)
    if not any(seen):
        raise NoSubject()
    activity = measure(
        seen, clip.times, motions(clip.frames, [one.box if one else None for one in seen])
    )
    if options.json:
        print(json.dumps(as_json(str(options.file), clip, activity)))
        return
    print(f"{clip.seconds:.1f} s, a dog in {activity.seen:.0%} of {len(clip.frames)} frames")
    if activity.level is None:
        print("how much it moves cannot be told: too little of a dog is seen")
    else:
        words = activity.level.replace("_", " ")
        print(f"{words}: {activity.speed:.2f} body lengths a second against the "
              f"{activity.relative}; a guess from one clip")  # fmt: skip
    for posture, share in (activity.postures or {}).items():
        if share:
            print(f"{posture}: {share:.0%}")


def as_json(name: str, clip: Clip, activity: Activity) -> dict[str, Any]:
    def rounded(value: float, digits: int) -> float | None:
        return None if np.isnan(value) else round(float(value), digits)

    frames = [
        {
            "time": round(float(moment), 3),
            "box": one and [round(side, 1) for side in one.box],
            "posture": one and one.posture,
            "points": one
            and {
                point: [round(float(x), 1), round(float(y), 1), round(float(score), 3)]
                for point, (x, y, score) in zip(KEYPOINTS, one.keypoints, strict=True)
            },
        }
        for moment, one in zip(clip.times, activity.sightings, strict=True)
    ]
    return {
        "file": name,
        "seconds": clip.seconds,
        "level": activity.level,
        "speed": None if activity.speed is None else round(activity.speed, 3),
        "relative_to": activity.relative,
        "seen": round(activity.seen, 3),
        "postures": activity.postures and {k: round(v, 3) for k, v in activity.postures.items()},
        "speeds": [rounded(value, 3) for value in activity.speeds],
        "frames": frames,
    }
