"""The points learnt, and which names of other data sets mean the same.

Six points of Animal-Pose have no counterpart among the 21 (ml.skeleton). They are learnt beside
them, because they teach the network where legs and backs are, and left out of the exported model.
"""

from typing import Any

from ml.skeleton import KEYPOINTS, PARTS, SIGMAS, SKELETON

EXTRA: tuple[str, ...] = (
    "throat",
    "withers",
    "left_wrist",
    "right_wrist",
    "left_hock",
    "right_hock",
)

POINTS: tuple[str, ...] = KEYPOINTS + EXTRA

# Animal-Pose (Cao et al., ICCV 2019) names joints of a leg "elbow" and "knee" at front and back
# alike: its front knee is the wrist, its back elbow the stifle (AP-10K's knee), its back knee the
# hock.
ALIASES: dict[str, str] = {
    "tailbase": "root_of_tail",
    "tail_base": "root_of_tail",
    **{
        f"{side}_{theirs}": f"{side}_{ours}"
        for side in ("left", "right")
        for theirs, ours in (
            ("ear", "ear_base"),
            ("front_elbow", "elbow"),
            ("front_knee", "wrist"),
            ("back_elbow", "knee"),
            ("back_knee", "hock"),
        )
    },
}

_EXTRA_SIGMAS = (0.035, 0.1, 0.072, 0.072, 0.089, 0.089)


def canonical(name: str) -> str:
    """The name in `POINTS` for a data set's own name; an unknown name is returned as it is."""
    name = name.strip().lower().replace(" ", "_").replace("-", "_")
    return ALIASES.get(name, name)


def metainfo() -> dict[str, Any]:
    """What MMPose wants to know of a data set: names, mirror pairs, halves, edges, OKS sigmas."""
    return {
        "dataset_name": "pawkin",
        "paper_info": {},
        "keypoint_info": {
            index: {
                "id": index,
                "name": name,
                "color": [0, 0, 0],
                "type": "upper" if PARTS.get(name) in ("face", "front_legs") else "lower",
                "swap": _swap(name),
            }
            for index, name in enumerate(POINTS)
        },
        "skeleton_info": {
            number: {"id": number, "link": (POINTS[a], POINTS[b]), "color": [0, 0, 0]}
            for number, (a, b) in enumerate(SKELETON)
        },
        "joint_weights": [1.0] * len(POINTS),
        "sigmas": [*SIGMAS, *_EXTRA_SIGMAS],
    }


def _swap(name: str) -> str:
    if name.startswith("left_"):
        return name.replace("left_", "right_", 1)
    if name.startswith("right_"):
        return name.replace("right_", "left_", 1)
    return ""
