"""Which photos a run learns from and is measured on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from ml.errors import DataError
from ml.training.crops import CropCache
from ml.training.data import Sample, Source
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.photos import bursts_of, gather

Configured = Callable[..., EmbedderConfig]
TABLES = {
    "ranking": 1.0,
    "rankings": "rankings.csv",
    "attribute": 1.0,
    "attributes": "attributes.csv",
    "validation_triplets": "triplets.csv",
    "validation_images": "dogs",
}


def cut(samples: Sequence[Sample]) -> CropCache:
    """The crop of photo n is filled with n; photo 35 shows no dog."""
    numbers = [int(sample.path.stem) for sample in samples]
    pixels = np.array(numbers, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    return CropCache(pixels, np.array([number != 35 for number in numbers]))


def numbers(pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return pixels[rows, 0, 0, 0].astype(int)


def test_no_photo_of_the_validation_is_learnt_from(root: Path, small: Configured) -> None:
    training, validation = gather(small(**TABLES), root, cut)
    measured = set(numbers(validation.pixels, np.flatnonzero(validation.labels >= 0)))
    measured |= set(numbers(validation.pixels, validation.triplets).ravel())
    learnt = [training.drawn(0, 0), training.rankings.ravel(), training.described]
    for rows in learnt:
        assert len(rows)
        assert measured.isdisjoint(numbers(training.pixels, rows))


def test_tables_point_at_the_right_crops(root: Path, small: Configured) -> None:
    training, validation = gather(small(**TABLES), root, cut)
    for anchor, nearer, farther in numbers(training.pixels, training.rankings):
        assert (nearer, farther) == ((anchor + 3) % 36, (anchor + 1) % 36)
    assert training.classes == {"colour": ("bright", "dark", "red"), "coat": ("long", "short")}
    for row, (colour, coat) in zip(training.described, training.targets, strict=True):
        number = int(numbers(training.pixels, row))
        assert training.classes["colour"][colour] == ("dark", "red", "bright")[number % 3]
        assert coat == (-1 if number % 2 else 0 if number == 0 else 1)
    assert numbers(validation.pixels, validation.triplets).tolist() == [
        [n, n + 3, n + 1] for n in range(3)
    ]
    assert validation.choices == ["a"] * 3


def test_labels_are_one_for_each_folder(root: Path, small: Configured) -> None:
    training, validation = gather(small(), root, cut)
    for pixels, labels in (
        (training.pixels, training.labels),
        (validation.pixels, validation.labels),
    ):
        rows = np.flatnonzero(labels >= 0)
        shades = numbers(pixels, rows) % 3
        assert len(set(zip(shades.tolist(), labels[rows].tolist(), strict=True))) == 3
    assert 35 not in numbers(training.pixels, training.drawn(0, 0))
    assert np.array_equal(training.drawn(0, 1), training.drawn(0, 1))
    assert not np.array_equal(training.drawn(0, 0), training.drawn(0, 1))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"batch": 64}, "too few photos"),
        ({"sources": (Source("dogs", kind="dog"),)}, "too few photos"),
        ({"ranking": 1.0, "rankings": "elsewhere.csv"}, "None of the photos in 'rankings'"),
        ({"ranking": 1.0, "rankings": "none.csv"}, "cannot be read"),
        ({"attribute": 1.0, "attributes": "rankings.csv"}, "no column file"),
        ({"attribute": 1.0, "attributes": "plain.csv"}, "no attribute with two values"),
        ({"supervised": 1.0, "sources": (Source("lone", labelled=True),)}, "No label has two"),
        ({"ranking": 1.0, "rankings": "words.csv"}, "a weight is no number"),
    ],
)
def test_what_cannot_be_used_is_told(
    root: Path, small: Configured, changes: dict[str, object], told: str
) -> None:
    header = "anchor,nearer,farther,weight\n"
    (root / "elsewhere.csv").write_text(header + "dogs/x/35.png,dogs/x/35.png,dogs/x/35.png,1\n")
    (root / "words.csv").write_text(header + "a,b,c,much\n")
    (root / "plain.csv").write_text("file,coat\ndogs/shade-0/0.png,short\n")
    for number in range(1, 30):
        folder = root / "lone" / f"dog-{number}"
        folder.mkdir(parents=True)
        (folder / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataError, match=told):
        gather(small(**changes), root, cut)


def test_shots_of_one_moment_are_a_burst() -> None:
    chance = np.random.default_rng(0)
    scene, other = chance.integers(0, 255, (2, 64, 64, 3), np.uint8)
    brighter = np.clip(scene.astype(int) + 20, 0, 255).astype(np.uint8)
    pixels = np.stack([scene, other, brighter, scene])
    one, two, same, another_dog = bursts_of(pixels, np.array([0, 0, 0, 1]))
    assert one == same
    assert len({one, two, another_dog}) == 3
    assert bursts_of(pixels, np.full(4, -1)).tolist() == [0, 1, 2, 3]
