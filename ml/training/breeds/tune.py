"""`python -m ml tune breeds`: a search over the settings of the breed classifier's training."""

import argparse
import dataclasses
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ml.errors import DataError
from ml.spec import load_spec
from ml.training.breeds.command import add_options
from ml.training.breeds.config import BreedsConfig
from ml.training.breeds.train import cross_validated, read_data
from ml.training.config import config_hash, read_config

if TYPE_CHECKING:
    import optuna


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "breeds",
        help="rate, weight decay, smoothing, distillation, mixing and balance",
        description="Optuna looks for the least cross-validated log loss on the photos to learn "
        "from; the validation photos stay unseen. The study is --out/study.db and goes on where it "
        "stopped; --out/breeds.toml holds the best settings, for `train breeds --config`.",
    )
    add_options(parser)
    parser.add_argument("--trials", type=int, default=30, help="how many there shall be in all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Search, write the best settings and print them with their figures."""
    import optuna

    config = read_config(BreedsConfig, options.config, threads=options.threads)
    if config.threads:
        torch.set_num_threads(config.threads)
    spec = load_spec(options.model)
    found = read_data(config, options.data, options.out, spec)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{options.out / 'study.db'}",
        study_name=f"{spec.embedder.sha256[:12]}-{config_hash(config)[:12]}",
        sampler=optuna.samplers.TPESampler(seed=config.seed),
        load_if_exists=True,
    )
    if not study.trials:  # the settings to beat come first
        study.enqueue_trial({name: getattr(config, name) for name in _SPACE})

    def objective(trial: "optuna.Trial") -> float:
        tried = dataclasses.replace(config, **_suggested(trial))
        try:
            figures = cross_validated(found, tried)
        except DataError as error:
            if error.code != "loss_not_finite":
                raise
            raise optuna.TrialPruned(error.message) from error
        trial.set_user_attr("top1", figures["top1"])
        print(f"trial {trial.number}: {json.dumps(figures)}", flush=True)
        return figures["log_loss"]

    finished = [t for t in study.trials if t.state.is_finished()]
    study.optimize(objective, n_trials=max(0, options.trials - len(finished)))
    best = {name: _short(value) for name, value in study.best_params.items()}
    write_settings(options.config, options.out / "breeds.toml", best)
    print(json.dumps({"log_loss": round(study.best_value, 5), **best}))


# Setting: its least and largest value, and whether on a logarithmic scale.
_SPACE = {
    "rate": (3e-5, 3e-3, True),
    "weight_decay": (1e-4, 1.0, True),
    "smoothing": (0.0, 0.2, False),
    "distil": (0.0, 4.0, False),
    "mixing": (0.0, 0.6, False),
    "balance": (0.0, 1.0, False),
}


def write_settings(base: Path, path: Path, best: dict[str, Any]) -> None:
    """The configuration `base` with other settings in it, as TOML."""
    kept = [
        line
        for line in base.read_text().splitlines()
        if line.split("=")[0].strip() not in best or line.startswith("#")
    ]
    settings = [f"{name} = {value!r}" for name, value in best.items()]
    first = next((i for i, line in enumerate(kept) if line.startswith("[")), len(kept))
    text = "\n".join([*kept[:first], *settings, "", *kept[first:]]) + "\n"
    tomllib.loads(text)
    path.write_text(text)


def _suggested(trial: "optuna.Trial") -> dict[str, Any]:
    return {
        name: trial.suggest_float(name, least, most, log=log)
        for name, (least, most, log) in _SPACE.items()
    }


def _short(value: float) -> float:
    return float(f"{value:.3g}")
