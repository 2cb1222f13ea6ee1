"""Puts trained networks together to a model version: `python -m ml release`."""

import argparse
import dataclasses
import json
import shutil
from pathlib import Path

from ml.errors import DataError
from ml.spec import WEIGHTS, Likeness, ModelSpec, NetworkSpec, load_spec

_ROLES = ("subject", "embedder", "pose")
_NETWORK = "network.json"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "release",
        help="put trained networks together to a model version",
        description="Copies the weights of finished runs beside the specs and writes the spec "
        "NAME: the spec --base with what is given here in its place.",
    )
    parser.add_argument("name")
    parser.add_argument("--base", default="starter", help="spec that gives all the rest")
    parser.add_argument("--title")
    for role in _ROLES:
        parser.add_argument(f"--{role}", type=Path, metavar="RUN", help="a run's --out")
    parser.add_argument("--likeness", type=Path, help="JSON of `python -m ml evaluate likeness`")
    parser.add_argument("--mirror", action="store_true", help="embed the mirrored crop as well")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the spec and print its fingerprint."""
    runs = {role: getattr(options, role) for role in _ROLES if getattr(options, role)}
    spec = load_spec(options.base)
    networks = {role: read_network(path) for role, path in runs.items()}
    spec = dataclasses.replace(
        spec,
        name=options.name,
        title=options.title or spec.title,
        subject=networks.get("subject", spec.subject),
        embedder=networks.get("embedder", spec.embedder),
        pose=networks.get("pose", spec.pose),
    )
    if options.mirror:
        embedder = dataclasses.replace(
            spec.embedder, options={**spec.embedder.options, "mirror": True}
        )
        spec = dataclasses.replace(spec, embedder=embedder)
    if options.likeness:
        found = json.loads(options.likeness.read_text())
        likeness = Likeness(
            found["none_below"],
            found["strong_from"],
            tuple((float(x), float(y)) for x, y in found["scale"]),
        )
        spec = dataclasses.replace(spec, likeness=likeness)
    for role, path in runs.items():
        shutil.copyfile(path / networks[role].file, WEIGHTS / networks[role].file)
    text = spec.to_json()
    ModelSpec.from_json(text)
    (WEIGHTS / f"{options.name}.json").write_text(text)
    print(spec.fingerprint)


def write_network(out: Path, network: NetworkSpec) -> None:
    """Describe a run's network beside its weights."""
    plain = json.dumps(dataclasses.asdict(network), indent=2)
    (out / _NETWORK).write_text(plain + "\n")


def read_network(out: Path) -> NetworkSpec:
    """What `write_network` wrote; raises DataError where the run is not finished."""
    path = out / _NETWORK
    if not path.is_file():
        raise DataError(f"{out} holds no finished run: {_NETWORK} is missing.")
    return NetworkSpec.from_dict(json.loads(path.read_text()))
