"""Heatmaps to points, as MMPose's MSRAHeatmap codec does with `unbiased=True`, without torch."""

import cv2
import numpy as np

_BLUR = 11  # goes with Gaussians of sigma 2
_FAR = 2.0  # cells; a peak is never that far from the highest cell


def decode(heatmaps: np.ndarray) -> np.ndarray:
    """(n, K, h, w) to (n, K, 3) float32: x and y of the peak in cells, and its height.

    The highest cell is moved by the Newton step on the logarithm of the smoothed map (DARK: Zhang
    et al., Distribution-Aware Coordinate Representation, CVPR 2020). Within two cells of the edge,
    and on maps without a proper peak, the cell itself is the answer.
    """
    count, points, height, width = heatmaps.shape
    flat = heatmaps.reshape(count * points, height, width).astype(np.float32)
    if len(flat) == 0:
        return np.zeros((count, points, 3), np.float32)
    rows = np.arange(len(flat))
    y, x = np.divmod(flat.reshape(len(flat), -1).argmax(1), width)
    peaks = flat[rows, y, x]
    # One channel per map, smoothed at once; beyond the edge there is nothing.
    smooth = np.stack(
        [cv2.GaussianBlur(m, (_BLUR, _BLUR), 0, borderType=cv2.BORDER_CONSTANT) for m in flat]
    )
    log = np.log(np.maximum(smooth, 1e-10))
    inner = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    column, line = np.where(inner, x, 2), np.where(inner, y, 2)

    def at(dx: int, dy: int) -> np.ndarray:
        return log[rows, line + dy, column + dx]

    first = 0.5 * np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], -1)
    xx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    yy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    xy = 0.25 * (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1))
    determinant = xx * yy - xy**2
    proper = inner & (np.abs(determinant) > 1e-12)
    divisor = np.where(proper, determinant, 1)
    step = (
        -np.stack([yy * first[:, 0] - xy * first[:, 1], xx * first[:, 1] - xy * first[:, 0]], -1)
        / divisor[:, None]
    )
    proper &= (np.abs(step) < _FAR).all(-1)
    places = np.stack([x, y], -1) + np.where(proper[:, None], step, 0)
    found = np.concatenate([places, peaks[:, None]], -1)
    return found.reshape(count, points, 3).astype(np.float32)
