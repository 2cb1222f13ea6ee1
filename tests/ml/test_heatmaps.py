import numpy as np
import pytest

from ml.heatmaps import decode


def gaussian(x: float, y: float, height: float = 1.0, size: int = 48) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))


def test_a_peak_between_cells_is_found_to_a_twentieth_of_a_cell():
    rng = np.random.default_rng(3)
    places = rng.uniform(6, 41, (40, 2))
    found = decode(np.stack([gaussian(x, y, 0.8) for x, y in places])[None])
    assert np.abs(found[0, :, :2] - places).max() < 0.05
    assert found[0, :, 2] == pytest.approx(0.8, abs=0.06)


def test_decodes_as_mmposes_codec_does():
    from ml.compat import prepare_mmpose

    prepare_mmpose()
    from mmpose.codecs import MSRAHeatmap

    rng = np.random.default_rng(4)
    maps = np.stack(
        [
            gaussian(*rng.uniform(-2, 50, 2), height=rng.uniform(0.1, 1))
            + 0.4 * gaussian(*rng.uniform(0, 47, 2))
            for _ in range(21)
        ]
    )
    maps = (maps + rng.normal(0, 0.01, maps.shape)).astype(np.float32)
    reference = MSRAHeatmap(input_size=(48, 48), heatmap_size=(48, 48), sigma=2.0, unbiased=True)
    keypoints, scores = reference.decode(maps)
    found = decode(maps[None])[0]
    near = np.abs(keypoints[0] - np.round(keypoints[0])) < 2
    assert near.all()
    np.testing.assert_allclose(found[:, :2], keypoints[0], atol=1e-2)
    np.testing.assert_allclose(found[:, 2], scores[0], atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_a_flat_map_gives_a_place_inside_and_its_height(value):
    found = decode(np.full((2, 3, 12, 12), value, np.float32))
    assert np.isfinite(found).all()
    assert (found[..., :2] >= 0).all()
    assert (found[..., :2] < 12).all()
    assert (found[..., 2] == np.float32(value)).all()


def test_maps_do_not_touch_each_other():
    maps = np.zeros((2, 2, 48, 48), np.float32)
    maps[0, 1], maps[1, 0] = gaussian(10, 20), gaussian(30, 5)
    found = decode(maps)
    assert found[0, 1, :2] == pytest.approx([10, 20], abs=0.05)
    assert found[1, 0, :2] == pytest.approx([30, 5], abs=0.05)
    assert found[0, 0, 2] == 0


def test_no_maps_give_no_points():
    assert decode(np.zeros((0, 21, 48, 48), np.float32)).shape == (0, 21, 3)
