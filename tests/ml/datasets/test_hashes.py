import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from ml.datasets.hashes import equal_groups, groups_of, near_pairs, picture_hashes
from tests.ml.datasets.pictures import picture


def hashes(*pictures: Image.Image) -> np.ndarray:
    return np.array([picture_hashes(np.asarray(p.convert("RGB"))) for p in pictures], np.uint64)


def pairs(*pictures: Image.Image) -> list[list[int]]:
    found = near_pairs(hashes(*pictures), np.full(len(pictures), 50.0))
    return [[one, other, mirrored] for one, other, _, mirrored in found.tolist()]


def compressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file)


def test_copies_look_the_same() -> None:
    one = picture(1, 320, 240)
    copies = [
        compressed(one),
        one.resize((100, 75), Image.Resampling.LANCZOS),
        one.convert("L"),
        ImageEnhance.Brightness(one).enhance(0.8),
    ]
    for copy in copies:
        assert pairs(one, copy) == [[0, 1, 0]]
        assert pairs(one, ImageOps.mirror(copy)) == [[0, 1, 1]]


def test_different_pictures_do_not() -> None:
    assert pairs(*(picture(seed) for seed in range(60))) == []
    assert pairs(picture(1), ImageOps.flip(picture(1))) == []


def test_the_mirror_image_has_the_other_hashes() -> None:
    ((p, mirrored_p, d, mirrored_d),) = hashes(picture(3)).tolist()
    assert hashes(ImageOps.mirror(picture(3))).tolist() == [[mirrored_p, p, mirrored_d, d]]


def test_a_ramp_has_known_bits() -> None:
    """Falling from left to right, each cell is lighter than its right neighbour."""
    ramp = np.repeat(np.linspace(255, 0, 90).astype(np.uint8)[None, :, None], 60, 0).repeat(3, 2)
    _, _, d, mirrored_d = picture_hashes(ramp)
    assert d == 2**64 - 1
    assert mirrored_d == 0


@pytest.mark.parametrize("most", [0, 6, 10])
def test_pairs_are_those_of_a_slow_search(most: int) -> None:
    """Over several blocks, with copies planted up to 12 bits away, some of them mirror images."""
    chance = np.random.default_rng(0)
    found = chance.integers(0, 2**63, (1200, 4), dtype=np.uint64)
    for row in range(0, 300, 2):
        column = row % 4
        copy = found[row] if column else found[row][[1, 0, 3, 2]]
        flips = [
            sum(1 << int(bit) for bit in chance.choice(64, row % 13, replace=False))
            for _ in range(4)
        ]
        found[600 + row] = copy ^ np.array(flips, np.uint64)
    contrast = np.full(1200, 50.0)
    contrast[600] = 0.0
    slow = []
    for one, other in itertools.combinations(range(1200), 2):
        if contrast[one] and contrast[other]:
            bits = [
                max(
                    (int(found[one, 0]) ^ int(found[other, m])).bit_count(),
                    (int(found[one, 2]) ^ int(found[other, 2 + m])).bit_count(),
                )
                for m in (0, 1)
            ]
            if min(bits) <= most:
                slow.append([one, other, min(bits), int(bits[1] < bits[0])])
    assert near_pairs(found, contrast, most).tolist() == slow
    assert len(slow) >= 10


def test_flat_pictures_have_no_copies() -> None:
    white = np.array([picture_hashes(np.full((50, 60, 3), 255, np.uint8))] * 3, np.uint64)
    assert len(near_pairs(white, np.zeros(3))) == 0
    assert len(near_pairs(np.zeros((0, 4), np.uint64), np.zeros(0))) == 0


def test_a_symmetric_picture_and_its_copy_are_one_pair() -> None:
    same = np.array([[7, 7, 9, 9]] * 2, np.uint64)
    assert near_pairs(same, np.full(2, 50.0)).tolist() == [[0, 1, 0, 0]]


def test_groups() -> None:
    joined = np.array([[1, 5, 0, 0], [5, 7, 3, 0], [0, 2, 0, 1]])
    assert groups_of(joined, 9) == [[0, 2], [1, 5, 7]]
    assert groups_of(np.zeros((0, 4), int), 3) == []
    assert equal_groups(["a", "", "b", "a", "", "c", "b"]) == [[0, 3], [2, 6]]
