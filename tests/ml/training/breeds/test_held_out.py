import io

import numpy as np
import pytest
from PIL import Image

from ml.training.breeds.held_out import HeldOut, digest, look


def scene(seed: int) -> np.ndarray:
    """Smooth blobs, as large as a photo of a data set."""
    chance = np.random.default_rng(seed)
    small = Image.fromarray(chance.integers(0, 255, (7, 9, 3), np.uint8))
    return np.asarray(small.resize((280, 220), Image.Resampling.BICUBIC))


def again(image: np.ndarray, scale: float, quality: int) -> np.ndarray:
    """Scaled and compressed once more, as another data set would hold it."""
    picture = Image.fromarray(image)
    size = round(picture.width * scale), round(picture.height * scale)
    out = io.BytesIO()
    picture.resize(size).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out))


def held(*images: np.ndarray) -> HeldOut:
    return HeldOut(
        np.stack([digest(image.tobytes()) for image in images]),
        np.stack([look(image) for image in images]),
    )


def holds(kept: HeldOut, image: np.ndarray, data: bytes = b"other") -> bool:
    return bool(kept.holds(digest(data)[None], look(image)[None])[0])


@pytest.mark.parametrize(("scale", "quality"), [(1.0, 60), (0.5, 80), (0.3, 50), (2.0, 90)])
def test_a_copy_is_known_by_its_look(scale: float, quality: int) -> None:
    kept = held(scene(0), scene(1))
    copy = again(scene(1), scale, quality)
    assert holds(kept, copy)
    assert holds(kept, np.ascontiguousarray(copy[:, ::-1]))


def test_the_same_file_is_known_whatever_it_looks_like() -> None:
    image = scene(0)
    assert holds(held(image), scene(5), image.tobytes())


def test_other_photos_are_not_held_out() -> None:
    kept = held(*(scene(seed) for seed in range(20)))
    others = [scene(seed) for seed in range(20, 60)]
    assert not any(holds(kept, image) for image in others)


def test_nothing_is_held_out_of_nothing() -> None:
    empty = HeldOut(np.zeros((0, 32), np.uint8), np.zeros((0, 4), np.uint64))
    assert not holds(empty, scene(0))
    assert held(scene(0)).holds(np.zeros((0, 32), np.uint8), np.zeros((0, 4), np.uint64)).shape == (
        0,
    )
