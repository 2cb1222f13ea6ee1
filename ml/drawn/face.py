"""Eyes, nostrils, the line of the mouth and the toes, painted last."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.drawn.anatomy import Body
from ml.drawn.camera import Camera
from ml.drawn.params import DrawnDog
from ml.drawn.raster import Surface
from ml.drawn.solid import Array, spline

SHIFT = 4
RIM = (0.13, 0.09, 0.08)
LINE = (0.20, 0.13, 0.12)
ROUND = np.linspace(0, 2 * np.pi, 40, endpoint=False)


def fill(
    canvas: NDArray[np.uint8], shape: Array, colour: Array | tuple[float, ...], alpha: float = 1.0
) -> None:
    """Fill a polygon (n, 2) with RGB 0..1, antialiased."""
    points = np.rint(shape * (1 << SHIFT)).astype(np.int32)
    ink = [float(c) * 255 for c in colour]
    if alpha >= 1:
        cv2.fillPoly(canvas, [points], ink, cv2.LINE_AA, SHIFT)
        return
    low = np.maximum(np.floor(shape.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(shape.max(axis=0)).astype(int) + 3, canvas.shape[1::-1])
    if (high <= low).any():
        return
    part = canvas[low[1] : high[1], low[0] : high[0]]
    inked = part.copy()
    cv2.fillPoly(inked, [points - low.astype(np.int32) * (1 << SHIFT)], ink, cv2.LINE_AA, SHIFT)
    cv2.addWeighted(inked, alpha, part, 1 - alpha, 0, dst=part)


def seen(surface: Surface, at: Array, depth: float, slack: float) -> bool:
    """Whether a point at a pixel lies on the surface seen there, to within `slack` body units."""
    x, y = round(float(at[0])), round(float(at[1]))
    height, width = surface.ball.shape
    if not (0 <= x < width and 0 <= y < height):
        return False
    return bool(surface.ball[y, x] < 0 or depth >= surface.depth[y, x] - slack)


def paint_face(
    canvas: NDArray[np.uint8],
    dog: DrawnDog,
    body: Body,
    surface: Surface,
    camera: Camera,
    light_side: float,
) -> None:
    size, frame = dog.shape.head, body.head_frame
    _paint_mouth(canvas, dog, body, surface, camera)
    eyes = body.head_centre + size * body.face.eyes @ frame.T
    normals = body.face.eye_normals @ frame.T
    at, depth, zoom = camera.view(eyes)
    for k in range(2):
        if float(normals[k] @ camera.toward) < 0.10:
            continue
        if seen(surface, at[k], float(depth[k]), 0.22 * size):
            radius = 0.18 * dog.eye_size * size * float(zoom[k])
            _paint_eye(canvas, dog, at[k], normals[k], frame[:, 2], camera, radius, light_side)
    _paint_nostrils(canvas, dog, body, surface, camera)


def _paint_eye(
    canvas: NDArray[np.uint8],
    dog: DrawnDog,
    at: Array,
    normal: Array,
    above: Array,
    camera: Camera,
    radius: float,
    light_side: float,
) -> None:
    up = above - (above @ normal) * normal
    up /= np.linalg.norm(up)
    side = np.cross(up, normal)
    axes = camera.turn(np.stack([side, up]))[:, :2]
    # Eyes bulge, so they are never as narrow as a flat disc would be.
    axes[0] *= max(1.0, 0.62 / max(1e-3, float(np.linalg.norm(axes[0]))))

    def disc(x: float, y: float, r: float, tall: float = 1.0) -> Array:
        flat = np.stack([x + r * np.cos(ROUND), y + tall * r * np.sin(ROUND)], axis=1)
        return at + radius * flat @ axes

    iris = np.asarray(dog.iris)
    above_eye = np.rint(at + radius * np.array([0, 1.5]) @ axes).astype(int)
    above_eye = np.clip(above_eye, 0, np.array(canvas.shape[1::-1]) - 1)
    lid = canvas[above_eye[1], above_eye[0]] / 255 * 0.80
    fill(canvas, disc(0, 0, 1.2, 0.9), RIM, 0.35)
    fill(canvas, disc(0, 0, 1.08, 0.95), RIM)
    fill(canvas, disc(0, -0.02, 0.92, 0.96), iris * 0.62)
    fill(canvas, disc(0, -0.22, 0.70, 0.86), iris)
    fill(canvas, disc(0, -0.42, 0.42, 0.70), np.clip(iris * 1.35 + 0.05, 0, 1), 0.7)
    fill(canvas, disc(0, 0.02, 0.68), (0.05, 0.035, 0.035))
    # The upper lid takes a slice of the eye; without it a dog stares.
    t = np.linspace(-0.06, np.pi + 0.06, 30)
    top = np.stack([1.14 * np.cos(t), 1.06 * np.sin(t)], axis=1)
    low = np.stack([1.10 * np.cos(t[::-1]), 0.20 + 0.52 * np.sin(t[::-1])], axis=1)
    fill(canvas, at + radius * np.concatenate([top, low]) @ axes, lid)
    edge = np.stack([1.08 * np.cos(t), 0.18 + 0.52 * np.sin(t)], axis=1)
    fill(canvas, _stroke(at + radius * edge @ axes, 0.10 * radius), RIM)
    # Catch lights lie where the light is, in the picture and not on the head.
    screen = np.array([0.34 * light_side, -0.26])
    wide = np.stack([np.cos(ROUND), np.sin(ROUND)], axis=1)
    fill(canvas, at + radius * (screen + 0.27 * wide), (1.0, 0.99, 0.97))
    fill(canvas, at + radius * (-0.9 * screen + 0.12 * wide), (1.0, 0.98, 0.94), 0.65)


def _paint_mouth(
    canvas: NDArray[np.uint8], dog: DrawnDog, body: Body, surface: Surface, camera: Camera
) -> None:
    size, frame = dog.shape.head, body.head_frame
    line = spline(body.face.mouth, np.linspace(0, len(body.face.mouth) - 1, 80))
    dark = sum(dog.coat.base) < 0.9 and dog.coat.white < 0.3
    ink = tuple(c * (0.45 if dark else 1.0) for c in LINE)
    for points in (line, spline(body.face.philtrum, np.linspace(0, 1, 12))):
        at, depth, zoom = camera.view(body.head_centre + size * points @ frame.T)
        shown = [seen(surface, a, float(d), 0.26 * size) for a, d in zip(at, depth, strict=True)]
        half = 0.021 * size * float(zoom.mean())
        for run in _runs(shown):
            if run.stop - run.start > 8:
                fill(canvas, _stroke(at[run], half), ink, 0.88)


def _paint_nostrils(
    canvas: NDArray[np.uint8], dog: DrawnDog, body: Body, surface: Surface, camera: Camera
) -> None:
    size, frame = dog.shape.head, body.head_frame
    grow = 0.45 + 0.55 * dog.shape.muzzle_width
    for side in (1.0, -1.0):
        middle = body.face.nose + np.array([-0.06, 0.14 * side * grow, -0.01])
        t = ROUND[:, None]
        ring = middle + grow * (
            0.060 * np.cos(t) * np.array([0, side, -0.35])
            + 0.038 * np.sin(t) * np.array([0, 0, 1.0])
        )
        at, depth, _ = camera.view(body.head_centre + size * ring @ frame.T)
        if seen(surface, at.mean(axis=0), float(depth.mean()), 0.10 * size):
            fill(canvas, at, tuple(c * 0.35 for c in dog.nose), 0.85)


def paint_toes(
    canvas: NDArray[np.uint8], dog: DrawnDog, body: Body, surface: Surface, camera: Camera
) -> None:
    """Two short lines on the front of each paw."""
    rise = np.linspace(0.45, -0.75, 9)
    for toe in body.toes:
        for turn in np.radians([-24.0, 24.0]):
            flat = np.sqrt(1 - rise**2)
            way = np.stack([flat * np.cos(turn), flat * np.sin(turn), rise], axis=1)
            at, depth, zoom = camera.view(toe[:3] + 1.04 * toe[3] * way)
            if float(way[4] @ camera.toward) < 0.25:
                continue
            if seen(surface, at[4], float(depth[4]), 0.5 * float(toe[3])):
                x, y = np.clip(np.rint(at[4]).astype(int), 0, np.array(canvas.shape[1::-1]) - 1)
                shade = canvas[y, x] / 255 * 0.52
                fill(canvas, _stroke(at, 0.085 * float(toe[3] * zoom[4])), shade, 0.75)


def _runs(shown: list[bool]) -> list[slice]:
    """Where `shown` is true without a break."""
    edges = np.flatnonzero(np.diff([0, *(int(s) for s in shown), 0]))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _stroke(line: Array, half: float) -> Array:
    """The outline of a pen stroke along `line` (n, 2), thinner towards its ends."""
    way = np.gradient(line, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-6
    t = np.linspace(0, np.pi, len(line))
    side = np.stack([-way[:, 1], way[:, 0]], axis=1) * (half * (0.45 + 0.55 * np.sin(t)))[:, None]
    return np.concatenate([line + side, (line - side)[::-1]])
