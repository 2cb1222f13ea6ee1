"""What decoders are compared by."""

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks import decode
from benchmarks.decode import Kind, cells, compare, decoders, difference, factor_of, fitted


def test_difference_is_a_mean_over_all_values() -> None:
    one = np.zeros((2, 2, 3), np.uint8)
    other = one.copy()
    other[0, 0] = (255, 0, 3)
    assert difference(one, other) == difference(other, one) == 258 / 12
    assert difference(one, one) == 0


def test_a_pixel_of_rounding_is_allowed_and_no_more() -> None:
    one = np.full((10, 20, 3), 7, np.uint8)
    assert difference(one, np.full((11, 19, 3), 9, np.uint8)) == 2
    for shape in ((20, 10, 3), (12, 20, 3)):
        with pytest.raises(ValueError, match="against"):
            difference(one, np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="not RGB"):
        difference(one, np.zeros((10, 20), np.uint8))


def test_a_jpeg_is_never_decoded_smaller_than_needed() -> None:
    assert [factor_of(side) for side in (1000, 1280, 2559, 2560, 4032, 5120, 12000)] == [
        1, 1, 1, 2, 2, 4, 8,
    ]  # fmt: skip
    assert fitted(4032, 3024) == (1280, 960)
    assert fitted(300, 200) == (300, 200)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_every_way_that_is_there_gives_the_same_upright_picture(format: str) -> None:
    scene = Image.new("RGB", (40, 30), "red")
    scene.paste("blue", (0, 0, 20, 30))
    kind = Kind("x", 2600, 1950, format, quality=90, orientation=decode.TURNED)
    data = kind.file(scene, 1)
    right = decoders()[decode.REFERENCE]
    assert callable(right)
    expected = right(data)
    assert expected.shape == (1280, 960, 3)
    for name, way in decoders().items():
        if isinstance(way, str):
            continue
        try:
            found = way(data)
        except Exception:
            assert format != "JPEG", name
            continue
        assert difference(found, expected) < 3, name


def test_ways_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "ROUNDS", 2)
    out = io.BytesIO()
    Image.new("RGB", (100, 80), "green").save(out, "PNG")

    def broken(data: bytes) -> np.ndarray:
        raise OSError("no")

    ways = {decode.REFERENCE: decode.pillow, "gone": "not installed", "broken": broken}
    told = compare(ways, [out.getvalue()])
    assert told["gone"] == {"why_not": "not installed"}
    assert told["broken"] == {"why_not": "cannot read it (OSError)"}
    assert told[decode.REFERENCE]["times_faster"] == 1
    assert len(told[decode.REFERENCE]["ms"]) == 2
    assert cells(told["gone"]) == ["not installed", "", ""]
    assert cells(told[decode.REFERENCE])[1:] == ["1.00", "0.00"]
