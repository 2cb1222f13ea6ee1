"""A canvas for surroundings, in lengths that do not depend on the picture's size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.drawn.params import Colour
from ml.drawn.pixels import blurred

SHIFT = 4
"""Fraction bits of the coordinates given to OpenCV."""


class Backdrop:
    """A canvas whose lengths are shares of the picture's height; y = 0 is the horizon, up is −."""

    def __init__(self, size: tuple[int, int], horizon: float, seed: int) -> None:
        self.width, self.height = size
        self.horizon = horizon
        self.unit = float(size[1])
        self.random = np.random.default_rng(seed)
        self.spot = (0.0, 0.22, 0.34)
        """Where the dog is: x, y and half its length."""
        self.canvas: NDArray[np.uint8] = np.zeros((size[1], size[0], 3), np.uint8)

    @property
    def left(self) -> float:
        return -0.5 * self.width / self.unit

    @property
    def right(self) -> float:
        return -self.left

    def pixels(self, points: list[tuple[float, float]] | NDArray[np.float64]) -> NDArray[np.int32]:
        at = np.asarray(points, float) * self.unit + [0.5 * self.width, self.horizon]
        return np.rint(at * (1 << SHIFT)).astype(np.int32)

    def polygon(
        self,
        points: list[tuple[float, float]] | NDArray[np.float64],
        colour: Colour,
        alpha: float = 1.0,
    ) -> None:
        ink = [255 * c for c in colour]
        if alpha >= 1:
            cv2.fillPoly(self.canvas, [self.pixels(points)], ink, cv2.LINE_AA, SHIFT)
        else:
            at = self.pixels(points)
            low = np.clip((at.min(axis=0) >> SHIFT) - 1, 0, [self.width, self.height])
            high = np.clip((at.max(axis=0) >> SHIFT) + 3, 0, [self.width, self.height])
            part = self.canvas[low[1] : high[1], low[0] : high[0]]
            if part.size:
                layer = part.copy()
                cv2.fillPoly(layer, [at - (low << SHIFT).astype(np.int32)], ink, cv2.LINE_AA, SHIFT)
                part[:] = cv2.addWeighted(layer, alpha, part, 1 - alpha, 0)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        colour: Colour,
        alpha: float = 1.0,
        round_by: float = 0.0,
    ) -> None:
        """A rectangle, its corners rounded by `round_by`."""
        r = min(round_by, 0.5 * abs(x1 - x0), 0.5 * abs(y1 - y0))
        if r <= 0:
            self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, alpha)
            return
        t = np.linspace(0, np.pi / 2, 8)
        corners = []
        for cx, cy, turn in (
            (x1 - r, y1 - r, 0.0),
            (x0 + r, y1 - r, np.pi / 2),
            (x0 + r, y0 + r, np.pi),
            (x1 - r, y0 + r, 1.5 * np.pi),
        ):
            corners.append(np.stack([cx + r * np.cos(t + turn), cy + r * np.sin(t + turn)], 1))
        self.polygon(np.concatenate(corners), colour, alpha)

    def oval(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: float = 1.0
    ) -> None:
        t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        self.polygon(np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], 1), colour, alpha)

    def shade(self, above: Colour, below: Colour, y0: float, y1: float) -> None:
        """Fill rows y0..y1 with a gradient."""
        a = int(np.clip(self.horizon + y0 * self.unit, 0, self.height))
        b = int(np.clip(self.horizon + y1 * self.unit, 0, self.height))
        if b > a:
            t = np.linspace(0, 1, b - a)[:, None]
            rows = (1 - t) * np.asarray(above) + t * np.asarray(below)
            self.canvas[a:b] = np.rint(255 * rows[:, None]).astype(np.uint8)

    def soften(self, amount: float) -> None:
        """Blur all that is there by `amount` of the height: it is far away."""
        self.canvas = blurred(self.canvas, amount * self.unit)

    def pick(self, *choices: Colour) -> Colour:
        return choices[int(self.random.integers(len(choices)))]


def tone(colour: Colour, by: float) -> Colour:
    r, g, b = (float(np.clip(c * by, 0, 1)) for c in colour)
    return r, g, b
