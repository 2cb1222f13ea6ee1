"""Dogs of three shades on grey, whose whole photo is the crop, at 32 pixels."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ml.networks.backbone import build_backbone
from ml.subject import Subject, SubjectFinder
from ml.training.data import Source
from ml.training.embedder.config import EmbedderConfig

ARCHITECTURE = "test_vit"  # timm's own for tests: six blocks of width 64
CLASSES = 5


class WholePhoto(SubjectFinder):
    def __init__(self) -> None:
        self.identity = "whole photo"

    def find(self, images: object) -> list[Subject]:  # type: ignore[override]
        return [Subject((0, 0, i.shape[1], i.shape[0]), 1.0) for i in images]  # type: ignore[attr-defined]


@pytest.fixture
def finder() -> SubjectFinder:
    return WholePhoto()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`dogs/shade-k/n.png`, rankings by shade, attributes, triplets, and start weights."""
    chance = np.random.default_rng(0)
    for number in range(36):
        pixels = np.full((40, 40, 3), 90, np.uint8)
        x, y = (int(v) for v in chance.integers(0, 12, 2))
        pixels[y : y + 28, x : x + 25] = (60 + 80 * (number % 3), 20, 20)
        folder = tmp_path / "dogs" / f"shade-{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")

    def dog(number: int) -> str:
        return f"dogs/shade-{number % 3}/{number}.png"

    rankings = [[dog(n), dog((n + 3) % 36), dog((n + 1) % 36), 1] for n in range(36)]
    _write(tmp_path / "rankings.csv", ["anchor", "nearer", "farther", "weight"], rankings)
    told = [[dog(n), ("dark", "red", "bright")[n % 3], "" if n % 2 else "short"] for n in range(36)]
    told[0][2] = "long"
    _write(tmp_path / "attributes.csv", ["file", "colour", "coat"], told)
    judged = [[dog(n)[5:], dog(n + 3)[5:], dog(n + 1)[5:], "a"] for n in range(3)]
    _write(tmp_path / "triplets.csv", ["query", "a", "b", "choice"], judged)
    torch.manual_seed(3)
    backbone = build_backbone(ARCHITECTURE, (32, 32), num_classes=CLASSES)
    save_file(backbone.state_dict(), tmp_path / "start.safetensors")
    return tmp_path


@pytest.fixture
def small() -> Callable[..., EmbedderConfig]:
    """A configuration for `root` with some settings of one's own."""

    def configured(**changes: object) -> EmbedderConfig:
        settings = {
            "sources": (Source("dogs", kind="dog", held_out=0.4, labelled=True),),
            "architecture": ARCHITECTURE,
            "pretrained": "start.safetensors",
            "size": 32,
            "views": 2,
            "epochs": 2,
            "batch": 8,
            "teacher_sizes": (48,),
            "workers": 0,
            "threads": 1,
            "device": "cpu",
        }
        return EmbedderConfig(**{**settings, **changes})  # type: ignore[arg-type]

    return configured


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
