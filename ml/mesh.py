"""A person's face as a mesh of 468 points, turned to the front.

Landmarks are MediaPipe's face mesh (Kartynnik et al., Real-time Facial Surface Geometry from
Monocular Video on Mobile GPUs, 2019), which its wheel carries. It gives a depth too, so a face that
looks aside or down is laid over a mean face that looks straight ahead (Umeyama, Least-Squares
Estimation of Transformation Parameters, 1991) before anything is measured. One look differs from
the next by a fifth of what people differ in; so the face is cut out and looked at from eight
slightly different cuts, half of them mirrored, and their mean is taken.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from ml.errors import DataError, FaceUnclear, NoFace

POINTS = 468
FRONT_FILE = Path(__file__).with_suffix(".json")

# Of MediaPipe's points; left and right are the person's own. An ear is the side of the face below
# it, down to the angle of the jaw, since hair hides ears.
LANDMARKS: dict[str, tuple[int, ...]] = {
    "left_eye": (362, 263),
    "right_eye": (33, 133),
    "nose": (2, 94),
    "left_mouth_corner": (291,),
    "right_mouth_corner": (61,),
    "left_ear_base": (361, 288, 397),
    "right_ear_base": (132, 58, 172),
}
_LIPS = (13, 14)  # the edges between which an open mouth is seen
_LIP_ENDS = (0, 17)  # the upper edge of the upper lip, the lower one of the lower lip

# Cuts: turned by so many radians, so many times the face's size, and aside by parts of the cut.
_CUTS = (
    (0.0, 1.6, (0.0, 0.0)),
    (0.12, 1.75, (0.03, 0.0)),
    (-0.12, 1.75, (-0.03, 0.0)),
    (0.0, 2.0, (0.0, 0.02)),
)
_CUT_SIDE = 256

# A smaller face in the photo, in pixels, is refused: below it, size alone moves what is measured by
# half of what people differ in.
SMALLEST = 32
# So much may the looks at a face differ, as the root of the mean square in the units of `Front`.
# Portraits have 0.011 to 0.022; one blurred by a twentieth of the face's size, or turned aside by
# 40°, has more.
LARGEST_SPREAD = 0.027


@dataclass(frozen=True, eq=False)
class Front:
    """The mean face, (468, 3): x to the person's left, y down, z away from who looks; symmetric,
    its middle at 0, its points on average 1 away from it."""

    points: np.ndarray

    @classmethod
    def load(cls, path: Path = FRONT_FILE) -> "Front":
        """Raises DataError where the file is none."""
        try:
            points = np.array(json.loads(path.read_text())["front"], np.float64)
            if points.shape != (POINTS, 3):
                raise ValueError(f"{points.shape}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path.name} holds no face. Restore it from the repository.", str(error)
            ) from error
        return cls(points)

    @classmethod
    def of(cls, meshes: Sequence[np.ndarray]) -> "Front":
        """From faces as they were found, (468, 3) each. Raises DataError without any."""
        if not len(meshes):
            raise DataError("No photo of people shows a face. Give others.")
        mean = np.asarray(meshes[0], np.float64)
        for _ in range(5):
            mean = np.mean([_laid_over(mesh, mean, None) for mesh in meshes], axis=0)
        mean = _straight(mean)
        for _ in range(3):
            mean = (mean + mean[_mates(mean)] * (-1, 1, 1)) / 2
        return cls(mean / np.linalg.norm(mean, axis=1).mean())

    def to_json(self) -> str:
        """What `load` reads."""
        rows = ",\n".join(json.dumps(row) for row in self.points.round(4).tolist())
        return f'{{"front": [\n{rows}\n]}}\n'

    def turned(self, mesh: np.ndarray) -> np.ndarray:
        """A face (468, 3) laid over this one by what a smile or a word moves little: all that is
        above the base of the nose."""
        return _laid_over(mesh, self.points, self._steady)

    def mirrored(self, mesh: np.ndarray) -> np.ndarray:
        """The mirror image of a face, its left points where the right ones were."""
        return np.asarray(mesh)[self._mates] * (-1, 1, 1)

    @cached_property
    def _steady(self) -> np.ndarray:
        base = self.points[list(LANDMARKS["nose"]), 1].mean()
        return (self.points[:, 1] < base).astype(np.float64)

    @cached_property
    def _mates(self) -> np.ndarray:
        return _mates(self.points)


class FaceFinder:
    """MediaPipe's face mesh on the CPU. Load it once per process; not safe for several threads."""

    def __init__(self) -> None:
        # It tells of its own making on standard error at every start.
        with _quiet():
            from mediapipe.python.solutions.face_mesh import FaceMesh

            self._mesh = FaceMesh(
                static_image_mode=True,
                max_num_faces=5,
                refine_landmarks=False,
                min_detection_confidence=0.4,
            )
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))

    @cached_property
    def front(self) -> Front:
        return Front.load()

    def find(self, image: np.ndarray) -> np.ndarray:
        """The largest face, (468, 3), turned to the front, in the units of `Front`.

        `image` is (H, W, 3) uint8 RGB, upright. Raises NoFace, and FaceUnclear where the face is
        too small, or its looks differ too much, as those of a blurred one or one from the side do.
        """
        first = self.look(image)
        if np.ptp(first[:, :2], axis=0).max() < SMALLEST:
            raise FaceUnclear(f"{np.ptp(first[:, :2], axis=0).max():.0f} pixels")
        looks = []
        for angle, room, aside in _CUTS:
            cut = _cut(image, first, angle, room, aside)
            for mirrored in (False, True):
                try:
                    seen = self.look(np.ascontiguousarray(cut[:, ::-1]) if mirrored else cut)
                except NoFace:
                    continue
                looks.append(self.front.turned(self.front.mirrored(seen) if mirrored else seen))
        if len(looks) <= len(_CUTS):
            raise FaceUnclear(f"seen in {len(looks)} of {2 * len(_CUTS)} looks")
        apart = np.stack(looks) - np.mean(looks, axis=0)
        spread = float(np.sqrt((apart**2).sum(-1).mean()))
        if spread > LARGEST_SPREAD:
            raise FaceUnclear(f"looks differ by {spread:.3f}")
        mean: np.ndarray = np.mean(looks, axis=0)
        return mean

    def look(self, image: np.ndarray) -> np.ndarray:
        """The largest face as it is seen once: (468, 3), x, y and z in pixels, z away from the
        camera. Raises NoFace."""
        found = self._mesh.process(image).multi_face_landmarks or []
        height, width = image.shape[:2]
        faces = [
            np.array([(p.x * width, p.y * height, p.z * width) for p in face.landmark], np.float64)
            for face in found
        ]
        if not faces:
            raise NoFace
        return max(faces, key=lambda points: float(np.prod(np.ptp(points[:, :2], axis=0))))


