"""Things that stand, hang or grow in the surroundings."""

import numpy as np
from numpy.typing import NDArray

from ml.drawn.backdrop import Backdrop, tone
from ml.drawn.params import Colour, Light

WALLS: tuple[Colour, ...] = (
    (0.93, 0.89, 0.82),
    (0.80, 0.84, 0.79),
    (0.86, 0.80, 0.76),
    (0.78, 0.83, 0.86),
    (0.93, 0.84, 0.72),
    (0.84, 0.82, 0.88),
)
WOODS: tuple[Colour, ...] = ((0.72, 0.56, 0.40), (0.62, 0.47, 0.34), (0.80, 0.67, 0.51))
FABRICS: tuple[Colour, ...] = (
    (0.52, 0.62, 0.58),
    (0.77, 0.55, 0.43),
    (0.60, 0.63, 0.70),
    (0.80, 0.72, 0.60),
    (0.66, 0.46, 0.44),
)
LEAVES: tuple[Colour, ...] = ((0.42, 0.55, 0.38), (0.52, 0.61, 0.40), (0.36, 0.50, 0.42))


def cushion(x: float, y: float, r: float, tilt: float) -> NDArray[np.float64]:
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    px = np.sign(c) * np.abs(c) ** 0.45 * r * (1 - 0.10 * s * s)
    py = np.sign(s) * np.abs(s) ** 0.45 * r * (1 - 0.10 * c * c)
    return np.stack([x + px + tilt * py * 4, y + py - tilt * px * 4], axis=1)


def car(b: Backdrop, x: float) -> None:
    paint = b.pick((0.70, 0.30, 0.24), (0.34, 0.47, 0.58), (0.86, 0.84, 0.80), (0.36, 0.44, 0.38))
    b.box(x - 0.10, -0.17, x + 0.11, -0.06, tone(paint, 0.95), round_by=0.05)
    b.box(x - 0.085, -0.155, x + 0.005, -0.085, (0.72, 0.80, 0.84), round_by=0.02)
    b.box(x + 0.015, -0.155, x + 0.095, -0.085, (0.72, 0.80, 0.84), round_by=0.02)
    b.box(x - 0.19, -0.095, x + 0.20, -0.015, paint, round_by=0.03)
    for wheel in (-0.11, 0.12):
        b.oval(x + wheel, -0.012, 0.036, 0.036, (0.20, 0.20, 0.21))
        b.oval(x + wheel, -0.012, 0.016, 0.016, (0.70, 0.70, 0.70))


def window_light(b: Backdrop, light: Light, wall: Colour) -> None:
    """The sun through a window, on the wall."""
    if light.warmth < 0 or b.random.random() < 0.3:
        return
    side = 1.0 if light.direction < 0 else -1.0
    x, y = side * b.random.uniform(0.02, 0.12), -b.random.uniform(0.30, 0.45)
    for column in (0.0, 0.125):
        for row in (0.0, 0.155):
            x0, y0 = x + side * column, y + row
            corners = [(0, 0), (0.115 * side, 0.03), (0.115 * side, 0.17), (0, 0.14)]
            b.polygon([(x0 + dx, y0 + dy) for dx, dy in corners], tone(wall, 1.10), 0.6)
    b.soften(0.006)


def frame(b: Backdrop, x: float, y: float) -> None:
    wide, high = b.random.uniform(0.12, 0.17), b.random.uniform(0.13, 0.20)
    b.box(
        x - wide / 2 + 0.006,
        y + 0.008,
        x + wide / 2 + 0.008,
        y + high + 0.01,
        (0.3, 0.25, 0.2),
        0.18,
    )
    b.box(x - wide / 2, y, x + wide / 2, y + high, b.pick(*WOODS))
    b.box(
        x - wide / 2 + 0.011, y + 0.011, x + wide / 2 - 0.011, y + high - 0.011, (0.96, 0.94, 0.90)
    )
    sky, hill = b.pick(*WALLS), b.pick(*FABRICS)
    x0, x1, y1 = x - wide / 2 + 0.024, x + wide / 2 - 0.024, y + high - 0.026
    b.box(x0, y + 0.026, x1, y1, sky)
    b.polygon([(x0, y1), (x0, y1 - 0.05), (x, y1 - 0.075), (x1, y1 - 0.035), (x1, y1)], hill)
    b.oval(x + 0.02, y + 0.055, 0.014, 0.014, (0.93, 0.70, 0.42))


