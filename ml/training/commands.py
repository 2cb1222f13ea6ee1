"""`python -m ml train subject`, `train gate` and `train embedder`."""

import argparse
from pathlib import Path

from ml.spec import load_spec
from ml.subject import SubjectFinder
from ml.training.config import CONFIGS, read_config
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.train import train_embedder
from ml.training.gate import GateConfig, train_gate
from ml.training.subject import SubjectConfig, train_subject


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    for name, run, told in (
        ("subject", run_subject, "the gate (dog, cat, person, other) and the dog's box"),
        ("gate", run_gate, "a second look at what may not be a dog"),
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
            parser.add_argument(
                "--cache",
                type=Path,
                help="crops and start features, which runs may share; by default in --out",
            )
        parser.set_defaults(run=run)


def run_subject(options: argparse.Namespace) -> None:
    """Train, and leave `subject.safetensors` in --out."""
    config = read_config(SubjectConfig, options.config, **_changes(options))
    print(train_subject(config, options.data, options.out))


def run_gate(options: argparse.Namespace) -> None:
    """Train, and leave `gate.safetensors` in --out."""
    config = read_config(GateConfig, options.config, **_changes(options))
    print(train_gate(config, options.data, options.out))


def run_embedder(options: argparse.Namespace) -> None:
    """Train, and leave `embedder.safetensors` in --out; several processes by `torchrun -m ml`."""
    spec = load_spec(options.subject_model)
    config = read_config(EmbedderConfig, options.config, **_changes(options))
    finder = SubjectFinder.load(spec, threads=config.threads or None)
    margin = float(spec.subject.options["margin"])
    train_embedder(config, options.data, options.out, finder, margin, options.cache)


def _changes(options: argparse.Namespace) -> dict[str, int | float | None]:
    return {key: getattr(options, key) for key in ("epochs", "batch", "rate", "seed", "threads")}
