import numpy as np
import pytest

from ml.errors import DataError
from ml.evaluation.likeness import pair_cosines, scale_of
from ml.spec import Likeness


def test_scale_rises_and_tells_random_from_same() -> None:
    chance = np.random.default_rng(0)
    random, same = chance.normal(0.3, 0.1, 100_000), chance.normal(0.8, 0.05, 2000)
    found = scale_of(random, same)
    likeness = Likeness(
        found["none_below"], found["strong_from"], tuple(map(tuple, found["scale"]))
    )  # type: ignore[arg-type]
    scores = [likeness.score(x) for x in np.linspace(-1, 1, 400)]
    assert scores == sorted(scores)
    assert scores[0] == 0
    assert scores[-1] == 100
    assert likeness.score(0.3) == pytest.approx(20, abs=1)
    assert likeness.score(0.8) > 75
    assert likeness.none_below == pytest.approx(0.428, abs=0.01)
    assert likeness.strong_from == pytest.approx(0.609, abs=0.02)


def test_scale_holds_where_same_and_random_overlap() -> None:
    chance = np.random.default_rng(0)
    found = scale_of(chance.normal(0.5, 0.1, 5000), chance.normal(0.5, 0.1, 500))
    cosines = [point[0] for point in found["scale"]]  # type: ignore[attr-defined]
    assert cosines == sorted(set(cosines))


def test_pairs_and_near_duplicates() -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(60, 8))
    vectors[1] = vectors[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.array([f"dog-{n // 3}" for n in range(60)])
    random, same = pair_cosines(vectors, labels)
    assert len(same) == 20 * 3 - 1  # the copy is no other photo
    assert len(random) == 60 * 59 // 2 - 60
    with pytest.raises(DataError):
        pair_cosines(vectors[:10], labels[:10])
