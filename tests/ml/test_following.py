"""One dog through a clip, by stand-ins for the networks; the camera's motion, on moved pictures."""

import cv2
import numpy as np
import pytest

from ml.camera import motions
from ml.errors import NoSubject
from ml.following import follow, overlap, steady
from ml.subject import Subject
from ml.traits import Traits

BOX = (10.0, 10.0, 50.0, 40.0)


class Finder:
    """Finds the dog at a box that each frame's first pixel names; none where it is 0."""

    def find(self, frames):
        return [
            Subject((x, 10.0, x + 40, 40.0), 0.9) if (x := float(frame[0, 0, 0])) else NoSubject()
            for frame in frames
        ]


class Pose:
    def __init__(self, traits=None):
        self.traits, self.boxes = traits, []

    def describe(self, frames, boxes):
        self.boxes += boxes
        points = np.zeros((len(frames), 21, 3), np.float32)
        points[:, :, 0] = np.array(boxes)[:, :1]
        return points, [self.traits] * len(frames)


def frames(*places):
    found = [np.zeros((60, 120, 3), np.uint8) for _ in places]
    for frame, place in zip(found, places, strict=True):
        frame[0, 0, 0] = place
    return found


def test_frames_without_a_dog_are_passed_over():
    pose, told = Pose(Traits("sitting", "left")), []
    seen = follow(Finder(), pose, frames(10, 0, 12, 0), told.append)
    assert [one is None for one in seen] == [False, True, False, True]
    assert [one.posture for one in seen if one] == ["sitting", "sitting"]
    assert len(pose.boxes) == 2
    assert told == [4, 7]


def test_more_frames_than_a_batch_stay_in_order():
    seen = follow(Finder(), Pose(), frames(*range(1, 41)))
    assert [one.keypoints[0, 0] for one in seen][5:35] == list(range(6, 36))
    assert seen[0].posture is None


def test_nothing_to_follow():
    assert follow(Finder(), Pose(), frames(0, 0)) == [None, None]
    assert follow(Finder(), Pose(), []) == []


def test_a_box_that_jumps_for_one_frame_is_put_right():
    off = (22.0, 4.0, 62.0, 34.0)
    assert steady([BOX, BOX, off, BOX, BOX])[2] == BOX


def test_a_box_elsewhere_is_another_dogs():
    far = (300.0, 10.0, 340.0, 40.0)
    assert steady([BOX, far, None, BOX]) == [BOX, far, None, BOX]


def test_overlap():
    assert overlap(BOX, BOX) == 1
    assert overlap(BOX, (50.0, 10.0, 90.0, 40.0)) == 0
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)


def scenery(shift=(0.0, 0.0), turn=0.0, zoom=1.0):
    """Blots, seen by a camera that was moved."""
    random = np.random.default_rng(7)
    small = random.integers(40, 215, (30, 40, 3), np.uint8)
    picture = cv2.resize(small, (480, 360), interpolation=cv2.INTER_CUBIC)
    matrix = cv2.getRotationMatrix2D((240, 180), turn, zoom)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, (480, 360), borderMode=cv2.BORDER_REFLECT), matrix


@pytest.mark.parametrize(
    "moves",
    [{"shift": (9.0, -5.0)}, {"zoom": 1.03}, {"turn": 1.5, "shift": (-4.0, 3.0)}],
    ids=["pan", "zoom", "turn"],
)
def test_the_cameras_motion_is_told_by_the_background(moves):
    before, _ = scenery()
    after, matrix = scenery(**moves)
    # The dog goes its own way, over a quarter of the picture.
    rows, columns = slice(90, 270), slice(120, 360)
    before[rows, columns] = np.roll(before, 40, 1)[rows, columns]
    after[rows, columns] = np.roll(after, -40, 1)[rows, columns]
    [found] = motions([before, after], [(120.0, 90.0, 360.0, 270.0)] * 2)
    corners = np.array([[0, 0], [480, 0], [0, 360], [480, 360], [240, 180]], float)
    for corner in corners:
        meant = matrix[:, :2] @ corner + matrix[:, 2]
        assert np.linalg.norm(found[:, :2] @ corner + found[:, 2] - meant) < 2.5


def test_where_there_is_no_background_nothing_is_told():
    before, _ = scenery()
    whole = (0.0, 0.0, 480.0, 360.0)
    grey = np.full_like(before, 128)
    told = motions([before, before, grey, grey], [whole, None, None, None])
    assert told.shape == (3, 2, 3)
    assert np.isnan(told).all()
    assert motions([before], [None]).shape == (0, 2, 3)
    assert motions([], []).shape == (0, 2, 3)
