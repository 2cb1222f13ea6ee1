"""The head: skull, muzzle, nose, mouth and ears, and the points of the face.

Local axes: x to the nose, y to the dog's left, z up; lengths in skull radii.
"""

from dataclasses import dataclass

import numpy as np

from ml.drawn.params import DrawnDog
from ml.drawn.solid import Array, Balls, Material, Part, outermost, spline

BACK = np.array([-1.0, 0.0, -0.25])
TIP = 0.72
"""Where a muzzle of no length would end."""


@dataclass(frozen=True)
class Lump:
    """Balls of the head: `centre` (n, 3) and `radius` (n,) in local axes and skull radii."""

    centre: Array
    radius: Array
    part: Part
    material: Material
    jaw: bool


@dataclass(frozen=True)
class Face:
    """Points of the face in local axes and skull radii; `sides` of eyes etc. are (left, right)."""

    eyes: Array
    eye_normals: Array
    nose: Array
    mouth: Array
    """Line of the closed mouth from the dog's right corner to its left one, (n, 3)."""
    philtrum: Array
    ear_bases: Array


def face_of(dog: DrawnDog, open_mouth: bool) -> Face:
    """Where eyes, nose and mouth lie on the surface of this head."""
    length, width = dog.shape.muzzle, dog.shape.muzzle_width
    hairy = [lump for lump in lumps_of(dog, open_mouth) if lump.material == Material.COAT]
    skull = _together(hairy)
    muzzle = _together([lump for lump in hairy if lump.part == Part.MUZZLE and not lump.jaw])
    tip = TIP + length
    drop = -0.56 if width > 0.7 else -0.52
    left_eye, normal = np.array([0.20, 0.14, 0.07]), np.array([0.89, 0.345, 0.09])
    normal /= np.linalg.norm(normal)
    left_eye = outermost(*skull, left_eye, normal)
    # The lips leave the nose downwards, sag a little and rise again to the corners.
    front = outermost(*muzzle, np.array([tip - 0.3, 0, drop]), np.array([1.0, 0, 0]))
    half = [front]
    for back, turn, low in (
        (0.0, 40.0, -0.10),
        (0.18, 72.0, -0.12),
        (0.40, 88.0, -0.06),
        (0.58, 90.0, 0.05),
    ):
        start = np.array([tip - 0.24 - back * length, 0, drop + low])
        way = np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn)), 0.0])
        half.append(outermost(*muzzle, start, way))
    mirror = np.array([1.0, -1.0, 1.0])
    line = np.stack(half)
    base = ear_base(dog)
    return Face(
        eyes=np.stack([left_eye, left_eye * mirror]),
        eye_normals=np.stack([normal, normal * mirror]),
        nose=np.array([tip + 0.36 * width, 0.0, -0.20]),
        mouth=np.concatenate([line[:0:-1] * mirror, line]),
        philtrum=np.stack([[tip + 0.33 * width, 0.0, -0.32], front]),
        ear_bases=np.stack([base, base * mirror]),
    )


def _together(lumps: list[Lump]) -> tuple[Array, Array]:
    return np.concatenate([v.centre for v in lumps]), np.concatenate([v.radius for v in lumps])


def ear_base(dog: DrawnDog) -> Array:
    return {
        "pricked": np.array([-0.05, 0.60, 0.74]),
        "folded": np.array([-0.05, 0.64, 0.70]),
        "dropped": np.array([-0.08, 0.74, 0.56]),
        "long": np.array([-0.08, 0.84, 0.34]),
    }[dog.shape.ears]


def lumps_of(dog: DrawnDog, open_mouth: bool) -> list[Lump]:
    """Skull, cheeks, muzzle, jaw and nose, without ears."""
    length, width = dog.shape.muzzle, dog.shape.muzzle_width
    tip = TIP + length
    lumps: list[Lump] = []

    def lump(
        points: list[list[float]],
        radii: list[float],
        part: Part = Part.HEAD,
        material: Material = Material.COAT,
        jaw: bool = False,
    ) -> None:
        lumps.append(Lump(np.array(points), np.array(radii), part, material, jaw))

    def bar(
        points: list[list[float]],
        radii: list[float],
        material: Material = Material.COAT,
        jaw: bool = False,
    ) -> None:
        line = np.column_stack([points, radii])
        curve = spline(line, np.linspace(0, len(line) - 1, 17 * (len(line) - 1) + 1))
        lumps.append(Lump(curve[:, :3], curve[:, 3], Part.MUZZLE, material, jaw))

    lump([[0, 0, 0], [-0.18, 0, 0.02], [0.12, 0, -0.10]], [1.0, 0.98, 0.95])
    lump([[0.32, y, 0.16] for y in (-0.28, 0.28)], [0.64, 0.64])
    lump([[0.22, y, -0.34] for y in (-0.46, 0.46)], [0.60, 0.60])
    middle = [0.40 + 0.5 * length, 0, -0.32]
    bar(
        [[0.40, 0, -0.24], middle, [tip - 0.12, 0, -0.36]],
        [0.66, 0.36 + 0.18 * width, 0.40 * width],
    )
    for side in (-1.0, 1.0):
        back = [0.55 + 0.2 * length, 0.22 * side * width, -0.42]
        front = [tip - 0.06, 0.17 * side * width, -0.44]
        bar([back, front], [0.36 * width, 0.32 * width])
    gape = 0.30 if open_mouth else 0.0
    hinge, chin = [0.45, 0, -0.60], [tip - 0.18, 0, -0.62 - 1.1 * gape]
    between = [0.5 + 0.5 * length, 0, -0.66 - 0.6 * gape]
    bar([hinge, between, chin], [0.40, 0.27 * width, 0.20 * width], jaw=True)
    if open_mouth:
        inside = [[0.6, 0, -0.60], [tip - 0.16, 0, -0.72]]
        bar(inside, [0.36 * width, 0.22 * width], Material.MOUTH)
        tongue = [[0.7, 0, -0.70], [tip - 0.05, 0, -0.76], [tip + 0.10, 0, -1.02]]
        bar(tongue, [0.20 * width, 0.20 * width, 0.15 * width], Material.TONGUE)
    grow = 0.45 + 0.55 * width
    rows = [
        [tip + 0.25 * width - 0.30 * (y * wide) ** 2, y * wide * grow, -0.15 - down * grow]
        for down, wide in ((0.0, 0.19), (0.07, 0.18), (0.14, 0.12), (0.20, 0.06))
        for y in np.linspace(-1, 1, 9)
    ]
    lump(rows, [0.115 * grow] * len(rows), Part.MUZZLE, Material.NOSE)
    return lumps


