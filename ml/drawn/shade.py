"""Colour and light on the surface, pixel by pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.drawn.anatomy import Body
from ml.drawn.camera import DISTANCE, Camera
from ml.drawn.coat import Spots, coat_colour
from ml.drawn.noise import step
from ml.drawn.params import DrawnDog, Light
from ml.drawn.pixels import blurred, resized
from ml.drawn.raster import Surface, smoothed_normals
from ml.drawn.solid import Material, Part

Image = NDArray[np.float32]

COARSE = 2
"""Pixels a sample of the coat."""

MOUTH = (0.42, 0.16, 0.17)
TONGUE = (0.90, 0.50, 0.52)
TAG = (0.93, 0.76, 0.36)


def light_vector(light: Light) -> NDArray[np.float32]:
    """Towards the light in picture axes: x right, y down, z to the camera."""
    angle = np.radians(light.direction)
    vector = np.array([0.85 * np.sin(angle), -0.62 - 0.2 * np.cos(angle), 0.72])
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def tints(light: Light) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What full light and full shade multiply a colour with, RGB (3,) each."""
    warm = np.array([1.05, 1.0, 0.92]) if light.warmth > 0 else np.array([0.96, 1.0, 1.06])
    bright = 1.0 + abs(light.warmth) * (warm - 1.0)
    dusk = np.array([0.66, 0.57, 0.60]) if light.warmth > 0 else np.array([0.56, 0.60, 0.70])
    dim = 1.0 - (0.45 + 0.55 * light.strength) * (1.0 - dusk)
    return bright.astype(np.float32) * 1.04, dim.astype(np.float32)


def shaded(
    dog: DrawnDog, body: Body, surface: Surface, camera: Camera, light: Light
) -> tuple[Image, Image]:
    """Of the surface's box: RGB (h, w, 3) 0..1 and, at `COARSE` pixels a sample, normals.

    Hair hides all fine detail, so the coat is computed coarsely; nose, mouth and collar are not.
    """
    x0, y0, x1, y1 = surface.box
    solid = body.solid
    full = surface.ball[y0:y1, x0:x1]
    ball, depth = full[::COARSE, ::COARSE], surface.depth[y0:y1:COARSE, x0:x1:COARSE]
    mask = ball >= 0
    rows, cols = np.nonzero(mask)
    coat = _spots(dog, body, surface, camera, rows * COARSE + y0, cols * COARSE + x0)
    normals = np.zeros((*mask.shape, 3), np.float32)
    normals[rows, cols] = coat.normal
    unit, pixels = dog.shape.depth, camera.scale / COARSE
    normals = smoothed_normals(normals, depth, mask, cell=0.085 * unit * pixels, layer=0.20 * unit)
    hidden = _nearby(depth, mask, 0.16 * unit * pixels, 0.20 * unit)
    ears = mask & (solid.part[ball] == Part.EAR)
    albedo = coat_colour(dog, coat)
    albedo *= (1.0 - 0.40 * _beside(ears, 0.085 * unit * pixels)[rows, cols])[:, None]
    image = np.zeros((*mask.shape, 3), np.float32)
    image[rows, cols] = _lit(
        albedo, normals[rows, cols], coat.height, hidden[rows, cols], light, np.float32(0)
    )
    known = mask.astype(np.float32)
    spread = cv2.blur(image, (5, 5)) / (cv2.blur(known, (5, 5))[..., None] + np.float32(1e-6))
    image = np.where(mask[..., None], image, spread).astype(np.float32)
    large = resized(image, (ball.shape[1] * COARSE, ball.shape[0] * COARSE))
    large = large[: full.shape[0], : full.shape[1]]

    bare = (full >= 0) & (solid.material[full] != Material.COAT)
    rows, cols = np.nonzero(bare)
    if len(rows):
        spots = _spots(dog, body, surface, camera, rows + y0, cols + x0)
        material = solid.material[full[rows, cols]]
        fine = np.zeros((*bare.shape, 3), np.float32)
        fine[rows, cols] = spots.normal
        fine = blurred(fine, 0.03 * dog.shape.head * camera.scale + 0.5)
        normal = fine[rows, cols]
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + np.float32(1e-6)
        dyes = np.zeros((len(Material), 3), np.float32)
        dyes[Material.NOSE], dyes[Material.MOUTH], dyes[Material.TONGUE] = dog.nose, MOUTH, TONGUE
        dyes[Material.COLLAR], dyes[Material.TAG] = dog.collar or MOUTH, TAG
        glossy = np.isin(material, [Material.NOSE, Material.TAG, Material.TONGUE])
        near = hidden[rows // COARSE, cols // COARSE]
        large[rows, cols] = _lit(
            dyes[material], normal, spots.height, near, light, glossy.astype(np.float32)
        )
    return large, normals


def _spots(
    dog: DrawnDog,
    body: Body,
    surface: Surface,
    camera: Camera,
    rows: NDArray[np.intp],
    cols: NDArray[np.intp],
) -> Spots:
    """What lies at these pixels: back to the point on its ball, in the world and at rest."""
    solid = body.solid
    index, z = surface.ball[rows, cols].astype(np.intp), surface.depth[rows, cols]
    zoom = np.float32(camera.scale) / (1 - z / np.float32(DISTANCE))
    x = (cols.astype(np.float32) - np.float32(camera.shift[0])) / zoom
    y = (rows.astype(np.float32) - np.float32(camera.shift[1])) / zoom
    axes = np.stack([camera.right, -camera.up, camera.toward]).astype(np.float32)
    seen = np.stack([x, y, z], axis=1)
    # Offsets from the ball's middle, first in picture axes, then turned to the dog at rest.
    middle = camera.turn(solid.centre).astype(np.float32)
    offset = seen - middle[index]
    normal = offset / solid.radius.astype(np.float32)[index, None]
    facing = camera.turn(solid.facing).astype(np.float32)[index]
    sheet = np.abs(facing).sum(axis=1) > 0
    front = facing[:, 2] > 0
    sign = np.where(front, 1, -1).astype(np.float32)[:, None]
    leaf = np.float32(0.4) * normal + np.float32(0.9) * facing * sign
    normal = np.where(sheet[:, None], leaf, normal)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + np.float32(1e-6)
    turns, kind = np.unique(solid.turn.reshape(-1, 9).round(6), axis=0, return_inverse=True)
    place = solid.rest.astype(np.float32)[index]
    for number, turn in enumerate(turns):
        of_kind = kind.reshape(-1)[index] == number
        place[of_kind] += offset[of_kind] @ (turn.reshape(3, 3).astype(np.float32) @ axes.T).T
    inside = sheet & front & (np.abs(solid.across[index]) < 0.72) & (solid.along[index] > 0.12)
    if dog.shape.ears in ("dropped", "long"):
        inside &= False
    return Spots(
        place=place,
        head=((place - body.rest_head.astype(np.float32)) / np.float32(dog.shape.head)),
        part=solid.part[index],
        along=solid.along.astype(np.float32)[index],
        inside=inside.astype(np.float32),
        normal=normal,
        height=seen @ axes[:, 2],
    )


def _lit(
    albedo: Image,
    normal: Image,
    height: NDArray[np.float32],
    hidden: NDArray[np.float32],
    light: Light,
    glossy: NDArray[np.float32] | np.float32,
) -> Image:
    """Colours (n, 3) under `light`; `hidden` 0..1 is how closed in a spot is."""
    toward = light_vector(light)
    lit = normal @ toward
    tone = 0.62 * step(lit, -0.45, 0.75) + 0.38 * step(lit, 0.02, 0.42)
    tone *= (1.0 - 0.75 * hidden) * (1.0 - 0.25 * step(height, 0.30, 0.0))
    bright, dim = tints(light)
    pale = albedo.mean(axis=1, keepdims=True)
    # Pale hair scatters light into its own shade.
    dim = dim + (np.float32(0.50) * pale**2) * (np.float32(0.98) - dim)
    colour = albedo * (dim + (bright - dim) * tone[:, None])
    edge = step(normal[:, 2], 0.55, 0.05)
    # Light wraps round the edge that it comes from; the other edge sinks a little.
    rim = edge * step(lit, 0.15, 0.8)
    colour += (0.10 * rim * (0.35 + 0.65 * pale[:, 0]))[:, None] * bright
    colour *= 1.0 - 0.10 * (edge * step(lit, 0.1, -0.5))[:, None]
    half = toward + np.array([0, 0, 1], np.float32)
    shine = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1)
    gleam = glossy * 0.5 * shine**24 + (1 - glossy) * 0.05 * step(shine, 0.86, 1.0)
    return np.clip(colour + gleam[:, None], 0, 1).astype(np.float32)


