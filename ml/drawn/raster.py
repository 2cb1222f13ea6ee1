"""Which ball is seen at each pixel, how near, and how the surface lies there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from ml.drawn.camera import Camera
from ml.drawn.solid import Solid

NOTHING = -1


@dataclass(frozen=True)
class Surface:
    """What the camera sees of a solid in a picture (height, width).

    `ball` is the index of the ball seen, −1 where there is none; `depth` in body units towards the
    camera; `box` (x0, y0, x1, y1) whole pixels around all that is seen.
    """

    ball: NDArray[np.int16]
    depth: NDArray[np.float32]
    box: tuple[int, int, int, int]

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.ball != NOTHING


def surface_of(solid: Solid, camera: Camera, width: int, height: int) -> Surface:
    """Draw all balls into a depth buffer."""
    at, depth, zoom = camera.view(solid.centre)
    reach = solid.radius * zoom
    buffer = np.full((height, width), -np.inf, np.float32)
    ball = np.full((height, width), NOTHING, np.int16)
    for index in np.argsort(-depth):
        x, y, r = float(at[index, 0]), float(at[index, 1]), float(reach[index])
        x0, x1 = max(0, int(x - r)), min(width, int(x + r) + 2)
        y0, y1 = max(0, int(y - r)), min(height, int(y + r) + 2)
        if x0 >= x1 or y0 >= y1:
            continue
        dx = np.arange(x0, x1, dtype=np.float32) - np.float32(x)
        dy = np.arange(y0, y1, dtype=np.float32) - np.float32(y)
        rest = (r * r - dy * dy)[:, None] - (dx * dx)[None, :]
        near = np.sqrt(np.maximum(rest, 0.0))
        near *= np.float32(1.0 / zoom[index])
        near += np.float32(depth[index])
        view = buffer[y0:y1, x0:x1]
        wins = (rest > 0) & (near > view)
        np.copyto(view, near, where=wins)
        np.copyto(ball[y0:y1, x0:x1], np.int16(index), where=wins)
    seen_y, seen_x = (
        np.flatnonzero((ball >= 0).any(axis=1)),
        np.flatnonzero((ball >= 0).any(axis=0)),
    )
    if not len(seen_x):
        return Surface(ball, buffer, (0, 0, 0, 0))
    box = (int(seen_x[0]), int(seen_y[0]), int(seen_x[-1]) + 1, int(seen_y[-1]) + 1)
    return Surface(ball, buffer, box)


def smoothed_normals(
    normals: NDArray[np.float32],
    depth: NDArray[np.float32],
    mask: NDArray[np.bool_],
    cell: float,
    layer: float,
    sigma: float = 1.2,
) -> NDArray[np.float32]:
    """Normals (h, w, 3) blurred along the surface but not across steps in depth.

    A bilateral grid (Chen, Paris, Durand, SIGGRAPH 2007) of cells of `cell` pixels and `layer`
    body units.
    """
    rows, cols = np.nonzero(mask)
    z = depth[rows, cols]
    place = np.stack([rows / cell, cols / cell, (z - z.min()) / layer]) + 1.0
    shape = tuple(int(m) + 3 for m in place.max(axis=1))
    flat = np.ravel_multi_index(tuple(np.rint(place).astype(int)), shape)
    total = int(np.prod(shape))
    picked = normals[rows, cols]
    out = np.zeros_like(normals)
    for axis in range(3):
        grid = np.bincount(flat, weights=picked[:, axis], minlength=total).reshape(shape)
        grid = gaussian_filter(grid.astype(np.float32), sigma)
        out[rows, cols, axis] = map_coordinates(grid, place, order=1)
    out /= np.linalg.norm(out, axis=2, keepdims=True) + np.float32(1e-6)
    return out
