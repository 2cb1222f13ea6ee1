"""From a dog and a posture to balls and joints.

World axes: x the way the body points, y to the dog's left, z up; the ground is z = 0.
"""

from dataclasses import dataclass

import numpy as np

from ml.drawn.head import Face, add_head, face_of
from ml.drawn.params import DrawnDog, Posture
from ml.drawn.solid import Array, Balls, Material, Part, Solid, outermost, rotation, spline
from ml.skeleton import INDEX, KEYPOINTS

DOWN = np.array([0.0, 0.0, -1.0])
STILL = np.eye(3)


@dataclass(frozen=True)
class Pose:
    posture: Posture = "standing"
    head_yaw: float = 0.0
    head_pitch: float = 0.0
    head_roll: float = 0.0
    stride: float = 0.0
    tail_sway: float = 0.0
    tongue: bool = False


@dataclass(frozen=True)
class Body:
    """The balls, the 21 joints (21, 3) and how the head lies, in world axes."""

    solid: Solid
    joints: Array
    head_centre: Array
    head_frame: Array
    rest_head: Array
    face: Face
    toes: Array
    """Middle and radius of the tip of each paw (4, 4)."""


@dataclass(frozen=True)
class Torso:
    """The trunk's own frame: u along it in body lengths, w upwards and y sidewards in depths."""

    middle: Array
    angle: float
    length: float
    depth: float

    @property
    def frame(self) -> Array:
        return rotation(0.0, self.angle, 0.0)

    def at(self, u: float, w: float, y: float = 0.0) -> Array:
        return self.middle + self.frame @ np.array(
            [u * self.length, y * self.depth, w * self.depth]
        )


def torso_of(dog: DrawnDog, posture: Posture) -> Torso:
    shape = dog.shape
    if posture == "standing":
        middle, angle = np.array([0, 0, shape.leg + 0.5 * shape.depth]), 1.5
    elif posture == "sitting":
        rise = (shape.leg + 0.30 * shape.depth) / (0.72 * shape.length)
        angle = float(np.degrees(np.arcsin(np.clip(rise, 0.55, 0.88))))
        height = 0.33 * shape.depth + 0.42 * shape.length * np.sin(np.radians(angle))
        middle = np.array([0, 0, height])
    else:
        middle, angle = np.array([0, 0, 0.50 * shape.depth]), 3.0
    return Torso(middle, angle, shape.length, shape.depth)


def body_of(dog: DrawnDog, pose: Pose) -> Body:
    rest_balls, _, rest_head, _ = _build(dog, Pose(tongue=pose.tongue))
    balls, joints, head, frame = _build(dog, pose)
    face = face_of(dog, pose.tongue)
    solid = balls.solid(rest_balls)
    last = np.isin(solid.part, [Part.FRONT_LEG, Part.HIND_LEG]) & (solid.along == 1.0)
    toes = np.column_stack([solid.centre[last], solid.radius[last]])
    return Body(solid, joints, head, frame, rest_head, face, toes)


def _build(dog: DrawnDog, pose: Pose) -> tuple[Balls, Array, Array, Array]:
    shape, torso = dog.shape, torso_of(dog, pose.posture)
    balls, joints = Balls(), np.zeros((len(KEYPOINTS), 3))
    _add_trunk(balls, torso)
    for side, name in ((1.0, "left"), (-1.0, "right")):
        _add_front_leg(balls, joints, dog, torso, pose, side, name)
        _add_hind_leg(balls, joints, dog, torso, pose, side, name)
    joints[INDEX["root_of_tail"]] = torso.at(-0.47, 0.20)
    _add_tail(balls, dog, torso, pose)

    lean = {"standing": 58.0, "sitting": 76.0, "lying": 66.0}[pose.posture]
    rise = np.radians(lean)
    root = torso.at(0.34, 0.20)
    turn = np.radians(0.35 * pose.head_yaw)
    ahead = np.array([np.cos(rise) * np.cos(turn), np.cos(rise) * np.sin(turn), np.sin(rise)])
    top = root + (shape.neck + 0.10 * shape.depth) * ahead
    frame = rotation(pose.head_yaw, pose.head_pitch, pose.head_roll)
    head = top + shape.head * (frame @ np.array([0.25, 0, 0.35]))
    chest = torso.at(0.40, -0.12)
    neck = np.stack(
        [root, 0.5 * (root + top) + 0.02 * ahead, top, head - 0.25 * shape.head * ahead]
    )
    girth = shape.depth * np.array([0.38, 0.33, 0.30, 0.26])
    girth = np.maximum(girth, shape.head * np.array([0.7, 0.72, 0.74, 0.7]))
    balls.chain(neck, girth, Part.NECK, frame=STILL, flow=-ahead + 0.3 * DOWN)
    throat = np.stack([chest, 0.5 * (chest + top) + np.array([0.05 * shape.depth, 0, 0]), top])
    balls.chain(throat, girth[[0, 0, 2]] * [0.80, 0.86, 0.92], Part.NECK, frame=STILL, flow=DOWN)
    joints[INDEX["neck"]] = 0.55 * root + 0.45 * top
    if dog.collar is not None:
        _add_collar(balls, neck, ahead)

    add_head(balls, dog, head, frame, pose.tongue)
    face = face_of(dog, pose.tongue)
    places = {
        "left_eye": face.eyes[0],
        "right_eye": face.eyes[1],
        "nose": face.nose,
        "left_ear_base": face.ear_bases[0],
        "right_ear_base": face.ear_bases[1],
        "left_mouth_corner": face.mouth[-1],
        "right_mouth_corner": face.mouth[0],
    }
    for name, point in places.items():
        joints[INDEX[name]] = head + shape.head * frame @ point
    return balls, joints, head, frame


