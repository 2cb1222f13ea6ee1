"""What several teachers say together."""

import numpy as np
import pytest

from ml.errors import DataError
from ml.training.embedder.ensemble import Teacher, together


def test_inner_products_are_those_of_the_teachers_averaged() -> None:
    chance = np.random.default_rng(0)
    parts = [chance.normal(size=(40, 6)) * 5 + 3, chance.normal(size=(40, 4))]
    found = together(parts, 10)
    apart = []
    for part in parts:
        part = part - part.mean(0)
        apart.append(part / np.linalg.norm(part, axis=1, keepdims=True))
    rows = np.concatenate(apart, 1)
    rows = rows - rows.mean(0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert found.shape == (40, 10)
    assert found @ found.T == pytest.approx(rows @ rows.T, abs=1e-5)


def test_fewer_dimensions_keep_the_largest_directions() -> None:
    chance = np.random.default_rng(1)
    seen = chance.normal(size=(200, 8)) * np.array([9, 8, 7, 0.1, 0.1, 0.1, 0.1, 0.1])
    whole, three = together([seen], 8), together([seen], 3)
    assert np.abs(whole @ whole.T - three @ three.T).max() < 0.1


def test_too_few_features_are_refused() -> None:
    with pytest.raises(DataError, match="only 4 features together"):
        together([np.eye(4)], 5)


def test_a_teacher_is_three_words() -> None:
    assert Teacher.of("test_vit,32,w.safetensors") == Teacher("test_vit", 32, "w.safetensors")
    with pytest.raises(DataError, match="ARCHITECTURE,SIZE,FILE"):
        Teacher.of("test_vit")
