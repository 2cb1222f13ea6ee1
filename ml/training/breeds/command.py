"""`python -m ml train breeds`."""

import argparse
import json
from pathlib import Path

from ml.spec import load_spec
from ml.training.breeds.config import BreedsConfig
from ml.training.config import CONFIGS, read_config


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "breeds",
        help="the breed classifier on the embedder's features",
        description="Features are computed once below --out, so that a killed run goes on and a "
        "second one takes seconds. Ends with breeds.safetensors in --out, which `python -m ml "
        "release --breeds` takes, and a report.",
    )
    add_options(parser)
    parser.add_argument("--pseudo", type=Path, help="CSV of `python -m ml pseudo-label`")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the training curves")
    parser.set_defaults(run=run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What training and tuning both take."""
    parser.add_argument("--data", type=Path, required=True, help="root of the paths in CONFIG")
    parser.add_argument("--out", type=Path, required=True, help="features, log, report and weights")
    parser.add_argument("--config", type=Path, default=CONFIGS / "breeds.toml")
    parser.add_argument("--model", default="starter", help="whose embedder's features are read")
    parser.add_argument("--threads", type=int)


def run(options: argparse.Namespace) -> None:
    """Train and print the report as one JSON object."""
    from ml.training.breeds.train import draw_curves, train_breeds

    changes = {key: getattr(options, key) for key in ("epochs", "rate", "seed", "threads")}
    config = read_config(BreedsConfig, options.config, **changes)
    spec = load_spec(options.model)
    report = train_breeds(config, options.data, options.out, spec, options.pseudo)
    if options.picture is not None:
        draw_curves(options.out / "log.jsonl", options.picture)
    print(json.dumps(report))
