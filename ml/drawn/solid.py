"""A body made of many overlapping balls, with where each lies on the dog at rest."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Part(IntEnum):
    TORSO = 0
    NECK = 1
    FRONT_LEG = 2
    HIND_LEG = 3
    TAIL = 4
    HEAD = 5
    MUZZLE = 6
    EAR = 7


class Material(IntEnum):
    COAT = 0
    NOSE = 1
    MOUTH = 2
    TONGUE = 3
    COLLAR = 4
    TAG = 5


@dataclass(frozen=True)
class Solid:
    """n balls. `centre` and `rest` (n, 3), `radius` (n,), in body units; `flow` (n, 3) is the way
    hair lies; `turn` (n, 3, 3) rotates an offset in this posture back to the one at rest; `facing`
    (n, 3) is the front of a thin sheet (an ear), zero elsewhere; `across` −1..1 lies across it.
    """

    centre: Array
    radius: Array
    rest: Array
    flow: Array
    turn: Array
    facing: Array
    across: Array
    along: Array
    part: NDArray[np.uint8]
    material: NDArray[np.uint8]


@dataclass
class Balls:
    """Collects balls in a fixed order, so that two postures of a dog match ball by ball."""

    centre: list[Array] = field(default_factory=list)
    radius: list[Array] = field(default_factory=list)
    flow: list[Array] = field(default_factory=list)
    frame: list[Array] = field(default_factory=list)
    facing: list[Array] = field(default_factory=list)
    across: list[Array] = field(default_factory=list)
    along: list[Array] = field(default_factory=list)
    part: list[NDArray[np.uint8]] = field(default_factory=list)
    material: list[NDArray[np.uint8]] = field(default_factory=list)

    def add(
        self,
        centre: Array,
        radius: Array,
        part: Part,
        *,
        flow: Array,
        frame: Array,
        material: Material = Material.COAT,
        facing: Array | None = None,
        across: Array | None = None,
        along: Array | None = None,
    ) -> None:
        """Add balls (n, 3) whose part is turned by `frame` (3, 3), local to world."""
        n = len(centre)
        self.centre.append(centre)
        self.radius.append(np.broadcast_to(radius, n).astype(float))
        self.flow.append(np.broadcast_to(flow, (n, 3)))
        self.frame.append(np.broadcast_to(frame, (n, 3, 3)))
        self.facing.append(np.zeros((n, 3)) if facing is None else facing)
        self.across.append(np.zeros(n) if across is None else across)
        self.along.append(np.linspace(0, 1, n) if along is None else along)
        self.part.append(np.full(n, part, np.uint8))
        self.material.append(np.full(n, material, np.uint8))

    def chain(
        self,
        points: Array,
        radii: Array,
        part: Part,
        *,
        frame: Array,
        material: Material = Material.COAT,
        flow: Array | None = None,
        density: int = 11,
    ) -> None:
        """Balls along a smooth curve through `points` (k, 3) with `radii` (k,).

        Hair lies along the curve unless `flow` says otherwise.
        """
        points = np.asarray(points, float)
        radii = np.asarray(radii, float)
        # As many in every posture, however it stretches the curve.
        t = np.linspace(0, len(points) - 1, density * (len(points) - 1) + 1)
        curve = spline(np.column_stack([points, radii]), t)
        if flow is None:
            direction = np.gradient(curve[:, :3], axis=0)
            flow = direction / (np.linalg.norm(direction, axis=1, keepdims=True) + 1e-9)
        self.add(curve[:, :3], curve[:, 3], part, flow=flow, frame=frame, material=material)

    def solid(self, rest: "Balls") -> Solid:
        """These balls, told where they are on the dog at rest."""
        here, there = np.concatenate(self.frame), np.concatenate(rest.frame)
        return Solid(
            centre=np.concatenate(self.centre),
            radius=np.concatenate(self.radius),
            rest=np.concatenate(rest.centre),
            flow=np.concatenate(self.flow),
            turn=there @ here.transpose(0, 2, 1),
            facing=np.concatenate(self.facing),
            across=np.concatenate(self.across),
            along=np.concatenate(self.along),
            part=np.concatenate(self.part),
            material=np.concatenate(self.material),
        )


def spline(points: Array, t: Array) -> Array:
    """Catmull-Rom curve through `points` (k, d) at parameters `t` in 0..k−1."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    span = np.clip(np.floor(t).astype(int), 0, len(points) - 2)
    s = (t - span)[:, None]
    a, b, c, d = (padded[span + k] for k in range(4))
    return 0.5 * (
        2 * b + (c - a) * s + (2 * a - 5 * b + 4 * c - d) * s**2 + (3 * b - a - 3 * c + d) * s**3
    )


def outermost(centres: Array, radii: Array, start: Array, way: Array) -> Array:
    """The last point of these balls on the ray from `start` in unit direction `way`."""
    offset = centres - start
    along = offset @ way
    inside = radii**2 - (offset**2).sum(axis=1) + along**2
    hit = inside > 0
    return start + float((along[hit] + np.sqrt(inside[hit])).max(initial=0.0)) * way


def rotation(yaw: float, pitch: float, roll: float) -> Array:
    """Local to world, degrees: yaw to the dog's left, pitch nose up, roll to the dog's right."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
    nod = np.array([[np.cos(p), 0, -np.sin(p)], [0, 1, 0], [np.sin(p), 0, np.cos(p)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(r), -np.sin(r)], [0, np.sin(r), np.cos(r)]])
    return turn @ nod @ tilt
