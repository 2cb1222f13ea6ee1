import numpy as np
import pytest

from ml.evaluation.measures import iou, retrieval, triplet_accuracy


def at_angles(*degrees: float) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], 1)


def test_retrieval_by_hand() -> None:
    """From 0: b at 10, a at 20. From 20: b at 10, a at 0. The single c and b query nothing."""
    got = retrieval(at_angles(0, 10, 20, 90), ["a", "b", "a", "c"])
    assert got == {"n": 2, "r1": 0, "r5": 1, "r10": 1, "map": 0.5}


def test_map_of_several_relevant() -> None:
    """Ranking of the first: a, b, a. Precision 1/1 and 2/3."""
    got = retrieval(at_angles(0, 10, 20, 30), ["a", "a", "b", "a"])
    assert got["n"] == 3
    # Rows 0 and 1 see their own at places 1 and 3; row 3 sees b, a, a.
    assert got["map"] == pytest.approx(((1 + 2 / 3) / 2 * 2 + (1 / 2 + 2 / 3) / 2) / 3)
    assert got["r1"] == pytest.approx(2 / 3)


def test_a_burst_does_not_answer_itself() -> None:
    vectors, labels = at_angles(0, 1, 40, 20), ["a", "a", "a", "b"]
    assert retrieval(vectors, labels)["r1"] == pytest.approx(2 / 3)
    assert retrieval(vectors, labels, ["x", "x", "y", "z"])["r1"] == 0


def test_no_query() -> None:
    assert retrieval(at_angles(0, 90), ["a", "b"])["n"] == 0


def test_triplets() -> None:
    to_a, to_b = np.array([0.9, 0.2, 0.5]), np.array([0.1, 0.8, 0.5])
    assert triplet_accuracy(to_a, to_b, ["a", "b", "a"]) == pytest.approx(2.5 / 3)
    assert triplet_accuracy(to_a, to_b, ["b", "a", "b"]) == pytest.approx(0.5 / 3)


def test_iou() -> None:
    a = np.array([[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 4, 4]], float)
    b = np.array([[1, 0, 3, 2], [2, 2, 3, 3], [0, 0, 4, 4]], float)
    assert iou(a, b) == pytest.approx([1 / 3, 0, 1])
