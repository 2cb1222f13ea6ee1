"""`python -m ml train targets`: what several networks together make of the training photos."""

import argparse
import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ml.embedder import unit
from ml.errors import DataError
from ml.runtime import compile_network
from ml.spec import load_spec
from ml.subject import SubjectFinder, squash
from ml.training.config import CONFIGS, read_config
from ml.training.crops import INTERPOLATION, cut_crops
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.photos import gather
from ml.training.embedder.student import start_network

_BATCH = 32


@dataclass(frozen=True)
class Teacher:
    """A timm network with published weights, `pretrained` below the data's root, at `size`."""

    architecture: str
    size: int
    pretrained: str

    @classmethod
    def of(cls, text: str) -> "Teacher":
        """From ARCHITECTURE,SIZE,FILE; raises DataError for anything else."""
        parts = text.split(",")
        if len(parts) != 3 or not parts[1].isdigit():
            raise DataError(f"'{text}' is no teacher. Write ARCHITECTURE,SIZE,FILE.")
        return cls(parts[0], int(parts[1]), parts[2])


class Features(nn.Module):
    """Pixels to pooled features alone."""

    def __init__(self, teacher: Teacher, data: Path) -> None:
        super().__init__()
        self.network = start_network(
            EmbedderConfig(
                architecture=teacher.architecture,
                size=teacher.size,
                normalisation="own",
                pretrained=teacher.pretrained,
            ),
            data,
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network.features(pixels)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "targets",
        help="vectors of an ensemble for an embedder to imitate",
        description="Writes the npz that 'targets' of an embedder's configuration names: for each "
        "of its training photos the features of all teachers side by side, brought to its "
        "dimension. Photos of the validation have none.",
    )
    parser.add_argument("--data", type=Path, required=True, help="root of the paths in CONFIG")
    parser.add_argument("--config", type=Path, default=CONFIGS / "embedder.toml")
    parser.add_argument(
        "--teacher",
        action="append",
        required=True,
        metavar="ARCHITECTURE,SIZE,FILE",
        help="timm network, pixels, weights below --data; give several",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument("--subject-model", default="starter", help="cuts the photos")
    parser.add_argument("--cache", type=Path, required=True, help="crops, which runs may share")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the file."""
    config = read_config(EmbedderConfig, options.config)
    config = dataclasses.replace(config, imitate=0.0, head_start="random", contrast=1.0)
    spec = load_spec(options.subject_model)
    cut = functools.partial(
        cut_crops,
        finder=SubjectFinder.load(spec, threads=config.threads or None),
        margin=float(spec.subject.options["margin"]),
        folder=options.cache / "crops",
        side=max(256, config.size),
    )
    training, _ = gather(config, options.data, cut)
    parts = [
        features_of(Teacher.of(text), options.data, training.pixels, config.threads)
        for text in options.teacher
    ]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        options.out,
        files=np.array(training.names),
        vectors=together(parts, config.dimension).astype(np.float16),
    )
    print(options.out)


def features_of(
    teacher: Teacher, data: Path, pixels: np.ndarray, threads: int | None = None
) -> np.ndarray:
    """(n, C) float32: pooled features of each crop and of its mirror image, averaged."""
    size = (teacher.size, teacher.size)
    network = compile_network(
        lambda: Features(teacher, data), np.zeros((1, *size, 3), np.uint8), threads=threads or None
    )
    rows = []
    for start in tqdm(range(0, len(pixels), _BATCH), teacher.architecture, mininterval=5):
        some = pixels[start : start + _BATCH]
        batch = np.stack([squash(crop, size, INTERPOLATION) for crop in some])
        rows.append((network(batch)[0] + network(np.ascontiguousarray(batch[:, :, ::-1]))[0]) / 2)
    return np.concatenate(rows)


def together(parts: Sequence[np.ndarray], dimension: int) -> np.ndarray:
    """Features (n, C) of each teacher to unit rows (n, dimension) that keep their likenesses.

    Each is taken about its mean and brought to length 1, so that every teacher weighs alike; side
    by side they are projected on their principal directions, which keep inner products best.
    """
    apart = np.concatenate([unit(part - part.mean(0)) for part in parts], 1)
    apart = apart - apart.mean(0)
    values, directions = np.linalg.eigh(apart.T.astype(np.float64) @ apart / len(apart))
    if len(values) < dimension:
        raise DataError(
            f"The teachers have only {len(values)} features together. Lower 'dimension'."
        )
    return unit(apart @ directions[:, ::-1][:, :dimension])
