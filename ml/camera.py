"""How the camera itself moved between the frames of a clip, told by what lies behind the dog."""

from collections.abc import Sequence

import cv2
import numpy as np

from ml.subject import Box

# Pixels of the longer side at which the background is followed.
_SIDE = 320
# Of the box's size at each side: hair and shadow move with the dog.
_MARGIN = 0.08
_MOST_POINTS = 160
# Of the strongest corner: a wall out of focus has weak ones, and few are better than none.
_WEAKEST = 0.004
# Where fewer agree, or they lie on one spot, nobody knows how the camera moved.
_LEAST_POINTS, _LEAST_SHARE, _LEAST_SPREAD = 12, 0.5, 0.12
# In pixels: how far a point may be off after it was followed there and back, and off the others.
_BACK, _TOGETHER = 1.0, 1.5


def motions(frames: Sequence[np.ndarray], boxes: Sequence[Box | None]) -> np.ndarray:
    """(T - 1, 2, 3) float64: the similarity transform (turn, scale, shift) that takes a still point
    of frame t to its place in frame t + 1, in pixels; NaN where it cannot be told.

    Frames are (H, W, 3) uint8 RGB of one size, `boxes` x0, y0, x1, y1 in pixels where a dog is,
    which is left out. Corners (Shi and Tomasi, CVPR 1994) are followed there and back by pyramidal
    Lucas-Kanade (Bouguet, 2001), and the transform that most of them agree on is kept (RANSAC,
    Fischler and Bolles, 1981).
    """
    found = np.full((max(len(frames) - 1, 0), 2, 3), np.nan)
    if not frames:
        return found
    scale = min(1.0, _SIDE / max(frames[0].shape[:2]))
    grey = [_grey(frame, scale) for frame in frames]
    for t in range(len(frames) - 1):
        matrix = _motion(grey[t], grey[t + 1], boxes[t], scale)
        if matrix is not None:
            matrix[:, 2] /= scale
            found[t] = matrix
    return found


def _grey(frame: np.ndarray, scale: float) -> np.ndarray:
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def _motion(
    before: np.ndarray, after: np.ndarray, box: Box | None, scale: float
) -> np.ndarray | None:
    background = np.full(before.shape, 255, np.uint8)
    if box is not None:
        x0, y0, x1, y1 = (scale * side for side in box)
        wide, high = _MARGIN * (x1 - x0), _MARGIN * (y1 - y0)
        left, top = max(0, int(x0 - wide)), max(0, int(y0 - high))
        background[top : int(y1 + high) + 1, left : int(x1 + wide) + 1] = 0
    corners = cv2.goodFeaturesToTrack(before, _MOST_POINTS, _WEAKEST, 6, mask=background)
    if corners is None or len(corners) < _LEAST_POINTS:
        return None
    there, seen, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, corners.copy(), maxLevel=4)
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, corners.copy(), maxLevel=4)
    off = np.linalg.norm(back - corners, axis=-1).ravel()
    good = (seen.ravel() == 1) & (again.ravel() == 1) & (off < _BACK)
    if good.sum() < _LEAST_POINTS:
        return None
    matrix, same = cv2.estimateAffinePartial2D(
        corners[good], there[good], method=cv2.RANSAC, ransacReprojThreshold=_TOGETHER
    )
    if matrix is None:
        return None
    agreed = corners[good][same.ravel() == 1].reshape(-1, 2)
    spread = agreed.std(axis=0).max() / max(before.shape) if len(agreed) else 0.0
    enough = len(agreed) >= _LEAST_POINTS and len(agreed) >= _LEAST_SHARE * good.sum()
    return np.asarray(matrix) if enough and spread >= _LEAST_SPREAD else None
