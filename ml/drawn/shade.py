"""Colour and light on the surface, pixel by pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.drawn.anatomy import Body
from ml.drawn.camera import DISTANCE, Camera
from ml.drawn.coat import Spots, coat_colour
from ml.drawn.noise import step
from ml.drawn.params import DrawnDog, Light
from ml.drawn.pixels import blurred
from ml.drawn.raster import Surface, smoothed_normals
from ml.drawn.solid import Material, Part

Image = NDArray[np.float32]

MOUTH = (0.42, 0.16, 0.17)
TONGUE = (0.90, 0.50, 0.52)
TAG = (0.93, 0.76, 0.36)


def light_vector(light: Light) -> NDArray[np.float32]:
    """Towards the light in picture axes: x right, y down, z to the camera."""
    angle = np.radians(light.direction)
    vector = np.array([0.85 * np.sin(angle), -0.62 - 0.2 * np.cos(angle), 0.55])
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
) -> tuple[Image, NDArray[np.float32]]:
    """Of the box that the dog takes: RGB (h, w, 3) 0..1 and normals (h, w, 3) in picture axes.

    Where there is no dog the colour is that of its edge, blurred outwards a little.
    """
    x0, y0, x1, y1 = surface.box
    ball, depth = surface.ball[y0:y1, x0:x1], surface.depth[y0:y1, x0:x1]
    mask = ball >= 0
    rows, cols = np.nonzero(mask)
    index, z = ball[rows, cols].astype(int), depth[rows, cols]
    solid = body.solid

    # Back from the pixel to the point on its ball, in the world and on the dog at rest.
    zoom = camera.scale / (1.0 - z / DISTANCE)
    flat = np.stack([cols + x0, rows + y0], axis=1) - camera.shift
    point = (
        flat[:, :1] / zoom[:, None] * camera.right
        - flat[:, 1:] / zoom[:, None] * camera.up
        + (z[:, None]) * camera.toward
    )
    offset = point - solid.centre[index]
    place = solid.rest[index] + np.einsum("nij,nj->ni", solid.turn[index], offset)
    normal = camera.turn(offset / solid.radius[index, None])
    facing = camera.turn(solid.facing)[index]
    sheet = np.abs(facing).sum(axis=1) > 0
    front = facing[:, 2] > 0
    normal = np.where(
        sheet[:, None], 0.4 * normal + 0.9 * facing * np.where(front, 1, -1)[:, None], normal
    )
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6

    normals = np.zeros((*mask.shape, 3), np.float32)
    normals[rows, cols] = normal
    unit = dog.shape.depth
    smooth = smoothed_normals(
        normals, depth, mask, cell=0.085 * unit * camera.scale, layer=0.20 * unit
    )
    material = solid.material[index]
    # A nose or a tongue keeps its own roundness.
    own = material != Material.COAT
    smooth[rows[own], cols[own]] = normals[rows[own], cols[own]]

    inside = sheet & front & (np.abs(solid.across[index]) < 0.72) & (solid.along[index] > 0.12)
    if dog.shape.ears in ("dropped", "long"):
        inside &= False
    spots = Spots(
        place=place.astype(np.float32),
        head=((place - body.rest_head) / dog.shape.head).astype(np.float32),
        part=solid.part[index],
        along=solid.along[index].astype(np.float32),
        inside=inside.astype(np.float32),
    )
    albedo = coat_colour(dog, spots)
    ears = (ball >= 0) & (solid.part[ball] == Part.EAR)
    albedo *= (1.0 - 0.34 * _beside(ears, 0.085 * unit * camera.scale)[rows, cols])[:, None]
    for kind, dye in (
        (Material.NOSE, dog.nose),
        (Material.MOUTH, MOUTH),
        (Material.TONGUE, TONGUE),
        (Material.COLLAR, dog.collar or MOUTH),
        (Material.TAG, TAG),
    ):
        albedo[material == kind] = dye

    n = smooth[rows, cols]
    toward = light_vector(light)
    lit = n @ toward
    tone = 0.62 * step(lit, -0.45, 0.75) + 0.38 * step(lit, 0.02, 0.42)
    tone *= 1.0 - 0.75 * _nearby(depth, mask, 0.16 * unit * camera.scale, 0.20 * unit)[rows, cols]
    ground = step(point[:, 2].astype(np.float32), 0.30, 0.0)
    tone *= 1.0 - 0.25 * ground
    bright, dim = tints(light)
    colour = albedo * (dim + (bright - dim) * tone[:, None])
    edge = step(n[:, 2], 0.55, 0.05)
    # Light wraps round the edge that it comes from; the other edge sinks a little.
    rim = edge * step(lit, 0.15, 0.8)
    colour += (0.10 * rim * (0.35 + 0.65 * albedo.mean(axis=1)))[:, None] * bright
    colour *= 1.0 - 0.10 * (edge * step(lit, 0.1, -0.5))[:, None]
    half = toward + np.array([0, 0, 1], np.float32)
    shine = np.clip(n @ (half / np.linalg.norm(half)), 0, 1)
    glossy = np.isin(material, [Material.NOSE, Material.TAG, Material.TONGUE])
    colour += (0.5 * shine**24 * glossy)[:, None]
    sheen = 0.05 * step(shine, 0.86, 1.0) * ~glossy
    colour += sheen[:, None]

    image = np.zeros((*mask.shape, 3), np.float32)
    image[rows, cols] = np.clip(colour, 0, 1)
    known = mask.astype(np.float32)
    spread = cv2.blur(image, (7, 7)) / (cv2.blur(known, (7, 7))[..., None] + 1e-6)
    image = np.where(mask[..., None], image, spread)
    return image, smooth


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
    "curly": (0.12, 0.075, 0.060),
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
