"""What is kept of start weights and views, and when it is computed again."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ml.subject import SubjectFinder, squash
from ml.training.crops import cut_crops
from ml.training.embedder import features
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.features import cached_views, relational_teacher, start_answers
from ml.training.embedder.photos import Training, gather
from ml.training.embedder.student import build_student, start_network
from ml.training.precision import pick

Configured = Callable[..., EmbedderConfig]
PLAIN = pick("cpu", "off")


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures went through a network, a number for each time."""
    counted: list[int] = []
    original = features.outputs_of

    def counting(run: object, pictures: object, count: int, *more: object) -> np.ndarray:
        counted.append(count)
        return original(run, pictures, count, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(features, "outputs_of", counting)
    return counted


def training(
    config: EmbedderConfig, root: Path, finder: SubjectFinder, margin: float = 0.1
) -> Training:
    cut = functools.partial(
        cut_crops, finder=finder, margin=margin, folder=root / "cache" / "crops"
    )
    return gather(config, root, cut)[0]


def test_start_answers_are_those_of_the_weights_and_computed_once(
    root: Path, small: Configured, finder: SubjectFinder, passes: list[int]
) -> None:
    config = small(logits=1.0)
    photos = training(config, root, finder)
    ask = functools.partial(start_answers, config, photos, root, PLAIN, root / "cache")
    found, again = ask(32), ask(32)
    assert len(passes) == 1
    assert np.array_equal(found.logits, again.logits)
    student = build_student(config, root, 0, PLAIN).eval()
    pixels = torch.from_numpy(squash(photos.pixels[0], (32, 32))[None].copy())
    with torch.inference_mode():
        _, logits, _ = student.split(student(pixels))
        expected = start_network(config, root).eval().features(pixels)
    assert found.logits[0] == pytest.approx(logits[0].numpy(), abs=1e-4)
    assert found.features[0] == pytest.approx(expected[0].numpy(), abs=1e-4)
    assert ask(48).logits.shape == (len(photos.pixels), 0)


def test_other_weights_finder_or_settings_are_computed_again(
    root: Path, small: Configured, finder: SubjectFinder, passes: list[int]
) -> None:
    config = small(distil=1.0)

    def ask(config: EmbedderConfig, margin: float = 0.1) -> None:
        photos = training(config, root, finder, margin)
        start_answers(config, photos, root, PLAIN, root / "cache", 32)

    ask(config)
    ask(small(distil=0.2, epochs=9, seed=4))  # change nothing of it
    assert len(passes) == 1
    ask(config, margin=0.2)
    assert len(passes) == 2
    path = root / config.pretrained
    save_file({name: value + 1 for name, value in load_file(path).items()}, path)
    os.utime(path, ns=(1, 1))
    ask(config)
    assert len(passes) == 3
    ask(small(distil=1.0, normalisation="own"))
    assert len(passes) == 4


def test_views_are_the_crop_itself_and_random_ones(
    root: Path, small: Configured, finder: SubjectFinder
) -> None:
    config = small(tuning="frozen", views=2)
    photos = training(config, root, finder)
    network = start_network(config, root)
    views = cached_views(network, photos, config, root, PLAIN, root / "cache")
    assert views.shape == (len(photos.pixels), 3, network.width)
    clean = features.clean_features(network, photos.pixels, 32, PLAIN)
    assert np.abs(views[:, 0] - clean).max() < 0.01
    assert np.abs(views[:, 1] - clean).max() > 0.05
    assert np.abs(views[:, 1] - views[:, 2]).max() > 0.05


def test_the_teacher_weighs_each_size_alike() -> None:
    big, small_ = np.array([[300.0, 0], [0, 300.0]]), np.array([[1.0, 0], [1.0, 0]])
    blank = np.zeros((2, 0))
    found = relational_teacher([features.StartAnswers(a, blank) for a in (big, small_)])
    assert found.norm(dim=1).tolist() == pytest.approx([1, 1])
    assert float(found[0] @ found[1]) == pytest.approx(0.5)
