"""The ancestor's own way, as far as its answer goes."""

import numpy as np

from benchmarks.ancestor import ancestor, nearest
from ml.images import encode


def test_the_nearest_are_sorted_by_cosine_whatever_their_lengths() -> None:
    vectors = np.array([[0.0, 1.0], [5.0, 5.0], [0.1, 0.0], [-1.0, 0.0]])
    assert nearest(vectors, np.array([2.0, 0.0])).tolist() == [2, 1, 0, 3]


def test_a_request_describes_every_stored_photo() -> None:
    random = np.random.default_rng(1)
    stored = [encode(random.integers(0, 255, (80, 90, 3), np.uint8), max_side=90) for _ in range(3)]
    order = ancestor(stored, keypoints=False)().tolist()
    assert sorted(order) == [0, 1, 2]
    assert order[0] == 0  # it asks for the first of them