def _nearby(
    depth: NDArray[np.float32], mask: NDArray[np.bool_], radius: float, reach: float
) -> NDArray[np.float32]:
    """0..1: how much nearer the surroundings are, so how little light gets in."""
    deep = np.where(mask, depth, 0).astype(np.float32)
    mean = blurred(deep, radius) / (blurred(mask.astype(np.float32), radius) + np.float32(1e-4))
    return step(np.where(mask, mean - depth, 0), 0.12 * reach, 1.3 * reach)


def _beside(ears: NDArray[np.bool_], reach: float) -> NDArray[np.float32]:
    """0..1 around the ears, not on them: an ear lies too close to the head for depth to tell."""
    near = ears.astype(np.float32)
    near = blurred(near, max(0.8, 0.5 * reach))
    return np.where(ears, 0, np.minimum(1, 1.8 * near)).astype(np.float32)


HAIR: dict[str, tuple[float, float, float]] = {
    "smooth": (0.080, 0.026, 0.035),
    "double": (0.15, 0.036, 0.048),
    "long": (0.32, 0.040, 0.060),
    "wire": (0.22, 0.034, 0.075),
    "curly": (0.12, 0.070, 0.036),
}
"""Length and width of a tuft in torso depths, and how much tufts differ in brightness."""

HAIR_ON: dict[Part, float] = {
    Part.TORSO: 1.0,
    Part.NECK: 1.15,
    Part.FRONT_LEG: 0.6,
    Part.HIND_LEG: 0.7,
    Part.TAIL: 1.25,
    Part.HEAD: 0.55,
    Part.MUZZLE: 0.30,
    Part.EAR: 0.55,
}
