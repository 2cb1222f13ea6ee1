"""The keypoint weights that ship, on drawn dogs whose points are known exactly."""

import numpy as np
import pytest

from ml.drawn.dataset import example_scenes
from ml.drawn.render import Drawing, render
from ml.pose import PoseEstimator
from ml.skeleton import FLIP, INDEX
from ml.spec import load_spec

FACE = ["left_eye", "right_eye", "nose"]


@pytest.fixture(scope="module")
def drawings() -> list[Drawing]:
    return [render(dog, scene, (256, 320)) for dog, scene in list(example_scenes())[:3]]


@pytest.fixture(scope="module")
def estimator() -> PoseEstimator:
    return PoseEstimator.load(load_spec(), device="cpu", threads=1)


def test_eyes_and_noses_are_found_and_told_from_what_is_not_there(drawings, estimator):
    found = estimator.estimate([d.image for d in drawings], [d.box for d in drawings])
    places = [INDEX[name] for name in FACE]
    for points, drawing in zip(found, drawings, strict=True):
        side = max(drawing.box[2] - drawing.box[0], drawing.box[3] - drawing.box[1])
        off = np.linalg.norm(points[places, :2] - drawing.keypoints[places, :2], axis=1)
        assert (off < 0.1 * side).all()
        assert (points[places, 2] > 0.3).all()
        outside = drawing.keypoints[:, 2] == 0
        assert outside.any()
        assert points[outside, 2].mean() < 0.3


def test_a_mirrored_photo_gives_mirrored_points(drawings, estimator):
    left, right = np.array(FLIP).T
    compared = 0
    for drawing in drawings:
        width = drawing.image.shape[1]
        x0, y0, x1, y1 = drawing.box
        mirrored = np.ascontiguousarray(drawing.image[:, ::-1])
        plain, turned = estimator.estimate(
            [drawing.image, mirrored], [drawing.box, (width - x1, y0, width - x0, y1)]
        )
        turned[np.r_[left, right]] = turned[np.r_[right, left]]
        turned[:, 0] = width - 1 - turned[:, 0]
        sure = (plain[:, 2] > 0.5) & (turned[:, 2] > 0.5)
        compared += int(sure.sum())
        off = np.linalg.norm(plain[sure, :2] - turned[sure, :2], axis=1)
        assert (off < 0.06 * max(x1 - x0, y1 - y0)).all()
    assert compared >= 9


def test_openvino_agrees_with_torch(drawings, estimator):
    slow = PoseEstimator.load(load_spec(), device="torch-cpu")
    images, boxes = [d.image for d in drawings], [d.box for d in drawings]
    one, other = estimator.estimate(images, boxes), slow.estimate(images, boxes)
    assert np.abs(one[..., 2] - other[..., 2]).max() < 0.08
    sure = one[..., 2] > 0.5
    assert np.abs(one[sure][:, :2] - other[sure][:, :2]).max() < 4