def add_head(balls: Balls, dog: DrawnDog, centre: Array, frame: Array, open_mouth: bool) -> None:
    """Add the head at `centre`, turned by `frame` (3, 3)."""
    back = frame @ (BACK / np.linalg.norm(BACK))
    for lump in lumps_of(dog, open_mouth):
        balls.add(
            centre + dog.shape.head * lump.centre @ frame.T,
            dog.shape.head * lump.radius,
            lump.part,
            flow=back,
            frame=frame,
            material=lump.material,
        )
    for side in (1.0, -1.0):
        add_ear(balls, dog, centre, frame, side)


def add_ear(balls: Balls, dog: DrawnDog, centre: Array, frame: Array, side: float) -> None:
    """A thin cupped sheet of small balls along a bent middle line."""
    kind, grow = dog.shape.ears, dog.shape.ear_size
    upright = kind in ("pricked", "folded")
    base = ear_base(dog) * np.array([1, side, 1])
    if kind == "pricked":
        line = [[0, 0, -0.30], [-0.02, 0.10 * side, 0.50], [-0.06, 0.20 * side, 1.05]]
        across, half = np.array([-0.42, 0.86 * side, -0.10]), 0.46
        profile = [0.98, 1.0, 0.86, 0.60, 0.10]
    elif kind == "folded":
        line = [[0, 0, -0.25], [-0.06, 0.24 * side, 0.52], [0.42, 0.44 * side, 0.14]]
        across, half = np.array([-0.45, 0.85 * side, -0.15]), 0.44
        profile = [0.95, 1.0, 0.95, 0.66, 0.12]
    elif kind == "dropped":
        line = [[0, -0.14 * side, 0.0], [0.06, 0.56 * side, 0.20], [0.28, 0.36 * side, -1.10]]
        across, half = np.array([0.78, -0.52 * side, 0.20]), 0.52
        profile = [0.70, 0.95, 1.05, 0.88, 0.18]
    else:
        line = [[0, -0.15 * side, 0.04], [0.02, 0.58 * side, 0.12], [0.20, 0.30 * side, -2.00]]
        across, half = np.array([0.76, -0.55 * side, 0.08]), 0.62
        profile = [0.62, 0.85, 1.08, 1.08, 0.45]
    across /= np.linalg.norm(across)
    # A smaller ear hangs as far out: it has to clear the same cheek.
    p0, p1, p2 = np.array(line) * ([grow, grow, grow] if upright else [grow, 1.0, grow])
    v = np.linspace(0, 1, 26)[:, None]
    middle = (1 - v) ** 2 * p0 + 2 * v * (1 - v) * p1 + v**2 * p2 + base
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    widths = grow * half * np.interp(v[:, 0], np.linspace(0, 1, len(profile)), profile)
    front = np.cross(along, across) * -side
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    u = np.linspace(-1, 1, 15)
    sheet = middle[:, None] + (u[None, :, None] * widths[:, None, None]) * across
    sheet = sheet + 0.16 * grow * (u[None, :, None] ** 2) * front[:, None] * (1 - v[:, None])
    points = sheet.reshape(-1, 3)
    size = dog.shape.head
    count = (len(v), len(u))
    balls.add(
        centre + size * points @ frame.T,
        np.full(len(points), 0.075 * size),
        Part.EAR,
        flow=np.repeat(along @ frame.T, len(u), axis=0),
        frame=frame,
        facing=np.repeat(front @ frame.T, len(u), axis=0),
        across=np.broadcast_to(u, count).reshape(-1),
        along=np.broadcast_to(v, count).reshape(-1),
    )
