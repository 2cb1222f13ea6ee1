"""Tufts of hair, painted one by one over the shaded dog, past its edge."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.drawn.anatomy import Body
from ml.drawn.camera import Camera
from ml.drawn.params import DrawnDog
from ml.drawn.raster import Surface
from ml.drawn.shade import COARSE, HAIR, HAIR_ON
from ml.drawn.solid import Material, Part

BRUSH = 150.0
"""Pixels of torso depth at which tufts have the size that `HAIR` states."""

SHIFT = 4
"""Fraction bits of the coordinates given to OpenCV."""


def paint_fur(
    canvas: NDArray[np.uint8],
    colour: NDArray[np.float32],
    normals: NDArray[np.float32],
    dog: DrawnDog,
    body: Body,
    surface: Surface,
    camera: Camera,
) -> None:
    """Paint onto `canvas` (H, W, 3); `colour` covers the surface's box, `normals` coarsely."""
    length, width, contrast = HAIR[dog.coat.hair]
    # Seen from near, hair is finer than its share of the picture: a painter's brush stays the same.
    unit = (dog.shape.depth * camera.scale) ** 0.68 * BRUSH**0.32
    random = np.random.default_rng(dog.coat.seed)
    x0, y0, x1, y1 = surface.box
    gap = max(3.0, 0.52 * np.sqrt(length * width) * unit)
    cols, rows = np.meshgrid(np.arange(x0, x1, gap), np.arange(y0, y1, gap))
    spots = np.stack([cols.ravel(), rows.ravel()], axis=1)
    spots += random.uniform(-0.5, 0.5, spots.shape) * gap
    x = np.clip(np.rint(spots[:, 0]).astype(int), x0, x1 - 1)
    y = np.clip(np.rint(spots[:, 1]).astype(int), y0, y1 - 1)
    ball = surface.ball[y, x].astype(int)
    keep = (ball >= 0) & (body.solid.material[ball] == Material.COAT)
    spots, x, y, ball = spots[keep], x[keep], y[keep], ball[keep]
    part = body.solid.part[ball]

    scale = np.ones(len(Part))
    for name, value in HAIR_ON.items():
        scale[name] = value
    if dog.coat.hair in ("long", "wire", "curly"):
        scale[Part.MUZZLE] = 1.0 if dog.coat.hair == "wire" else 0.42
        scale[Part.EAR] = {"pricked": 0.30, "folded": 0.40}.get(dog.shape.ears, 0.75)
        scale[Part.HEAD] = 0.50
    n = normals[(y - y0) // COARSE, (x - x0) // COARSE]
    flow = camera.turn(body.solid.flow[ball])
    if dog.coat.hair in ("long", "wire"):
        flow = flow + np.array([0, 0.55, 0])
    flow = flow - (flow * n).sum(axis=1, keepdims=True) * n
    # Hair at the edge stands out a little.
    flow = flow[:, :2] + 0.32 * n[:, :2] * (1 - n[:, 2:3])
    size = np.linalg.norm(flow, axis=1, keepdims=True)
    flow = flow / np.maximum(size, 1e-6)
    turn = random.normal(0, 0.9 if dog.coat.hair == "curly" else 0.22, len(flow))
    cos, sin = np.cos(turn), np.sin(turn)
    flow = np.stack(
        [flow[:, 0] * cos - flow[:, 1] * sin, flow[:, 0] * sin + flow[:, 1] * cos], axis=1
    )
    reach = unit * length * scale[part] * np.clip(0.35 + size[:, 0], 0.4, 1.0)
    reach *= random.uniform(0.65, 1.25, len(reach))
    half = 0.5 * unit * width * np.sqrt(scale[part]) * random.uniform(0.7, 1.2, len(reach))
    tone = 1.0 + contrast * random.normal(0, 1, len(reach))
    inks = np.clip(colour[y - y0, x - x0] * tone[:, None] + 0.02 * (tone - 1)[:, None], 0, 1) * 255

    side = np.stack([-flow[:, 1], flow[:, 0]], axis=1)
    bow = random.normal(0, 0.22, (len(reach), 1)) * reach[:, None]
    root, tip = spots - 0.2 * reach[:, None] * flow, spots + 0.8 * reach[:, None] * flow
    middle = 0.55 * root + 0.45 * tip + 0.5 * bow * side
    tip = tip + bow * side * 0.3
    outline = np.stack(
        [
            root - 0.5 * half[:, None] * side,
            middle - half[:, None] * side,
            tip,
            middle + half[:, None] * side,
            root + 0.5 * half[:, None] * side,
        ],
        axis=1,
    )
    if dog.coat.hair == "curly":
        outline = _curls(spots, half, random)
    # Farther and lower hair first: coats overlap downwards.
    order = np.argsort(surface.depth[y, x] - 0.5 * y / camera.scale)
    shapes = np.rint(outline[order] * (1 << SHIFT)).astype(np.int32)
    for shape, ink in zip(shapes, inks[order].tolist(), strict=True):
        cv2.fillConvexPoly(canvas, shape, ink, cv2.LINE_AA, SHIFT)


def _curls(
    spots: NDArray[np.float64], half: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Roundish blobs (n, 9, 2) instead of strands."""
    angle = np.linspace(0, 2 * np.pi, 9, endpoint=False) + random.uniform(0, 6, (len(spots), 1))
    radius = 1.25 * half[:, None] * random.uniform(0.88, 1.12, (len(spots), 9))
    blob = np.stack([radius * np.cos(angle), 0.9 * radius * np.sin(angle)], axis=-1)
    return spots[:, None] + blob
