"""Several trainings side by side on one split: `python -m ml compare embedder`."""

import argparse
import dataclasses
import itertools
import json
import re
import statistics
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.errors import DataError, PawkinError
from ml.networks.backbone import load_weights
from ml.networks.embedder import EmbedderNetwork
from ml.runtime import compile_network
from ml.spec import load_spec
from ml.subject import SubjectFinder
from ml.training.config import CONFIGS, changed, config_hash, read_variants
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.train import train_embedder
from ml.training.release import network_of

Variants = dict[str, EmbedderConfig]

# What a finished run leaves in its folder.
_RESULT = "result.json"
_LATENCY_RUNS = 30


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "embedder",
        help="backbones, settings or the variants of a file, over several seeds",
        description="Trains every combination of the variants in CONFIG ([[variant]] tables), of "
        "--backbones and of each --vary, once a seed, on the same split and crops, and writes "
        "comparison.md and comparison.json into --out. A killed comparison goes on where it was; "
        "what is finished is not trained again.",
    )
    parser.add_argument("--data", type=Path, required=True, help="root of the paths in CONFIG")
    parser.add_argument("--out", type=Path, required=True, help="a folder a run, and the table")
    parser.add_argument("--config", type=Path, default=CONFIGS / "embedder.toml")
    parser.add_argument(
        "--backbones",
        default="",
        metavar="NAME,NAME",
        help="timm's names; their weights are DATA/weights/NAME.safetensors where that exists",
    )
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="SETTING=VALUE,VALUE",
        help="values of one setting, written as in CONFIG (text without quotes); may be repeated",
    )
    parser.add_argument("--seeds", default="0", metavar="0,1,2")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--subject-model", default="starter", help="cuts the photos")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train what is not finished yet and print the table."""
    variants = read_variants(
        EmbedderConfig, options.config, epochs=options.epochs, threads=options.threads
    )
    backbones = [name for name in options.backbones.split(",") if name]
    variants = with_backbones(variants, backbones, options.data)
    for given in options.vary:
        variants = varied(variants, given)
    try:
        seeds = [int(seed) for seed in options.seeds.split(",")]
    except ValueError as error:
        raise DataError("--seeds takes numbers, such as 0,1,2.", str(error)) from error
    spec = load_spec(options.subject_model)
    finder = SubjectFinder.load(spec, threads=options.threads)
    margin = float(spec.subject.options["margin"])
    print(compare(variants, seeds, options.data, options.out, finder, margin))


def compare(
    variants: Variants,
    seeds: Sequence[int],
    data: Path,
    out: Path,
    finder: SubjectFinder,
    margin: float,
) -> str:
    """Train each variant once a seed; writes both tables after every run and gives the Markdown.

    A run that fails is told in the table and the others go on; then DataError is raised at the end.
    """
    out.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
    failed: dict[str, str] = {}
    table = ""
    for seed, (name, config) in itertools.product(seeds, variants.items()):
        folder = out / _folder_name(name) / f"seed-{seed}"
        config = dataclasses.replace(config, seed=seed)
        print(f"{name}, seed {seed}")
        try:
            results[name].append(
                _result(
                    folder,
                    config,
                    lambda config=config, folder=folder: train_embedder(  # type: ignore[misc]
                        config, data, folder, finder, margin, cache=out / "cache"
                    ),
                )
            )
        except PawkinError as error:
            failed[name] = str(error)
        table = _write_tables(results, failed, out)
    if failed:
        raise DataError(
            f"{len(failed)} of {len(variants)} variants failed; {out / 'comparison.md'} says why.",
            next(iter(failed.values())),
        )
    return table


def with_backbones(variants: Variants, backbones: Sequence[str], data: Path) -> Variants:
    """Each variant with each backbone; the variant's own backbone keeps all of its settings."""
    if not backbones:
        return variants
    found: Variants = {}
    for (name, config), backbone in itertools.product(variants.items(), backbones):
        if backbone != config.architecture:
            weights = f"weights/{backbone}.safetensors"
            if not (data / weights).is_file():
                print(f"{backbone}: there is no {weights}, so it is trained from nothing")
                weights = ""
            config = dataclasses.replace(
                config,
                architecture=backbone,
                normalisation="own",
                pretrained=weights,
                start="",
                batch_statistics=config.batch_statistics
                or (not weights and config.accumulate == 1),
            )
        found[f"{name}, {backbone}" if len(variants) > 1 else backbone] = config
    return found


