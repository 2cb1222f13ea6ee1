"""Surroundings, painted far to near with soft edges, as a camera with an open lens sees them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ml.drawn.backdrop import Backdrop, tone
from ml.drawn.furnishings import (
    FABRICS,
    LEAVES,
    WALLS,
    WOODS,
    car,
    cushion,
    frame,
    lamp,
    mat,
    meadow_grass,
    planks,
    plant,
    window_light,
)
from ml.drawn.params import Colour, Light, Place


def paint_background(
    place: Place,
    seed: int,
    size: tuple[int, int],
    light: Light,
    horizon: float,
    spot: tuple[float, float, float] | None = None,
) -> NDArray[np.uint8]:
    """A picture (height, width, 3) of `place`; `horizon` is the row where its ground begins.

    `spot` is where the dog will be: x and y in pixels on the ground, and half its length.
    """
    backdrop = Backdrop(size, horizon, seed)
    if spot is not None:
        x, y, reach = (value / backdrop.unit for value in spot)
        backdrop.spot = (x + backdrop.left, y - horizon / backdrop.unit, reach)
    PAINTERS[place](backdrop, light)
    return backdrop.canvas


def paint_room(b: Backdrop, light: Light) -> None:
    wall = b.pick(*WALLS)
    b.shade(tone(wall, 0.96), wall, -2, 0)
    window_light(b, light, wall)
    side = -1.0 if b.random.random() < 0.5 else 1.0
    if b.random.random() < 0.75:
        frame(b, -side * b.random.uniform(0.18, 0.30), -b.random.uniform(0.42, 0.55))
    planks(b, b.pick(*WOODS))
    b.box(b.left, -0.045, b.right, 0.004, tone(wall, 1.07))
    b.box(b.left, 0.0, b.right, 0.008, tone(wall, 0.72), 0.6)
    b.soften(0.004)
    if b.random.random() < 0.6:
        plant(b, side * b.random.uniform(0.30, 0.40), 0.03)
    elif b.random.random() < 0.6:
        lamp(b, side * b.random.uniform(0.30, 0.40), 0.02)
    if b.random.random() < 0.65:
        rug = b.pick(*FABRICS)
        mat(b, rug)
    b.soften(0.0035)


def paint_sofa(b: Backdrop, light: Light) -> None:
    wall = b.pick(*WALLS)
    b.shade(tone(wall, 0.95), wall, -2, 0.4)
    window_light(b, light, wall)
    frame(b, b.random.uniform(-0.2, 0.2), -0.72)
    b.soften(0.006)
    cloth = b.pick(*FABRICS)
    lean = 0.36
    for x0, x1 in ((b.left - 0.1, 0.0), (0.0, b.right + 0.1)):
        b.box(x0 + 0.006, -lean, x1 - 0.006, 0.16, tone(cloth, 0.90), round_by=0.07)
        b.box(x0 + 0.02, -lean + 0.012, x1 - 0.02, 0.05, tone(cloth, 0.97), 0.6, round_by=0.06)
    b.soften(0.008)
    b.box(b.left - 0.1, -0.03, b.right + 0.1, 1.2, tone(cloth, 0.62), 0.5, round_by=0.05)
    b.box(b.left - 0.1, -0.005, b.right + 0.1, 1.2, tone(cloth, 1.10), round_by=0.05)
    b.shade(tone(cloth, 1.10), tone(cloth, 0.98), 0.05, 0.34)
    b.shade(tone(cloth, 0.80), tone(cloth, 0.86), 0.34, 0.36)
    b.shade(tone(cloth, 0.94), tone(cloth, 0.82), 0.36, 1.2)
    pillow = b.pick(*FABRICS)
    x = (-1 if b.random.random() < 0.5 else 1) * b.random.uniform(0.30, 0.38)
    tilt = b.random.uniform(-0.05, 0.05)
    b.polygon(cushion(x, -0.10, 0.15, tilt), tone(pillow, 1.08))
    b.polygon(cushion(x, -0.10, 0.115, tilt), tone(pillow, 1.17), 0.35)
    b.soften(0.005)


def paint_meadow(b: Backdrop, light: Light) -> None:
    autumn = b.random.random() < 0.25
    sky = b.pick((0.66, 0.80, 0.90), (0.74, 0.84, 0.90), (0.95, 0.85, 0.70))
    b.shade(sky, tone((0.97, 0.94, 0.86), 1.0), -1.2, 0.02)
    for _ in range(int(b.random.integers(2, 5))):
        x, y = b.random.uniform(b.left, b.right), -b.random.uniform(0.28, 0.62)
        for _ in range(5):
            dx, dy = b.random.normal(0, 0.06), b.random.normal(0, 0.012)
            b.oval(x + dx, y + dy, b.random.uniform(0.04, 0.09), 0.026, (1, 0.99, 0.97), 0.55)
    leaves = ((0.80, 0.55, 0.28), (0.72, 0.45, 0.26), (0.66, 0.60, 0.34)) if autumn else LEAVES
    hill = tone(b.pick(*LEAVES), 1.28)
    t = np.linspace(b.left - 0.1, b.right + 0.1, 40)
    phase = b.random.uniform(0, 6)
    ridge = -0.09 - 0.04 * np.sin(3 * t + phase)
    edge = np.column_stack([t, ridge])
    b.polygon(np.concatenate([edge, [(b.right + 0.1, 0.2), (b.left - 0.1, 0.2)]]), hill)
    for _ in range(int(b.random.integers(3, 8))):
        x = b.random.uniform(b.left, b.right)
        size, leaf = b.random.uniform(0.07, 0.16), b.pick(*leaves)
        b.box(x - 0.012, -size * 0.8, x + 0.012, 0.01, (0.45, 0.36, 0.28))
        for _ in range(6):
            dx, dy = b.random.normal(0, 0.4, 2) * size
            b.oval(
                x + dx,
                -size * 1.3 + dy,
                size * 0.62,
                size * 0.56,
                tone(leaf, b.random.uniform(0.95, 1.15)),
            )
    b.soften(0.013)
    grass = (0.70, 0.66, 0.38) if autumn else b.pick((0.60, 0.70, 0.40), (0.52, 0.66, 0.40))
    b.shade(tone(grass, 1.15), tone(grass, 0.84), 0.0, 1.2)
    meadow_grass(b, grass)
    b.soften(0.0022)


def paint_run(b: Backdrop, light: Light) -> None:
    wall = b.pick((0.83, 0.85, 0.83), (0.80, 0.84, 0.87), (0.87, 0.84, 0.79))
    b.shade(tone(wall, 0.98), tone(wall, 1.03), -1.2, 0)
    tile = 0.115
    for row in range(12):
        y = -row * tile
        b.box(b.left, y - 0.002, b.right, y + 0.002, tone(wall, 0.92))
        for x in np.arange(b.left + (tile if row % 2 else 0), b.right, 2 * tile):
            b.box(x - 0.002, y - tile, x + 0.002, y, tone(wall, 0.92))
    band = b.pick((0.45, 0.58, 0.55), (0.62, 0.54, 0.45), (0.50, 0.57, 0.66))
    b.box(b.left, -0.23, b.right, 0.0, band, 0.8)
    floor: Colour = (0.70, 0.69, 0.67)
    b.shade(tone(floor, 0.92), tone(floor, 1.06), 0.0, 1.2)
    b.soften(0.006)
    for x in np.arange(b.left - 0.02, b.right + 0.1, b.random.uniform(0.09, 0.12)):
        b.box(x, -1.2, x + 0.008, 0.012, (0.58, 0.60, 0.61))
        b.box(x + 0.001, -1.2, x + 0.0035, 0.012, (0.76, 0.78, 0.79))
    for y in (-0.42, -0.02):
        b.box(b.left, y, b.right, y + 0.014, (0.60, 0.62, 0.63))
    b.soften(0.0065)
    side = -1.0 if b.random.random() < 0.5 else 1.0
    cloth = b.pick(*FABRICS)
    if b.random.random() < 0.6:
        mat(b, cloth)
    else:
        x = side * 0.33
        b.oval(x, 0.105, 0.085, 0.030, (0.45, 0.47, 0.49))
        b.oval(x, 0.078, 0.068, 0.022, (0.80, 0.82, 0.83))
        b.oval(x, 0.080, 0.056, 0.016, (0.55, 0.66, 0.72))
    b.soften(0.003)


def paint_studio(b: Backdrop, light: Light) -> None:
    paper = b.pick(
        (0.90, 0.82, 0.70), (0.75, 0.81, 0.78), (0.84, 0.72, 0.66), (0.76, 0.79, 0.86),
        (0.91, 0.88, 0.83), (0.70, 0.74, 0.66),
    )  # fmt: skip
    b.shade(tone(paper, 0.90), tone(paper, 1.05), -1.2, 0.05)
    b.shade(tone(paper, 1.05), tone(paper, 0.93), 0.05, 1.2)
    y, x = np.mgrid[0 : b.height, 0 : b.width].astype(np.float32)
    side = 0.18 * np.sin(np.radians(light.direction)) * b.width
    far = ((x - 0.5 * b.width - side) / b.unit) ** 2 + ((y - 0.42 * b.height) / b.unit) ** 2
    glow = 1.07 - 0.20 * np.minimum(far * 2.2, 1)
    b.canvas = np.clip(b.canvas * glow[..., None], 0, 255).astype(np.uint8)


def paint_street(b: Backdrop, light: Light) -> None:
    b.shade((0.80, 0.87, 0.91), (0.95, 0.92, 0.86), -1.2, 0.02)
    x = b.left - 0.05
    while x < b.right:
        wide, high = b.random.uniform(0.18, 0.34), b.random.uniform(0.35, 0.75)
        house = b.pick(
            (0.87, 0.76, 0.63), (0.80, 0.62, 0.52), (0.77, 0.79, 0.77), (0.90, 0.85, 0.74)
        )
        b.box(x, -high, x + wide, 0.02, house)
        b.box(x - 0.008, -high - 0.02, x + wide + 0.008, -high, tone(house, 0.75))
        for wx in np.arange(x + 0.035, x + wide - 0.05, 0.075):
            for wy in np.arange(-high + 0.05, -0.12, 0.12):
                b.box(wx, wy, wx + 0.04, wy + 0.06, (0.62, 0.70, 0.75))
                b.box(wx, wy + 0.06, wx + 0.04, wy + 0.066, tone(house, 1.1))
        x += wide + b.random.uniform(0.0, 0.04)
    if b.random.random() < 0.7:
        car(b, b.random.uniform(-0.3, 0.3))
    b.shade((0.66, 0.65, 0.64), (0.74, 0.72, 0.69), 0.015, 1.2)
    for k in np.arange(-3, 3.5, 0.5):
        b.polygon(
            [(0.25 * k, 0.03), (0.25 * k + 0.006, 0.03), (1.3 * k + 0.02, 1.2), (1.3 * k, 1.2)],
            (0.60, 0.59, 0.58),
        )
    b.soften(0.011)
    for x in (b.left + 0.05, b.right - 0.06):
        if b.random.random() < 0.6:
            plant(b, x, 0.05)
    b.soften(0.004)


def paint_beach(b: Backdrop, light: Light) -> None:
    b.shade((0.62, 0.80, 0.90), (0.96, 0.92, 0.84), -1.2, -0.10)
    b.shade((0.36, 0.60, 0.70), (0.62, 0.80, 0.80), -0.12, 0.03)
    for _ in range(14):
        x, y = b.random.uniform(b.left, b.right), -b.random.uniform(0.0, 0.11)
        b.oval(x, y, b.random.uniform(0.03, 0.10), 0.0025, (0.95, 0.97, 0.95), 0.6)
    sand: Colour = (0.90, 0.81, 0.65)
    t = np.linspace(b.left - 0.1, b.right + 0.1, 40)
    edge = np.column_stack([t, 0.01 + 0.012 * np.sin(5 * t + b.random.uniform(0, 6))])
    low = [(b.right + 0.1, 1.5), (b.left - 0.1, 1.5)]
    b.polygon(np.concatenate([edge - np.array([0, 0.012]), low]), (0.97, 0.97, 0.94))
    b.polygon(np.concatenate([edge, low]), tone(sand, 0.86))
    b.soften(0.010)
    b.polygon(np.concatenate([edge + np.array([0, 0.05]), low]), sand)
    b.soften(0.006)
    for _ in range(240):
        x, y = b.random.uniform(b.left, b.right), b.random.uniform(0.08, 0.9)
        size = 0.004 + 0.018 * y
        b.oval(x, y, size * 1.6, size * 0.35, tone(sand, b.random.uniform(0.90, 1.07)), 0.5)
    b.soften(0.003)


PAINTERS: dict[Place, Callable[[Backdrop, Light], None]] = {
    "room": paint_room,
    "sofa": paint_sofa,
    "meadow": paint_meadow,
    "run": paint_run,
    "studio": paint_studio,
    "street": paint_street,
    "beach": paint_beach,
}
