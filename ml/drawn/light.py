"""Shadows on the ground and the last touches of a picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.drawn.camera import Camera
from ml.drawn.params import Light
from ml.drawn.pixels import blurred, resized
from ml.drawn.shade import tints
from ml.drawn.solid import Solid

COARSE = 4
"""Shadows are soft, so they are drawn this much smaller."""


def ground_shadow(
    canvas: NDArray[np.uint8], solid: Solid, camera: Camera, light: Light
) -> NDArray[np.uint8]:
    """`canvas` (H, W, 3) darkened where the dog keeps light from the ground."""
    height, width = canvas.shape[0] // COARSE + 1, canvas.shape[1] // COARSE + 1
    lean = 0.55 * np.sin(np.radians(light.direction))
    # Away from the light: sidewards in the picture, and a little away from the camera.
    back = -camera.toward * np.array([1.0, 1.0, 0.0])
    back /= np.linalg.norm(back) + 1e-9
    away = -lean * camera.right + 0.18 * back
    flat = float(np.clip(camera.toward[2], 0.14, 1.0))
    cast, touch = (np.zeros((height, width), np.uint8) for _ in range(2))
    for layer, picked, reach in (
        (cast, slice(0, None, 3), 1.0),
        (touch, solid.centre[:, 2] < 1.9 * solid.radius, 0.0),
    ):
        centre, radius = solid.centre[picked], solid.radius[picked]
        foot = centre * [1.0, 1.0, 0.0] + reach * centre[:, 2:3] * away
        at, _, zoom = camera.view(foot)
        for (x, y), r in zip(at / COARSE, radius * zoom / COARSE, strict=True):
            if -500 < x < width + 500 and -500 < y < height + 500:
                axes = (max(1, round(r)), max(1, round(r * flat * 1.2)))
                cv2.ellipse(layer, (round(x), round(y)), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    unit = camera.scale / COARSE
    dark = np.float32(0.40) * blurred(cast.astype(np.float32) / np.float32(255), 0.045 * unit + 0.3)
    close = blurred(touch.astype(np.float32) / np.float32(255), 0.018 * unit + 0.3)
    dark = np.float32(0.5 + 0.5 * light.strength) * dark + np.float32(0.45) * close
    dark = resized(np.minimum(dark, np.float32(0.8)), (canvas.shape[1], canvas.shape[0]))
    shade = tints(light)[1] * np.float32(0.55)
    return (canvas * (1 - dark[..., None] * (1 - shade)) + np.float32(0.5)).astype(np.uint8)


def finish(image: NDArray[np.uint8], light: Light, seed: int) -> NDArray[np.uint8]:
    """Warmth, vignette and grain over the whole picture (H, W, 3)."""
    height, width = image.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    side = np.float32(0.05 * np.sin(np.radians(light.direction)))
    glow = 1.0 + side * x - 0.03 * y - np.float32(light.vignette) * (x * x + y * y) ** 1.5 / 2.8
    tone = np.array([1 + 0.03 * light.warmth, 1.0, 1 - 0.04 * light.warmth], np.float32)
    out = image * (glow[..., None] * tone)
    if light.grain > 0:
        random = np.random.default_rng(seed)
        grain = random.standard_normal((height // 2 + 1, width // 2 + 1), np.float32)
        grain = resized(grain, (width, height))
        out += np.float32(255 * light.grain) * grain[..., None]
    return np.clip(out + np.float32(0.5), 0, 255).astype(np.uint8)