def varied(variants: Variants, given: str) -> Variants:
    """Each variant with each value in `given`, "setting=value,value"; raises DataError."""
    setting, sign, values = given.partition("=")
    if not sign:
        raise DataError(f"--vary {given} names no values. Write setting=value,value.")
    return {
        f"{name}, {setting} {value}": changed(config, {setting: _parsed(value)}, "--vary")
        for name, config in variants.items()
        for value in re.split(r",(?![^\[]*\])", values)
    }


def _parsed(value: str) -> Any:
    """A value as TOML has it; what is none is text."""
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value
    return tuple(parsed) if isinstance(parsed, list) else parsed


def _result(
    folder: Path, config: EmbedderConfig, train: Callable[[], Mapping[str, float]]
) -> dict[str, float]:
    stored = folder / _RESULT
    told = config_hash(dataclasses.replace(config, threads=0, workers=0))
    if stored.is_file():
        known = json.loads(stored.read_text())
        if known["config"] == told:
            return known["figures"]
    metrics = train()
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    seconds = {line["epoch"]: line["seconds"] for line in lines}  # a resumed one counts last
    weights = folder / "embedder.safetensors"
    figures = {
        **{k: v for k, v in metrics.items() if not k.startswith(("loss", "epoch", "seconds"))},
        "megabytes": weights.stat().st_size / 1e6,
        "seconds": sum(seconds.values()),
        "latency_ms": latency(weights),
    }
    fresh = stored.with_suffix(".tmp")
    fresh.write_text(json.dumps({"config": told, "figures": figures}))
    fresh.replace(stored)
    return figures


def latency(weights: Path) -> float:
    """Median milliseconds for one crop, as the product runs the network on this machine."""
    spec = network_of(weights)

    def build() -> EmbedderNetwork:
        module = EmbedderNetwork.of(spec)
        load_weights(module, weights)
        return module

    crop = np.zeros((1, *spec.size, 3), np.uint8)
    network = compile_network(build, crop)
    network(crop)
    times = []
    for _ in range(_LATENCY_RUNS):
        started = time.perf_counter()
        network(crop)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def _write_tables(
    results: Mapping[str, Sequence[Mapping[str, float]]], failed: Mapping[str, str], out: Path
) -> str:
    rows = {name: summary(runs) for name, runs in results.items() if runs}
    told = {**rows, **{name: {"failed": why} for name, why in failed.items()}}
    (out / "comparison.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    table = markdown(rows)
    for name, why in failed.items():
        table += f"\n{name} failed: {why}\n"
    (out / "comparison.md").write_text(table)
    return table


def summary(runs: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and spread (sample standard deviation, 0 of a single run) of each figure over seeds."""
    return {
        name: {
            "mean": statistics.fmean(run[name] for run in runs),
            "spread": statistics.stdev(run[name] for run in runs) if len(runs) > 1 else 0.0,
            "runs": len(runs),
        }
        for name in runs[0]
    }


def markdown(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """A table, the best score first; figures that some variants lack stay empty."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    columns.sort(key=lambda name: (name != "score", name in ("megabytes", "seconds", "latency_ms")))
    lines = [["", *columns], ["---", *["---:"] * len(columns)]]
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["score"]["mean"]):
        lines.append([name, *[_cell(column, row.get(column)) for column in columns]])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(column: str, figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return ""
    digits = {"megabytes": 1, "seconds": 0, "latency_ms": 1}.get(column, 3)
    text = f"{figure['mean']:.{digits}f}"
    return text if figure["runs"] == 1 else f"{text} ± {figure['spread']:.{digits}f}"


def _folder_name(name: str) -> str:
    return re.sub(r"[^\w.=-]+", "-", name).strip("-")
