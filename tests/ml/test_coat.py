"""The colours of a coat, on pictures whose colours are known."""

import numpy as np
import pytest

from ml.coat import COLOURS, coat, coat_likeness, lab
from ml.skeleton import INDEX, KEYPOINTS

NAMES = list(COLOURS)
BOX = (10.0, 10.0, 110.0, 90.0)


def scene(dog: tuple[int, int, int], around: tuple[int, int, int]) -> np.ndarray:
    """An oval of one colour in the box, on another."""
    picture = np.full((100, 120, 3), around, np.uint8)
    y, x = np.mgrid[:100, :120]
    picture[((x - 60) / 44) ** 2 + ((y - 50) / 34) ** 2 < 1] = dog
    return picture


def seen(dog: tuple[int, int, int], around: tuple[int, int, int] = (110, 110, 110)) -> np.ndarray:
    found = coat(scene(dog, around), BOX)
    assert found is not None
    return found


def main_colour(shares: np.ndarray) -> str:
    return NAMES[int(shares.argmax())]


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_is_that_of_the_tables(
    rgb: tuple[int, int, int], expected: tuple[float, float, float]
) -> None:
    assert lab(np.array(rgb, np.uint8)) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("dog", "name"),
    [
        ((15, 15, 15), "black"),
        ((240, 238, 232), "white"),
        ((175, 138, 100), "fawn"),
        ((70, 45, 38), "chocolate"),
    ],
)
def test_a_coat_of_one_colour_is_told(dog: tuple[int, int, int], name: str) -> None:
    shares = seen(dog)
    assert shares.shape == (len(COLOURS),)
    assert shares.dtype == np.float32
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert main_colour(shares) == name


def test_the_ground_hardly_counts() -> None:
    on_grass, on_sand = seen((15, 15, 15), (80, 130, 60)), seen((15, 15, 15), (200, 180, 140))
    assert coat_likeness(on_grass, on_sand) > 0.85
    assert coat_likeness(on_grass, seen((240, 238, 232), (80, 130, 60))) < 0.6


def test_a_likeness_knows_which_colours_are_kin() -> None:
    cream, fawn, black = seen((205, 180, 150)), seen((175, 138, 100)), seen((15, 15, 15))
    assert coat_likeness(fawn, fawn) == 1
    assert coat_likeness(fawn, cream) > coat_likeness(fawn, black) > 0
    many = coat_likeness(fawn, np.stack([fawn, cream, black]))
    assert many == pytest.approx(
        [coat_likeness(fawn, other) for other in (fawn, cream, black)], abs=1e-6
    )


def test_a_darker_exposure_changes_less_than_another_coat() -> None:
    picture = scene((175, 138, 100), (110, 110, 110))
    dim = coat((picture * 0.8).astype(np.uint8), BOX)
    bright = coat(picture, BOX)
    assert dim is not None
    assert bright is not None
    assert coat_likeness(bright, dim) > coat_likeness(bright, seen((60, 50, 45)))


def test_seen_points_say_where_the_dog_is() -> None:
    """A dog in a corner of a box that is too large."""
    picture = np.full((100, 120, 3), (110, 110, 110), np.uint8)
    picture[12:40, 12:108] = (15, 15, 15)
    points = np.zeros((len(KEYPOINTS), 3))
    for name, x in (("nose", 20), ("neck", 45), ("root_of_tail", 100)):
        points[INDEX[name]] = (x, 26, 0.9)
    without, shown = coat(picture, BOX), coat(picture, BOX, points)
    assert without is not None
    assert shown is not None
    assert shown[NAMES.index("black")] > without[NAMES.index("black")] + 0.15
    points[:, 2] = 0.1
    assert coat(picture, BOX, points) == pytest.approx(without)


def test_a_box_beside_the_picture_has_no_coat() -> None:
    assert coat(np.zeros((20, 20, 3), np.uint8), (30, 30, 40, 40)) is None
    assert coat(np.zeros((20, 20, 3), np.uint8), (3, 3, 4, 4)) is not None
