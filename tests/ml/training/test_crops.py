"""Crops are cut once, survive a kill, and are never those of another file or finder."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.errors import NoSubject
from ml.spec import NetworkSpec
from ml.subject import Subject, SubjectFinder
from ml.training.crops import cut_crops
from ml.training.data import Preparation, Sample

SHADES = 70  # more than two batches


class LeftHalf(SubjectFinder):
    """The dog is the left half of a photo, and no photo with a blue corner shows one."""

    def __init__(self, identity: str = "left half", patience: int = 1000) -> None:
        self.identity = identity
        self.patience = patience
        self.seen = 0

    def find(self, images: Sequence[np.ndarray]) -> list[Subject | NoSubject]:
        if self.seen + len(images) > self.patience:
            raise KeyboardInterrupt
        self.seen += len(images)
        return [
            NoSubject() if i[0, 0, 2] > 100 else Subject((0, 0, i.shape[1] / 2, i.shape[0]), 1.0)
            for i in images
        ]


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    (tmp_path / "dogs").mkdir()
    for number in range(SHADES):
        pixels = np.full((20, 40, 3), 255, np.uint8)
        pixels[:, :20] = (number, 10, 0)
        Image.fromarray(pixels).save(tmp_path / "dogs" / f"{number:03}.png")
    Image.new("RGB", (40, 20), (0, 0, 255)).save(tmp_path / "dogs" / "sky.png")
    (tmp_path / "dogs" / "torn.jpg").write_bytes(b"no image")
    paths = sorted((tmp_path / "dogs").iterdir())
    return [Sample(path, "dog", "", path.name, "photo") for path in paths]


def test_one_row_a_sample_with_its_dog_alone(
    samples: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = samples[::-1]
    crops = cut_crops(given, LeftHalf(), 0.0, tmp_path / "crops", side=16)
    assert crops.pixels.shape == (len(given), 16, 16, 3)
    assert isinstance(crops.pixels, np.memmap)
    assert list(crops.known) == [False, False] + [True] * SHADES
    for row, sample in enumerate(given):
        if crops.known[row]:
            assert (crops.pixels[row] == (int(sample.path.stem), 10, 0)).all()
        else:
            assert not crops.pixels[row].any()
    told = capsys.readouterr().out
    assert "skipped" in told
    assert "torn.jpg" in told
    assert "2 of 72 photos" in told
    with pytest.raises(ValueError, match="read-only"):
        crops.pixels[0] = 0


def test_a_killed_run_goes_on(samples: list[Sample], tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    killed = LeftHalf(patience=50)
    with pytest.raises(KeyboardInterrupt):
        cut_crops(samples, killed, 0.0, folder, side=16)
    assert killed.seen == 32
    second = LeftHalf()
    crops = cut_crops(samples, second, 0.0, folder, side=16)
    assert second.seen == SHADES + 1 - 32
    assert crops.known.sum() == SHADES
    assert [int(p[0, 0, 0]) for p in crops.pixels[:SHADES]] == list(range(SHADES))
    third = LeftHalf()
    cut_crops(samples, third, 0.0, folder, side=16)
    assert third.seen == 0


def test_other_samples_use_what_is_cut(samples: list[Sample], tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    cut_crops(samples[:60], LeftHalf(), 0.0, folder, side=16)
    finder = LeftHalf()
    crops = cut_crops(samples[50:SHADES], finder, 0.0, folder, side=16)
    assert finder.seen == 10
    assert [int(p[0, 0, 0]) for p in crops.pixels] == list(range(50, SHADES))


def test_nothing_stale_is_used(samples: list[Sample], tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    cut_crops(samples, LeftHalf(), 0.0, folder, side=16)
    for finder, margin, side in (
        (LeftHalf("another"), 0.0, 16),
        (LeftHalf(), 0.5, 16),
        (LeftHalf(), 0.0, 24),
    ):
        cut_crops(samples, finder, margin, folder, side=side)
        assert finder.seen == SHADES + 1
    prepared = LeftHalf()
    crops = cut_crops(samples, prepared, 0.0, folder, 16, Preparation("grey"))
    assert prepared.seen == SHADES + 1
    assert len(set(crops.pixels[60, 0, 0])) == 1
    path = samples[3].path
    Image.new("RGB", (40, 20), (99, 0, 0)).save(path)
    os.utime(path, ns=(1, 1))
    finder = LeftHalf()
    crops = cut_crops(samples, finder, 0.0, folder, side=16)
    assert finder.seen == 1
    assert crops.pixels[3, 0, 0, 0] == 99


def test_of_two_at_once_one_cuts(samples: list[Sample], tmp_path: Path) -> None:
    finders = [LeftHalf(), LeftHalf()]
    with ThreadPoolExecutor(2) as threads:
        runs = [
            threads.submit(cut_crops, samples, finder, 0.0, tmp_path / "crops", 16)
            for finder in finders
        ]
        pixels = [run.result().pixels for run in runs]
    assert sum(finder.seen for finder in finders) == SHADES + 1
    assert np.array_equal(*pixels)


def test_no_samples(tmp_path: Path) -> None:
    assert len(cut_crops([], LeftHalf(), 0.0, tmp_path / "crops")) == 0


@pytest.mark.parametrize("changes", [{"sha256": "b"}, {"options": {"dog_at_least": 0.6}}])
def test_other_weights_or_options_are_another_finder(changes: dict[str, Any]) -> None:
    spec = NetworkSpec("f", "a", "test_vit", (32, 32), (0, 0, 0), (1, 1, 1), {"dog_at_least": 0.5})

    def identity(spec: NetworkSpec) -> str:
        return SubjectFinder(lambda pixels: (pixels,), spec).identity

    assert identity(spec) == identity(replace(spec))
    assert identity(spec) != identity(replace(spec, **changes))