def _add_trunk(balls: Balls, torso: Torso) -> None:
    along = torso.frame @ np.array([-1.0, 0.0, -0.18])
    upper = [(0.40, 0.08), (0.26, 0.12), (0.0, 0.13), (-0.26, 0.13), (-0.40, 0.08)]
    lower = [(0.43, -0.10), (0.26, -0.13), (0.02, -0.07), (-0.24, 0.01), (-0.38, 0.02)]
    for line, radii in (
        (upper, [0.34, 0.37, 0.35, 0.34, 0.32]),
        (lower, [0.30, 0.37, 0.34, 0.29, 0.29]),
    ):
        points = np.stack([torso.at(u, w) for u, w in line])
        balls.chain(
            points,
            torso.depth * np.array(radii),
            Part.TORSO,
            frame=torso.frame,
            flow=along,
            density=6,
        )


def _add_front_leg(
    balls: Balls, joints: Array, dog: DrawnDog, torso: Torso, pose: Pose, side: float, name: str
) -> None:
    shape, depth = dog.shape, torso.depth
    bone = shape.bone * depth
    shoulder = torso.at(0.33, 0.0, 0.22 * side)
    y = 0.24 * side * depth
    step = 0.14 * pose.stride * side * shape.leg
    floor = 0.105 * bone
    if pose.posture == "lying":
        elbow = torso.at(0.27, -0.34, 0.30 * side)
        reach = 0.55 * shape.leg + 0.30 * depth
        paw = np.array([elbow[0] + reach, 0.30 * side * depth, floor])
        wrist = np.array([elbow[0] + 0.72 * reach, 0.30 * side * depth, floor + 0.02 * depth])
    else:
        under = shoulder[0] + (0.02 if pose.posture == "standing" else 0.05) * shape.length
        if pose.posture == "standing":
            elbow = torso.at(0.27, -0.46, 0.26 * side)
        else:
            elbow = np.array([shoulder[0] - 0.02 * shape.length, y, 0.56 * shoulder[2]])
        paw = np.array([under + step, y, floor])
        wrist = np.array([under + 0.6 * step - 0.01, y, 0.30 * elbow[2] + floor])
    toe = paw + np.array([0.11 * bone, 0, -0.01 * bone])
    points = np.stack([shoulder, elbow, wrist, paw, toe])
    radii = np.array([0.24 * depth, 0.145 * bone, 0.105 * bone, 0.115 * bone, 0.105 * bone])
    balls.chain(points, radii, Part.FRONT_LEG, frame=STILL, density=16)
    joints[INDEX[f"{name}_shoulder"]] = torso.at(0.38, -0.02, 0.36 * side)
    joints[INDEX[f"{name}_elbow"]] = elbow + np.array([0, 0.05 * side * depth, 0])
    joints[INDEX[f"{name}_front_paw"]] = paw + np.array([0.06 * bone, 0, 0])