def planks(b: Backdrop, wood: Colour) -> None:
    b.shade(tone(wood, 0.94), tone(wood, 1.08), 0.0, 1.2)
    for k in np.arange(-4, 4.2, 0.4):
        by = b.random.uniform(0.95, 1.05)
        corners = [(0.45 * k, 0.0), (0.45 * (k + 0.4), 0.0), (1.5 * (k + 0.4), 1.0), (1.5 * k, 1.0)]
        b.polygon(corners, tone(wood, by), 0.6)
        b.polygon(
            [corners[0], (0.45 * k + 0.003, 0), (1.5 * k + 0.010, 1.0), corners[3]],
            tone(wood, 0.80),
            0.7,
        )


def plant(b: Backdrop, x: float, y: float) -> None:
    pot = b.pick((0.76, 0.48, 0.36), (0.88, 0.85, 0.80), (0.48, 0.53, 0.53))
    leaf = b.pick(*LEAVES)
    for _ in range(11):
        lean, high = b.random.normal(0, 0.075), b.random.uniform(0.14, 0.27)
        t = np.linspace(0, 1, 14)
        wide = 0.021 * np.sin(np.pi * t) ** 0.8
        px, py = x + lean * 1.5 * t**1.6, y - 0.09 - high * t + 0.35 * abs(lean) * t**2
        shape = np.concatenate(
            [np.column_stack([px - wide, py]), np.column_stack([px + wide, py])[::-1]]
        )
        b.polygon(shape, tone(leaf, b.random.uniform(0.85, 1.2)))
    b.polygon(
        [
            (x - 0.055, y - 0.10),
            (x + 0.055, y - 0.10),
            (x + 0.042, y + 0.01),
            (x - 0.042, y + 0.01),
        ],
        pot,
    )
    b.box(x - 0.060, y - 0.115, x + 0.060, y - 0.09, tone(pot, 1.10), round_by=0.006)


def lamp(b: Backdrop, x: float, y: float) -> None:
    b.oval(x, y, 0.055, 0.012, (0.35, 0.31, 0.28))
    b.box(x - 0.005, y - 0.50, x + 0.005, y, (0.38, 0.34, 0.30))
    shade: Colour = (0.97, 0.90, 0.76)
    b.oval(x, y - 0.52, 0.17, 0.14, (1.0, 0.95, 0.82), 0.25)
    b.polygon(
        [(x - 0.05, y - 0.60), (x + 0.05, y - 0.60), (x + 0.085, y - 0.47), (x - 0.085, y - 0.47)],
        shade,
    )


def meadow_grass(b: Backdrop, colour: Colour) -> None:
    """Blades, small and pale far away, larger and deeper near."""
    count = 1500
    near = np.sort(b.random.random(count)) ** 1.3
    x = b.random.uniform(b.left, b.right, count)
    reach = max(0.2, (b.height - b.horizon) / b.unit)
    blades = np.stack([x, near * reach * 1.05 + 0.004], axis=1)
    high = 0.010 + 0.045 * near
    lean = b.random.normal(0, 0.35, count) * high
    shades = (1.15 - 0.3 * near) * b.random.uniform(0.86, 1.16, count)
    flowers = b.random.random(count) < 0.012
    bloom = b.pick((0.98, 0.96, 0.90), (0.96, 0.84, 0.45), (0.90, 0.66, 0.62))
    for (px, py), h, dx, by, flower in zip(blades, high, lean, shades, flowers, strict=True):
        w = 0.0016 + 0.10 * h
        b.polygon([(px - w, py), (px + dx, py - h), (px + w, py)], tone(colour, by))
        if flower:
            b.oval(px + dx, py - h, 0.22 * h, 0.18 * h, bloom)


def mat(b: Backdrop, cloth: Colour) -> None:
    """A round rug or bed under the dog."""
    x, y, reach = b.spot
    wide = float(np.clip(1.35 * reach, 0.2, 0.9))
    high = 0.29 * wide
    b.oval(x, y + 0.008, wide, high, tone(cloth, 0.80))
    b.oval(x, y, wide, high, tone(cloth, 1.12))
    b.oval(x, y, 0.90 * wide, 0.87 * high, cloth)
