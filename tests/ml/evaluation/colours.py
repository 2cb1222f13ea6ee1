"""Photos of one colour, and an embedder that sees nothing else."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.embedder import unit
from ml.evaluation import pictures
from ml.spec import ModelSpec


class Colours:
    """The mean colour as a vector of length 1."""

    @classmethod
    def load(cls, spec: ModelSpec) -> "Colours":
        return cls()

    def embed(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        return unit(np.array([crop.mean((0, 1)) for crop in crops]))


def look_only_at_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "Embedder", Colours)
    monkeypatch.setattr(pictures, "crop_dogs", lambda spec, images: list(images))


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), colour).save(path)