def _add_hind_leg(
    balls: Balls, joints: Array, dog: DrawnDog, torso: Torso, pose: Pose, side: float, name: str
) -> None:
    shape, depth = dog.shape, torso.depth
    bone = shape.bone * depth
    floor = 0.105 * bone
    if pose.posture == "standing":
        step = -0.12 * pose.stride * side * shape.leg
        hip = torso.at(-0.33, 0.02, 0.20 * side)
        y = 0.23 * side * depth
        knee = np.array([hip[0] + 0.07 * shape.length, y, 0.92 * shape.leg])
        hock = np.array([hip[0] - 0.13 * shape.length + step, y, 0.40 * shape.leg])
        paw = np.array([hip[0] - 0.09 * shape.length + step, y, floor])
        radii = np.array([0.29 * depth, 0.175 * depth, 0.095 * bone, 0.105 * bone, 0.10 * bone])
    else:
        sit = pose.posture == "sitting"
        hip = torso.at(-0.34, -0.02, 0.24 * side)
        reach = 0.40 * shape.leg + 0.34 * depth
        knee = np.array(
            [hip[0] + 0.75 * reach, 0.40 * side * depth, (0.46 if sit else 0.44) * depth]
        )
        hock = np.array([hip[0] - 0.05, 0.44 * side * depth, floor + 0.06 * depth])
        paw = np.array([hip[0] + 0.92 * reach, 0.50 * side * depth, floor])
        radii = np.array([0.32 * depth, 0.24 * depth, 0.12 * bone, 0.115 * bone, 0.105 * bone])
    toe = paw + np.array([0.11 * bone, 0, -0.01 * bone])
    points = np.stack([hip, knee, hock, paw, toe])
    balls.chain(points, radii, Part.HIND_LEG, frame=STILL, density=16)
    joints[INDEX[f"{name}_hip"]] = hip + np.array([0, 0.14 * side * depth, 0])
    joints[INDEX[f"{name}_knee"]] = knee + np.array([0.02, 0.05 * side * depth, 0])
    joints[INDEX[f"{name}_back_paw"]] = paw + np.array([0.06 * bone, 0, 0])


def _add_tail(balls: Balls, dog: DrawnDog, torso: Torso, pose: Pose) -> None:
    shape = dog.shape
    start, bend, fullness = {
        "curl": (55.0, 265.0, [0.11, 0.13, 0.13, 0.12, 0.07]),
        "sabre": (28.0, 45.0, [0.10, 0.08, 0.065, 0.05, 0.03]),
        "low": (-58.0, 62.0, [0.10, 0.09, 0.08, 0.07, 0.04]),
        "plume": (40.0, 95.0, [0.10, 0.14, 0.17, 0.16, 0.07]),
        "stub": (50.0, 10.0, [0.10, 0.095, 0.09, 0.085, 0.07]),
    }[shape.tail]
    length = shape.tail_length * (0.24 if shape.tail == "stub" else 1.0)
    steps = 9
    down = pose.posture != "standing" and shape.tail in ("sabre", "low", "plume")
    if down:
        start, bend = -12.0, 30.0
    angles = np.radians(start + bend * np.linspace(0, 1, steps))
    sway = np.radians(pose.tail_sway) * np.linspace(0.3, 1.4, steps)
    if shape.tail == "curl":
        sway = sway * 0.3 + np.radians(9.0)
    stride = length / steps
    steps_xyz = stride * np.stack(
        [-np.cos(angles) * np.cos(sway), np.sin(sway), np.sin(angles)], axis=1
    )
    root = torso.at(-0.44, 0.16)
    points = np.concatenate([root[None], root + np.cumsum(steps_xyz, axis=0)])
    radii = torso.depth * np.interp(
        np.linspace(0, 1, len(points)), np.linspace(0, 1, len(fullness)), fullness
    )
    points[:, 2] = np.maximum(points[:, 2], radii)
    balls.chain(points, radii, Part.TAIL, frame=STILL, density=9)


def _add_collar(balls: Balls, neck: Array, ahead: Array) -> None:
    """A ring on the surface of the neck and the throat, which were added last."""
    centres, radii = np.concatenate(balls.centre[-2:]), np.concatenate(balls.radius[-2:])
    middle = spline(neck, np.array([1.35]))[0]
    left = np.array([0.0, 1.0, 0.0])
    # The ring leans down in front, as a collar does.
    front = np.cross(left, ahead) - 0.35 * ahead
    front /= np.linalg.norm(front)
    angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    ways = np.cos(angles)[:, None] * front + np.sin(angles)[:, None] * left
    ring = np.stack([outermost(centres, radii, middle, way) for way in ways])
    around = float(np.linalg.norm(ring - middle, axis=1).mean())
    thick = 0.085 * around
    strap = np.concatenate([ring - 0.55 * thick * ahead, ring + 0.55 * thick * ahead])
    balls.add(
        strap,
        np.full(len(strap), thick),
        Part.NECK,
        flow=DOWN,
        frame=STILL,
        material=Material.COLLAR,
    )
    tag = ring[0] + 0.8 * thick * front - np.array([0, 0, 2.0 * thick])
    balls.add(
        tag[None],
        np.array([1.5 * thick]),
        Part.NECK,
        flow=DOWN,
        frame=STILL,
        material=Material.TAG,
    )
