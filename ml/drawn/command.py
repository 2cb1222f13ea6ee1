"""`python -m ml draw OUT`: dogs drawn by code, with exact keypoints and a table of facts."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ml.drawn.dataset import write_dataset, write_examples

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_command(commands: "Subparsers") -> None:
    parser = commands.add_parser("draw", help="draw dogs: photos, keypoints.json and dogs.csv")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    parser.add_argument("--dogs", type=int, default=40, metavar="N")
    parser.add_argument("--seed", type=int, default=7, help="the same seed draws the same dogs")
    parser.add_argument(
        "--size", type=int, default=960, metavar="PIXELS", help="longer side of a photo"
    )
    parser.add_argument(
        "--wild", action="store_true", help="any pose, light and crop, for training"
    )
    parser.add_argument(
        "--examples", action="store_true", help="only the home page's six example photos"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    if args.examples:
        for path in write_examples(args.out):
            print(path)
        return
    began = time.perf_counter()
    count = write_dataset(
        args.out,
        dogs=args.dogs,
        seed=args.seed,
        side=args.size,
        wildly=args.wild,
        progress=_show if sys.stderr.isatty() else None,
    )
    seconds = time.perf_counter() - began
    print(f"{count} photos of {args.dogs} dogs in {args.out}, {seconds:.0f} s")


def _show(done: int, total: int) -> None:
    print(f"\rDrawing dogs: {done} of {total}", end="" if done < total else "\n", file=sys.stderr)
