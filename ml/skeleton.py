"""The 21 points of a dog that Pawkin knows, and what belongs to each.

The first 17 are AP-10K's, in its order (Yu et al., AP-10K, NeurIPS 2021); then come the ear bases
and the mouth corners. Left and right are the dog's own.
"""

from typing import Literal

Part = Literal["face", "body", "front_legs", "hind_legs"]

KEYPOINTS: tuple[str, ...] = (
    "left_eye",
    "right_eye",
    "nose",
    "neck",
    "root_of_tail",
    "left_shoulder",
    "left_elbow",
    "left_front_paw",
    "right_shoulder",
    "right_elbow",
    "right_front_paw",
    "left_hip",
    "left_knee",
    "left_back_paw",
    "right_hip",
    "right_knee",
    "right_back_paw",
    "left_ear_base",
    "right_ear_base",
    "left_mouth_corner",
    "right_mouth_corner",
)

INDEX: dict[str, int] = {name: index for index, name in enumerate(KEYPOINTS)}

_EDGES: tuple[tuple[str, str], ...] = (
    ("left_eye", "right_eye"),
    ("left_eye", "nose"),
    ("right_eye", "nose"),
    ("left_eye", "left_ear_base"),
    ("right_eye", "right_ear_base"),
    ("nose", "left_mouth_corner"),
    ("nose", "right_mouth_corner"),
    ("nose", "neck"),
    ("neck", "root_of_tail"),
    ("neck", "left_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_front_paw"),
    ("neck", "right_shoulder"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_front_paw"),
    ("root_of_tail", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_back_paw"),
    ("root_of_tail", "right_hip"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_back_paw"),
)

SKELETON: tuple[tuple[int, int], ...] = tuple((INDEX[a], INDEX[b]) for a, b in _EDGES)
"""Edges to draw, as pairs of indices into KEYPOINTS."""

PARTS: dict[str, Part] = {
    name: (
        "body"
        if name in ("neck", "root_of_tail")
        else "front_legs"
        if name.endswith(("shoulder", "elbow", "front_paw"))
        else "hind_legs"
        if name.endswith(("hip", "knee", "back_paw"))
        else "face"
    )
    for name in KEYPOINTS
}
"""The part of the dog that each point is drawn and toggled with."""


def mirror(name: str) -> str:
    """The point on the dog's other side; a point on the middle line is its own mirror."""
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


FLIP: tuple[tuple[int, int], ...] = tuple(
    (INDEX[name], INDEX[mirror(name)]) for name in KEYPOINTS if name.startswith("left_")
)
"""(left, right) pairs of indices: what trades places when a photo is mirrored."""

MIRRORED: tuple[int, ...] = tuple(INDEX[mirror(name)] for name in KEYPOINTS)
"""For each point the index of what it is in the mirror image."""

SIGMAS: tuple[float, ...] = (
    *(0.025, 0.025, 0.026, 0.035, 0.035),
    *(0.079, 0.072, 0.062, 0.079, 0.072, 0.062),
    *(0.107, 0.087, 0.089, 0.107, 0.087, 0.089),
    *(0.035, 0.035),
    *(0.026, 0.026),
)
"""Per-point spread for OKS, relative to the square root of the box area.

Points 1 to 17 as MMPose 1.3 states them for AP-10K; ear bases as MMPose states them for Animal-Pose
(0.035); mouth corners as the nose, since two annotators agree on both to 1 % of the box.
"""
