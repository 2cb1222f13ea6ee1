"""`python -m ml …`: training, evaluation and trying a model by hand.

A command is a module with `add_command(commands)`, which registers a parser whose default `run`
takes the parsed options. Only the modules of the group that was asked for are imported.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from ml.errors import PawkinError

# Group: what it is for, and the modules of its commands.
_GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "data": ("look at photos before training: report, copies, splits", ("ml.datasets.command",)),
    "train": (
        "train a network",
        (
            "ml.training.commands",
            "ml.training.embedder.ensemble",
            "ml.training.keypoints.command",
            "ml.training.breeds.command",
        ),
    ),
    "compare": ("train variants side by side", ("ml.training.comparison",)),
    "tune": ("search for the best settings of a training", ("ml.training.breeds.tune",)),
    "evaluate": (
        "figures for a model on your own photos and labels",
        (
            "ml.evaluation.retrieval",
            "ml.evaluation.subject",
            "ml.evaluation.triplets",
            "ml.evaluation.fusion",
            "ml.evaluation.likeness",
            "ml.evaluation.keypoints",
            "ml.evaluation.teaching",
            "ml.evaluation.breeds",
            "ml.evaluation.neighbours",
            "ml.evaluation.space",
            "ml.evaluation.faces",
        ),
    ),
    "export": ("a network for other programs, measured", ("ml.commands.export",)),
}

# Command: what it does, and its module.
_COMMANDS: dict[str, tuple[str, str]] = {
    "embed": ("the vector of the dog in a photo", "ml.commands.embed"),
    "keypoints": ("the keypoints of the dog in a photo", "ml.commands.keypoints"),
    "clip": ("how much the dog in a short film moves", "ml.commands.clip"),
    "faces": ("the proportions of a person's face", "ml.commands.faces"),
    "breeds": ("tell breeds, and add new ones from a few photos", "ml.commands.breeds"),
    "pseudo-keypoints": ("keypoints for unlabelled photos", "ml.training.keypoints.pseudo"),
    "pseudo-label": ("breeds for unlabelled photos", "ml.training.breeds.pseudo"),
    "rank-unlabelled": ("which photos to annotate first", "ml.commands.unlabelled"),
    "draw": ("draw dogs with exact keypoints", "ml.drawn.command"),
    "fetch": ("bring official weights, checked and resumable", "ml.commands.fetch"),
    "release": ("put trained networks together to a model version", "ml.training.release"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code is 1 after an error, which is told in one sentence."""
    asked = arguments[0] if arguments else ""
    parser = argparse.ArgumentParser("python -m ml", description="Pawkin's models by hand.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (told, modules) in _GROUPS.items():
        group = commands.add_parser(name, help=told, description=told)
        if name == asked:
            parts = group.add_subparsers(metavar="WHAT", required=True)
            for module in modules:
                importlib.import_module(module).add_command(parts)
    for name, (told, module) in _COMMANDS.items():
        if name == asked:
            importlib.import_module(module).add_command(commands)
        else:
            commands.add_parser(name, help=told)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except PawkinError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
