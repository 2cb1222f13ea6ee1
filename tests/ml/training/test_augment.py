import random
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from ml.training import augment

BOX = (40.0, 30.0, 90.0, 80.0)


def scene() -> Image.Image:
    """A red box on blue, 160 by 120."""
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[30:80, 40:90] = (255, 0, 0)
    return Image.fromarray(pixels)


def red_box(image: Image.Image) -> tuple[int, int, int, int]:
    pixels = np.asarray(image).astype(int)
    y, x = np.nonzero(pixels[..., 0] - pixels[..., 2] > 100)
    return x.min(), y.min(), x.max() + 1, y.max() + 1


View = Callable[[Image.Image, random.Random], tuple[Image.Image, augment.Box | None]]
VIEWS: dict[str, View] = {
    "part": lambda image, chance: augment.part_with_box(image, BOX, chance),
    "whole": lambda image, chance: augment.part_with_box(image, BOX, chance, outside=0.0),
    "farther": lambda image, chance: augment.farther(
        image, BOX, chance, Image.new("RGB", (50, 70), "green")
    ),
    "mirrored": lambda image, chance: augment.mirrored(image, BOX),
}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("seed", range(12))
def test_the_box_follows_the_picture(name: str, seed: int) -> None:
    image, box = VIEWS[name](scene(), random.Random(seed))
    assert box is not None
    assert red_box(image) == pytest.approx(box, abs=1.5)
    if name == "whole":
        assert (box[2] - box[0]) * (box[3] - box[1]) == pytest.approx(2500)


@pytest.mark.parametrize("seed", range(12))
def test_part_with_box_keeps_most_of_it(seed: int) -> None:
    _, box = augment.part_with_box(scene(), BOX, random.Random(seed), outside=0.1)
    assert (box[2] - box[0]) * (box[3] - box[1]) >= 0.8**2 * 2500


@pytest.mark.parametrize("seed", range(12))
def test_random_part_is_as_large_as_asked(seed: int) -> None:
    part = augment.random_part(scene(), random.Random(seed), least=0.8)
    assert 0.72 * 160 * 120 <= part.width * part.height <= 160 * 120


def test_look_changes_colours_but_no_places() -> None:
    image = augment.look(scene(), random.Random(5))
    assert image.size == (160, 120)
    assert augment.colour_jitter(scene(), random.Random(1), 0.0).tobytes() == scene().tobytes()


def test_views_are_fixed_by_their_seed() -> None:
    one, other = (augment.look(scene(), random.Random(7)).tobytes() for _ in range(2))
    assert one == other


def test_coarser_never_enlarges() -> None:
    for seed in range(20):
        assert 96 <= max(augment.coarser(scene(), random.Random(seed)).size) <= 160
    assert augment.coarser(Image.new("RGB", (50, 40)), random.Random(0)).size == (50, 40)


@pytest.mark.parametrize("name", get_args(augment.Policy))
def test_policies_are_fixed_by_their_seed_and_leave_other_chance_alone(name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3), np.uint8)
    view = augment.policy(name, 32)  # type: ignore[arg-type]
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one, same, other = view(pixels, 5), view(pixels, 5), view(pixels, 6)
    assert torch.rand(1) == expected
    assert one.shape == (32, 32, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, same)
    assert np.array_equal(one, other) == (name == "none")


def test_the_mild_policy_shows_nearly_all_and_keeps_colours_without_jitter() -> None:
    """A picture that is red at left and blue at right, its halves never cut away."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :32, 0] = pixels[:, 32:, 2] = 200
    view = augment.policy("mild", 32, least=0.8, jitter=0.0)
    mirrored = 0
    for seed in range(40):
        red = view(pixels, seed)[..., 0].mean(0) > 100
        assert 10 <= red.sum() <= 22
        mirrored += bool(red[-1])
    assert 8 < mirrored < 32
    strong = augment.policy("strong", 32)
    assert min((strong(pixels, seed)[..., 0] > 100).mean() for seed in range(40)) < 0.05


def test_jitter_changes_colours() -> None:
    pixels = np.full((32, 32, 3), (180, 120, 60), np.uint8)
    view = augment.policy("mild", 16, jitter=0.4)
    seen = np.array([view(pixels, seed)[8, 8] for seed in range(30)]).astype(int)
    assert seen.std(0).min() > 10
