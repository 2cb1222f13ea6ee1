"""`python -m ml fetch NAME [--to DIR]`."""

import argparse
from pathlib import Path

from ml.fetch import OFFICIAL, fetch, official


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    listed = "; ".join(f"{name}: {entry.title}" for name, entry in OFFICIAL.items())
    parser = commands.add_parser(
        "fetch",
        help="bring official weights, checked and resumable",
        description=f"Brings weights as published and checks them. {listed}.",
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--to", type=Path, default=Path("data/weights"), metavar="DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print where the file is, its architecture for a configuration, and its licence."""
    entry = official(options.name)
    path = fetch(entry, options.to)
    print(f"{path}: {entry.architecture}, licence {entry.licence}")
