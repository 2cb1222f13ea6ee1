"""A dog and a scene become a picture with exact keypoints."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.drawn.anatomy import Body, Pose, body_of
from ml.drawn.backgrounds import paint_background
from ml.drawn.camera import Camera, fitted, looking
from ml.drawn.face import fill, paint_face, paint_toes
from ml.drawn.fur import paint_fur
from ml.drawn.light import finish, ground_shadow
from ml.drawn.params import DrawnDog, Light, Place, Posture, Scene, View
from ml.drawn.pixels import blurred, resized
from ml.drawn.raster import Surface, surface_of
from ml.drawn.shade import shaded
from ml.drawn.solid import Material, Part
from ml.skeleton import KEYPOINTS

FINER = 1.5
"""The dog is painted this much larger and then reduced, for smooth edges."""


FACE_SLACK = {
    "nose": 0.42,
    "left_eye": 0.24,
    "right_eye": 0.24,
    "left_mouth_corner": 0.26,
    "right_mouth_corner": 0.26,
    "left_ear_base": 0.42,
    "right_ear_base": 0.42,
}
"""In skull radii, how far under what is seen a point counts as seen: an ear covers its own base and
a nose has a width, but the other side of the head is farther away."""


@dataclass(frozen=True)
class Drawing:
    """`image` (H, W, 3) uint8 RGB; `keypoints` (21, 3) float32: x and y in pixels and visibility.

    Visibility is COCO's: 0 outside the picture (x = y = 0), 1 hidden, 2 seen. `box` is x0, y0, x1,
    y1 around all of the dog that is in the picture.
    """

    image: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    box: tuple[float, float, float, float]
    posture: Posture
    view: View


def render(dog: DrawnDog, scene: Scene, size: tuple[int, int]) -> Drawing:
    """Draw `dog` in `scene` as a picture of `size` (width, height) pixels."""
    width, height = size
    wide, high = round(width * FINER), round(height * FINER)
    body = body_of(dog, _pose(scene))
    camera = _camera(scene, body, (wide, high))
    surface = surface_of(body.solid, camera, wide, high)
    final = camera.zoomed(1 / FINER)
    background = paint_background(
        scene.place,
        scene.place_seed,
        size,
        scene.light,
        _horizon(scene, camera, high),
        _spot(body, final),
    )
    canvas = ground_shadow(background, body.solid, final, scene.light)
    canvas = resized(canvas, (wide, high))
    colour, normals = shaded(dog, body, surface, camera, scene.light)
    x0, y0, x1, y1 = surface.box
    mask = surface.mask[y0:y1, x0:x1].astype(np.float32)
    alpha = blurred(mask, 0.8)[..., None]
    part = canvas[y0:y1, x0:x1]
    part[:] = over(colour, alpha, part)
    paint_fur(canvas, colour, normals, dog, body, surface, camera)
    # No hair over the nose, the mouth and the collar.
    bare = surface.mask & (body.solid.material[surface.ball] != Material.COAT)
    alpha = blurred(bare[y0:y1, x0:x1].astype(np.float32), 0.8)[..., None]
    part[:] = over(colour, alpha, part)
    side = 1.0 if scene.light.direction >= 0 else -1.0
    paint_toes(canvas, dog, body, surface, camera)
    paint_face(canvas, dog, body, surface, camera, side)
    image = resized(canvas, size)
    if scene.place == "meadow":
        _stand_in_grass(image, background, body, final, scene.place_seed)
    image = finish(image, scene.light, scene.place_seed)
    points = _keypoints(dog, body, surface, camera)
    box = tuple(float(v) / FINER for v in surface.box)
    return Drawing(image, points, (box[0], box[1], box[2], box[3]), scene.posture, scene.view)


def over(
    colour: NDArray[np.float32], alpha: NDArray[np.float32], under: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """`colour` 0..1 (h, w, 3) laid over `under` (h, w, 3) where `alpha` (h, w, 1) says so."""
    beneath = under.astype(np.float32)
    return (beneath + alpha * (np.float32(255) * colour - beneath) + np.float32(0.5)).astype(
        np.uint8
    )


def _stand_in_grass(
    image: NDArray[np.uint8], ground: NDArray[np.uint8], body: Body, camera: Camera, seed: int
) -> None:
    """Blades before whatever touches the ground, in the colours of the ground there."""
    random = np.random.default_rng(seed)
    solid = body.solid
    low = np.flatnonzero(solid.centre[:, 2] < 1.25 * solid.radius)
    foot = solid.centre[low] * [1.0, 1.0, 0.0]
    foot += 0.9 * solid.radius[low, None] * camera.toward * [1.0, 1.0, 0.0]
    at, _, zoom = camera.view(foot)
    height, width = image.shape[:2]
    for (x0, y0), reach in zip(at, solid.radius[low] * zoom, strict=True):
        for _ in range(2):
            x, y = x0 + random.uniform(-1, 1) * reach, y0 + random.uniform(0.0, 0.5) * reach
            if not (4 <= x < width - 4 and 4 <= y < height - 4):
                continue
            high, lean = 0.075 * camera.scale * random.uniform(0.5, 1.1), random.normal(0, 0.3)
            blade = 0.10 * high
            tip = [x + lean * high, y - high]
            ink = np.clip(ground[int(y), int(x)] / 255 * random.uniform(0.80, 1.12), 0, 1)
            fill(image, np.array([[x - blade, y + 2], tip, [x + blade, y + 2]]), ink, 0.9)


def draw_scene_without_dog(
    place: Place, seed: int, light: Light, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """The surroundings alone (height, width, 3), uint8 RGB."""
    image = paint_background(place, seed, size, light, 0.55 * size[1])
    return finish(image, light, seed)


def _pose(scene: Scene) -> Pose:
    return Pose(
        posture=scene.posture,
        head_yaw=scene.head_yaw,
        head_pitch=scene.head_pitch,
        head_roll=scene.head_roll,
        stride=scene.stride,
        tail_sway=scene.tail_sway,
        tongue=scene.tongue,
    )


def _camera(scene: Scene, body: Body, size: tuple[int, int]) -> Camera:
    solid = body.solid
    if scene.crop == "body":
        shown = np.ones(len(solid.part), bool)
    elif scene.crop == "bust":
        shown = np.isin(solid.part, [Part.HEAD, Part.MUZZLE, Part.EAR, Part.NECK])
    else:
        shown = np.isin(solid.part, [Part.HEAD, Part.MUZZLE, Part.EAR])
    camera = looking(scene.azimuth, scene.elevation)
    return fitted(camera, solid.centre[shown], solid.radius[shown], size, scene.fill, scene.offset)


def _horizon(scene: Scene, camera: Camera, high: int) -> float:
    """Row of the final picture where the floor meets the wall, a little behind the dog."""
    behind = camera.shift[1] - camera.scale * (0.25 + 1.5 * np.sin(np.radians(scene.elevation)))
    return float(np.clip(behind, 0.28 * high, 0.80 * high)) / FINER


def _spot(body: Body, camera: Camera) -> tuple[float, float, float]:
    """Middle of the dog's footprint and half its width, in pixels."""
    at, _, zoom = camera.view(body.solid.centre * [1.0, 1.0, 0.0])
    reach = body.solid.radius * zoom
    left, right = float((at[:, 0] - reach).min()), float((at[:, 0] + reach).max())
    near, far = float(at[:, 1].max()), float(at[:, 1].min())
    return 0.5 * (left + right), 0.5 * (near + far), 0.5 * (right - left)


def _keypoints(dog: DrawnDog, body: Body, surface: Surface, camera: Camera) -> NDArray[np.float32]:
    at, depth, _ = camera.view(body.joints)
    height, width = surface.ball.shape
    points = np.zeros((len(KEYPOINTS), 3), np.float32)
    for k, name in enumerate(KEYPOINTS):
        x, y = at[k]
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
            continue
        # Joints lie under the skin, the points of the face on it.
        slack = FACE_SLACK[name] * dog.shape.head if name in FACE_SLACK else 0.34 * dog.shape.depth
        near = surface.depth[round(float(y)), round(float(x))]
        points[k] = (x / FINER, y / FINER, 2 if depth[k] >= near - slack else 1)
    return points
