"""Whether the order of `rank-unlabelled` follows true errors, on dogs whose errors are made up."""

from pathlib import Path

import numpy as np
import pytest

from ml.commands.unlabelled import Looks
from ml.errors import DataError
from ml.evaluation.keypoints import Labels
from ml.evaluation.teaching import measure
from ml.skeleton import SIGMAS

DOGS = 12


def labels() -> Labels:
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.uniform(10, 90, (DOGS, 21, 2)), np.full((DOGS, 21, 1), 2.0)], -1)
    boxes = np.tile([0.0, 0.0, 100.0, 80.0], (DOGS, 1))
    return Labels(
        files=[Path(f"{number}.jpg") for number in range(DOGS)],
        boxes=boxes,
        areas=boxes[:, 2] * boxes[:, 3],
        points=points,
        known=np.ones(21, bool),
        sigmas=np.array(SIGMAS),
        postures=[None] * DOGS,
        views=[None] * DOGS,
    )


def looks(truth: Labels, scores: np.ndarray) -> Looks:
    """Dog k is seen 2k pixels beside its place, with the given score in both mirror images."""
    found = truth.points.copy()
    found[..., 0] += 2 * np.arange(DOGS)[:, None]
    found[..., 2] = scores[:, None]
    files = [str(number) for number in range(DOGS)]
    return Looks(files, found, found, truth.boxes, np.eye(DOGS))


def test_doubt_that_grows_with_the_error_is_told():
    truth = labels()
    figures = measure(truth, looks(truth, np.linspace(0.95, 0.4, DOGS)))
    assert figures["n"] == DOGS
    assert figures["rho"] == figures["rho_doubt"] == figures["rho_labelled"] == pytest.approx(1)
    assert figures["rho_disagreement"] is None  # the same for all
    # Dogs 8 to 11 are more than a tenth of the box off, 0 to 3 are not.
    assert (figures["wrong_first"], figures["wrong_last"]) == (1, 0)
    turned = measure(truth, looks(truth, np.linspace(0.4, 0.95, DOGS)))
    assert turned["rho"] == pytest.approx(-1)
    assert (turned["wrong_first"], turned["wrong_last"]) == (0, 1)


def test_hidden_points_count_apart():
    truth = labels()
    truth.points[:, :15, 2] = 1
    seen = looks(truth, np.linspace(0.95, 0.4, DOGS))
    seen.points[:, :15, 0] += np.linspace(45, 0, DOGS)[:, None]
    figures = measure(truth, seen)
    assert (figures["rho"], figures["rho_labelled"]) == (pytest.approx(1), pytest.approx(-1))


def test_few_dogs_say_nothing():
    truth = labels()
    truth.points[2:, :, 2] = 0
    with pytest.raises(DataError, match="at least 10"):
        measure(truth, looks(truth, np.linspace(0.9, 0.5, DOGS)))
