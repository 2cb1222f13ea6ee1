"""What a network is unsure of, on points and vectors made by hand."""

import numpy as np
import pytest

from ml.teaching import disagreement, doubt, teaches, varied


def points(scores: list[float], x: float = 0.0) -> np.ndarray:
    """One dog, its points in a row from x on."""
    return np.array([[[x + 10 * k, 5, score] for k, score in enumerate(scores)]])


def test_doubt_is_the_share_of_drawn_points_that_are_wrong():
    assert doubt([[1.0, 1.0], [0.9, 0.5], [0.3, 0.3]]) == pytest.approx([0, 0.3, 0.7])


def test_points_that_are_not_drawn_cast_no_doubt():
    assert doubt([[0.9, 0.9, 0.1], [0.9, 0.9, 0.29]]) == pytest.approx([0.1, 0.1])
    assert doubt([[0.1, 0.2, 0.29]]) == pytest.approx([1])


def test_disagreement_is_over_the_box_and_at_most_one():
    seen = points([1, 1])
    assert disagreement(seen, points([1, 1], x=5), np.array([100.0])) == pytest.approx([0.5])
    assert disagreement(seen, points([1, 1], x=5), np.array([200.0])) == pytest.approx([0.25])
    assert disagreement(seen, points([1, 1], x=80), np.array([100.0])) == pytest.approx([1])
    assert disagreement(seen, seen, np.array([100.0])) == pytest.approx([0])


def test_points_of_high_score_weigh_more():
    moved = points([0.9, 0.1])
    moved[0, 1, 0] += 50
    assert disagreement(points([0.9, 0.1]), moved, np.array([100.0])) == pytest.approx([0.1])
    assert disagreement(points([0, 0]), points([0, 0], 50), np.array([100.0])) == [0]


def test_both_signs_teach():
    sides = np.array([100.0])
    sure, unsure = points([0.9, 0.9]), points([0.5, 0.5])
    assert teaches(sure, sure, sides) == pytest.approx([0.05])
    assert teaches(unsure, unsure, sides) == pytest.approx([0.25])
    assert teaches(sure, points([0.9, 0.9], 20), sides) == pytest.approx([0.55])


def unit(*degrees: float) -> np.ndarray:
    turns = np.radians(degrees)
    return np.stack([np.cos(turns), np.sin(turns)], 1)


def test_without_likeness_the_order_is_that_of_worth():
    vectors = np.eye(4)
    assert varied(np.array([0.1, 0.9, 0.3, 0.6]), vectors, 4) == [1, 3, 2, 0]
    assert varied(np.array([0.1, 0.9, 0.3, 0.6]), vectors, 2) == [1, 3]


def test_what_looks_like_a_chosen_one_waits():
    worth = np.array([0.9, 0.8, 0.5])
    assert varied(worth, unit(0, 5, 90), 3) == [0, 2, 1]


def test_copies_come_last_and_each_once():
    worth = np.array([0.9, 0.9, 0.9, 0.01])
    order = varied(worth, unit(0, 0, 0, 60), 10)
    assert order[:2] == [0, 3]
    assert sorted(order) == [0, 1, 2, 3]
