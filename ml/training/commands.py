"""`python -m ml train subject` and `python -m ml train embedder`."""

import argparse
import dataclasses
from pathlib import Path

from ml.networks.backbone import IMAGENET_MEAN, IMAGENET_STD
from ml.spec import NetworkSpec, file_sha256, load_spec
from ml.subject import SubjectFinder
from ml.training.config import CONFIGS, read_config
from ml.training.embedder import EmbedderConfig, train_embedder
from ml.training.release import write_network
from ml.training.subject import SubjectConfig, train_subject


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register both commands."""
    for name, run, told in (
        ("subject", run_subject, "the gate (dog, cat, person, other) and the dog's box"),
        ("embedder", run_embedder, "the likeness vector: SimCLR, labels, distillation"),
    ):
        parser = commands.add_parser(name, help=told, description=told)
        parser.add_argument("--data", type=Path, required=True, help="root of the paths in CONFIG")
        parser.add_argument("--out", type=Path, required=True, help="checkpoints, log and weights")
        parser.add_argument("--config", type=Path, default=CONFIGS / f"{name}.toml")
        parser.add_argument("--epochs", type=int)
        parser.add_argument("--batch", type=int)
        parser.add_argument("--rate", type=float)
        parser.add_argument("--seed", type=int)
        parser.add_argument("--threads", type=int)
        if name == "embedder":
            parser.add_argument("--subject-model", default="starter", help="cuts the photos")
        parser.set_defaults(run=run)


def run_subject(options: argparse.Namespace) -> None:
    """Train, and leave `subject.safetensors` and `network.json` in --out."""
    config = read_config(SubjectConfig, options.config, **_changes(options))
    print(train_subject(config, options.data, options.out))
    network = _network(options.out, "subject", config.architecture, config.size)
    write_network(
        options.out,
        dataclasses.replace(
            network, options={"dog_at_least": config.dog_at_least, "margin": config.margin}
        ),
    )


def run_embedder(options: argparse.Namespace) -> None:
    """Train, and leave `embedder.safetensors` and `network.json` in --out."""
    spec = load_spec(options.subject_model)
    config = read_config(EmbedderConfig, options.config, **_changes(options))
    finder = SubjectFinder.load(spec, threads=config.threads or None)
    margin = float(spec.subject.options["margin"])
    print(train_embedder(config, options.data, options.out, finder, margin))
    network = _network(options.out, "embedder", config.architecture, config.size)
    write_network(
        options.out,
        dataclasses.replace(network, options={"dimension": config.dimension, "pool": config.pool}),
    )


def _changes(options: argparse.Namespace) -> dict[str, int | float | None]:
    return {key: getattr(options, key) for key in ("epochs", "batch", "rate", "seed", "threads")}


def _network(out: Path, role: str, architecture: str, size: int) -> NetworkSpec:
    file = f"{role}.safetensors"
    return NetworkSpec(
        file=file,
        sha256=file_sha256(out / file),
        architecture=architecture,
        size=(size, size),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )
