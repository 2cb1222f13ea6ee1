import numpy as np
import pytest

from ml.embedder import Embedder
from ml.spec import NetworkSpec


def network(batch: np.ndarray) -> tuple[np.ndarray, ...]:
    """Red of the left half, green of the left half, blue of the right half, plus one; twice."""
    left, right = batch[:, :, : batch.shape[2] // 2], batch[:, :, batch.shape[2] // 2 :]
    parts = left[..., 0], left[..., 1], right[..., 2]
    means = np.stack([p.mean((1, 2)) for p in parts], 1).astype(np.float32)
    return means + 1, means


def embedder(**options: object) -> Embedder:
    spec = NetworkSpec("", "", "", (16, 16), (0, 0, 0), (1, 1, 1), {"dimension": 3, **options})
    return Embedder(network, spec)


def crops(count: int) -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [
        np.full((*chance.integers(20, 60, 2), 3), chance.integers(0, 255, 3), np.uint8)
        for _ in range(count)
    ]


def test_unit_rows_in_order_beyond_one_batch() -> None:
    vectors = embedder().embed(crops(37))
    assert vectors.shape == (37, 3)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    for row, crop in zip(vectors, crops(37), strict=True):
        colour = crop[0, 0].astype(float) + 1
        assert row == pytest.approx(colour / np.linalg.norm(colour), abs=1e-5)


def test_features_stand_beside_the_vectors_unscaled() -> None:
    vectors, features = embedder().describe(crops(20))
    assert vectors == pytest.approx(embedder().embed(crops(20)))
    for row, crop in zip(features, crops(20), strict=True):
        assert row == pytest.approx(crop[0, 0].astype(float), abs=1e-4)


def test_nothing_to_embed() -> None:
    assert embedder().embed([]).shape == (0, 3)
    assert embedder().describe([])[1].shape[0] == 0


def test_mirrored_crops_get_one_vector_only_with_mirror() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :8, 0] = 200
    twin = np.ascontiguousarray(image[:, ::-1])
    plain, mirror = embedder().embed([image, twin]), embedder(mirror=True).embed([image, twin])
    assert mirror[0] == pytest.approx(mirror[1])
    assert plain[0] @ plain[1] < 0.9
    features = embedder(mirror=True).describe([image, twin])[1]
    assert features[0] == pytest.approx(features[1])


def test_a_crop_is_brought_to_size_as_the_spec_says() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 200  # enlarged, a bicubic edge overshoots and a bilinear one does not
    seen: list[np.ndarray] = []

    def watching(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        seen.append(batch)
        return network(batch)

    for interpolation in ("bilinear", "bicubic"):
        options = {"dimension": 3, "interpolation": interpolation}
        spec = NetworkSpec("", "", "", (16, 16), (0, 0, 0), (1, 1, 1), options)
        Embedder(watching, spec).embed([image])
    assert seen[0].max() == 200
    assert seen[1].max() > 200
