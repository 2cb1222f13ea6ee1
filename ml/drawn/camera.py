"""A camera with mild perspective, fitted to the part of the dog that a scene shows."""

from dataclasses import dataclass, replace

import numpy as np

from ml.drawn.solid import Array

DISTANCE = 7.0
"""From the camera to the world's origin in body units: a portrait lens, not a wide one."""


@dataclass(frozen=True)
class Camera:
    """World to picture. `right`, `up` and `toward` are the picture's axes in the world (3,)."""

    right: Array
    up: Array
    toward: Array
    scale: float
    """Pixels per body unit at the origin."""
    shift: Array
    """Pixel of the origin (2,)."""

    def view(self, points: Array) -> tuple[Array, Array, Array]:
        """Of points (n, 3): pixels (n, 2), depth towards the camera (n,), pixels per unit (n,)."""
        depth = points @ self.toward
        zoom = self.scale / (1.0 - depth / DISTANCE)
        flat = np.stack([points @ self.right, -(points @ self.up)], axis=-1)
        return self.shift + flat * zoom[..., None], depth, zoom

    def turn(self, vectors: Array) -> Array:
        """Directions (n, 3) in picture axes: x right, y down, z to the camera."""
        return np.stack([vectors @ self.right, -(vectors @ self.up), vectors @ self.toward], -1)

    def zoomed(self, factor: float) -> "Camera":
        """The camera of the same picture at another size."""
        return replace(self, scale=self.scale * factor, shift=self.shift * factor)


def looking(azimuth: float, elevation: float, scale: float = 1.0) -> Camera:
    """A camera at `azimuth` from the dog's nose to its left, `elevation` above it, degrees."""
    a, e = np.radians([azimuth, elevation])
    toward = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return Camera(right, np.cross(toward, right), toward, scale, np.zeros(2))


def fitted(
    camera: Camera,
    centres: Array,
    radii: Array,
    size: tuple[int, int],
    fill: float,
    offset: tuple[float, float],
) -> Camera:
    """The same camera, moved so that these balls take `fill` of a picture (width, height)."""
    at, _, zoom = camera.view(centres)
    reach = (radii * zoom)[:, None]
    low, high = (at - reach).min(axis=0), (at + reach).max(axis=0)
    frame = np.array(size, float)
    scale = float((fill * frame / (high - low)).min()) * camera.scale
    middle = 0.5 * (low + high) * scale / camera.scale
    shift = frame * (0.5 + np.array(offset)) - middle
    return Camera(camera.right, camera.up, camera.toward, scale, shift)