def points_of(mesh: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """x, y and a score of 1 by the names that dogs' keypoints have, of a mesh (468, 3)."""
    return {
        name: (*map(float, mesh[list(places), :2].mean(0)), 1.0)  # type: ignore[misc]
        for name, places in LANDMARKS.items()
    }


def expression(mesh: np.ndarray) -> np.ndarray:
    """(2,): how far the mouth is open, and how far its corners lie below the middle of the lips
    (less where it smiles), both over the distance of the eyes."""
    points = points_of(mesh)
    eyes = np.linalg.norm(np.subtract(points["left_eye"], points["right_eye"]))
    lips = np.linalg.norm(np.subtract(*mesh[list(_LIPS)]))
    corners = (points["left_mouth_corner"][1] + points["right_mouth_corner"][1]) / 2
    lift = corners - mesh[list(_LIP_ENDS), 1].mean()
    return np.array([lips, lift]) / eyes


def _cut(
    image: np.ndarray, face: np.ndarray, angle: float, room: float, aside: tuple[float, float]
) -> np.ndarray:
    """The face upright but for `angle`, in a square of 256 pixels; black where the photo ends."""
    eyes = [face[list(LANDMARKS[name]), :2].mean(0) for name in ("right_eye", "left_eye")]
    across = eyes[1] - eyes[0]
    roll = float(np.arctan2(across[1], across[0]))
    upright = face[:, :2] @ _turn(roll)
    middle = _turn(roll) @ ((upright.min(0) + upright.max(0)) / 2)
    side = float(np.ptp(upright, axis=0).max()) * room
    # From a pixel of the cut to one of the photo.
    matrix = _turn(roll + angle) * (side / _CUT_SIDE)
    start = middle + np.array(aside) * side - matrix @ np.full(2, _CUT_SIDE / 2)
    picture = Image.fromarray(image)
    # A picture made much smaller at once would show a pattern of its own.
    smaller = max(1, int(side / _CUT_SIDE))
    if smaller > 1:
        picture = picture.reduce(smaller)
        matrix, start = matrix / smaller, start / smaller
    way = (matrix[0, 0], matrix[0, 1], start[0], matrix[1, 0], matrix[1, 1], start[1])
    cut = picture.transform(
        (_CUT_SIDE, _CUT_SIDE), Image.Transform.AFFINE, way, Image.Resampling.BICUBIC
    )
    return np.asarray(cut)


def _turn(angle: float) -> np.ndarray:
    """(2, 2): turns a column by so many radians, clockwise in a picture."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _laid_over(mesh: np.ndarray, over: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """The mesh shifted, turned and scaled so that its points come nearest those of `over`."""
    shares = np.ones(len(mesh)) if weights is None else weights
    shares = shares / shares.sum()
    here, there = shares @ mesh, shares @ over
    a, b = mesh - here, over - there
    u, sizes, vt = np.linalg.svd((b * shares[:, None]).T @ a)
    signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    turn = (u * signs) @ vt
    scale = float(sizes @ signs) / float(shares @ (a**2).sum(1))
    laid: np.ndarray = scale * a @ turn.T + there
    return laid


def _straight(mesh: np.ndarray) -> np.ndarray:
    """A face turned so that its sides are x and its height is y; its middle at 0."""
    sides = [LANDMARKS[f"left_{part}"] for part in ("eye", "mouth_corner", "ear_base")]
    others = [LANDMARKS[f"right_{part}"] for part in ("eye", "mouth_corner", "ear_base")]
    x = sum(
        mesh[list(left)].mean(0) - mesh[list(right)].mean(0)
        for left, right in zip(sides, others, strict=True)
    )
    x = x / np.linalg.norm(x)
    y = mesh[_CHIN] - mesh[_FOREHEAD]
    y = y - x * (x @ y)
    y = y / np.linalg.norm(y)
    return (mesh - mesh.mean(0)) @ np.stack([x, y, np.cross(x, y)]).T


_FOREHEAD, _CHIN = 10, 152


def _mates(mesh: np.ndarray) -> np.ndarray:
    """(468,): for each point the one on the other side, of a face that is straight."""
    apart = mesh[:, None] - (mesh * (-1, 1, 1))[None]
    mates: np.ndarray = (apart**2).sum(-1).argmin(1)
    return mates


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Standard error of the process and its libraries into nothing."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
