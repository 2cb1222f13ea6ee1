import random
from collections.abc import Callable

import numpy as np
import pytest
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
