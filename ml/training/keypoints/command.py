"""`python -m ml train keypoints`."""

import argparse
from pathlib import Path


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "keypoints",
        help="the keypoint network, with MMPose",
        description="Trains on shelter_hand/ and animalpose/ in --data and goes on from the last "
        "checkpoint in --out. Ends with pose.safetensors in --out, which `python -m ml release "
        "--pose` takes.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the two data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--weights", type=Path, help="pre-trained backbone (safetensors)")
    parser.add_argument(
        "--start", type=Path, help="checkpoint of an earlier run, also of one with another --size"
    )
    parser.add_argument("--size", type=int, help="input pixels on a side, default 192")
    parser.add_argument("--drawn", type=Path, help="folder made by `python -m ml draw --wild`")
    parser.add_argument(
        "--extra",
        type=Path,
        action="append",
        default=[],
        help="folder written by `manage.py export_annotations`; may be given several times",
    )
    parser.add_argument(
        "--pseudo", type=Path, help="folder made by `python -m ml pseudo-keypoints`"
    )
    parser.add_argument(
        "--blend",
        type=float,
        default=1.0,
        help="share of the run's end in its weights, the rest being --start; default 1",
    )
    parser.add_argument(
        "--only-traits",
        action="store_true",
        help="learn posture and view alone; keypoints stay those of --start",
    )
    parser.add_argument("--iterations", type=int, help="default 1500")
    parser.add_argument("--batch", type=int, help="photos in an iteration, default 32")
    parser.add_argument("--warm-up", type=int, help="iterations of rising rate, default 100")
    parser.add_argument("--lr", type=float, help="highest learning rate, default 6e-4")
    parser.add_argument("--threads", type=int, help="CPU threads, default all")
    parser.add_argument("--seed", type=int, help="default 20")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train and print where the weights are."""
    from ml.training.keypoints.config import Settings
    from ml.training.keypoints.train import starter_sources, train

    names = ("weights", "start", "iterations", "batch", "warm_up", "lr", "threads", "seed")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.size is not None:
        given["size"] = (options.size, options.size)
    if options.start is None and (options.only_traits or options.blend != 1):
        raise SystemExit("--only-traits and --blend need --start, the run that they go on from.")
    if not 0 < options.blend <= 1:
        raise SystemExit("--blend is a share: more than 0, 1 at most.")
    given |= {"only_traits": options.only_traits, "blend": options.blend}
    settings = Settings(out=options.out, **given)
    sources, val = starter_sources(
        options.data, options.out / "annotations", options.drawn, options.pseudo, options.extra
    )
    print(train(settings, sources, val))
