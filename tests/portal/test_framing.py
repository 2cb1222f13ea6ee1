"""The window of a card over hand-made photos."""

import pytest

from portal.matching.framing import frame

FACE = [True, False]
NOTHING = [[0, 0, 0], [0.5, 0.5, 0.9]]


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ([0.0, 0, 0.2, 1], (1600, 1000), "focus-x-0"),
        ([0.4, 0, 0.6, 1], (1600, 1000), "focus-x-50"),
        ([0.9, 0, 1.0, 1], (1600, 1000), "focus-x-100"),
        ([0, 0.1, 1, 0.3], (500, 1250), "focus-y-0"),
        ([0, 0.7, 1, 0.9], (500, 1250), "focus-y-100"),
        ([0, 0, 1, 1], (800, 1000), ""),
        ([0, 0, 1, 1], (0, 0), ""),
    ],
)
def test_the_window_goes_to_the_dog(box, size, expected):
    assert frame(NOTHING, box, FACE, *size) == expected


def test_the_face_draws_the_window_towards_it():
    box = [0.1, 0, 0.9, 1]
    assert frame(NOTHING, box, FACE, 1600, 1000) == "focus-x-50"
    assert frame([[0.8, 0.3, 0.9], [0.1, 0.9, 0.9]], box, FACE, 1600, 1000) == "focus-x-80"
    assert frame([[0.8, 0.3, 0.2], [0.1, 0.9, 0.9]], box, FACE, 1600, 1000) == "focus-x-50"
