"""Puts trained networks together to a model version: `python -m ml release`."""

import argparse
import dataclasses
import json
import shutil
import sys
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ml.errors import DataError
from ml.spec import WEIGHTS, Likeness, ModelSpec, NetworkSpec, file_sha256, load_spec

_ROLES = ("subject", "gate", "embedder", "pose", "breeds")

# The key of a weights file's metadata under which it describes its network.
METADATA = "network"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "release",
        help="put trained networks together to a model version",
        description="Copies weights of finished runs beside the specs and writes the spec "
        "NAME: the spec --base with what is given here in its place.",
    )
    parser.add_argument("name")
    parser.add_argument("--base", default="starter", help="spec that gives all the rest")
    parser.add_argument("--title")
    for role in _ROLES:
        parser.add_argument(
            f"--{role}", type=Path, metavar="FILE", help="weights of a finished run"
        )
    parser.add_argument("--likeness", type=Path, help="JSON of `python -m ml evaluate likeness`")
    parser.add_argument("--mirror", action="store_true", help="embed the mirrored crop as well")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the spec and print its fingerprint."""
    files = {role: getattr(options, role) for role in _ROLES if getattr(options, role)}
    spec = load_spec(options.base)
    networks = {role: network_of(path) for role, path in files.items()}
    spec = dataclasses.replace(
        spec,
        name=options.name,
        title=options.title or spec.title,
        subject=networks.get("subject", spec.subject),
        gate=networks.get("gate", spec.gate),
        embedder=networks.get("embedder", spec.embedder),
        pose=networks.get("pose", spec.pose),
        breeds=networks.get("breeds", spec.breeds),
    )
    if spec.breeds and spec.breeds.options["embedder"] != spec.embedder.sha256:
        if "breeds" in files:
            raise DataError(
                "These breeds were trained on another embedder. Train them on this one: "
                "python -m ml train breeds."
            )
        print("left out the breeds: they were trained on another embedder", file=sys.stderr)
        spec = dataclasses.replace(spec, breeds=None)
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
    for path in files.values():
        if path.resolve() != (WEIGHTS / path.name).resolve():
            shutil.copyfile(path, WEIGHTS / path.name)
    text = spec.to_json()
    ModelSpec.from_json(text)
    (WEIGHTS / f"{options.name}.json").write_text(text)
    print(spec.fingerprint)


def network_of(path: Path) -> NetworkSpec:
    """What a weights file says of itself, with its sha256; raises DataError if it says nothing."""
    try:
        with safe_open(path, framework="numpy") as file:
            told = json.loads((file.metadata() or {})[METADATA])
        return NetworkSpec.from_dict({**told, "file": path.name, "sha256": file_sha256(path)})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} holds no finished network. Name the weights file of a finished run.",
            f"{type(error).__name__}: {error}",
        ) from error
