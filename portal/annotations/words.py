"""What is said of points to those who mark them, and where they are on the small drawn dog."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from ml.skeleton import KEYPOINTS, PARTS, SKELETON
from portal.matching.overlay import Overlay, draw

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

# The same for the dog's left and right.
HINTS: dict[str, StrPromise] = {
    "eye": _("The middle of the eye."),
    "nose": _("The tip of the nose."),
    "ear_base": _("The middle of where the ear meets the head."),
    "mouth_corner": _("Where upper and lower lip meet."),
    "neck": _("The middle of the neck, just before the shoulders."),
    "root_of_tail": _("Where the tail begins."),
    "shoulder": _("At the front of the chest, where the leg begins."),
    "elbow": _("Where the front leg leaves the body."),
    "front_paw": _("The toes of the front paw."),
    "hip": _("On the rump, a hand before the root of the tail."),
    "knee": _("At the front of the thigh, where it meets the belly."),
    "back_paw": _("The toes of the hind paw, not the heel."),
}

# A dog that stands with its head to the reader's left and looks at the reader: its left side is
# the near one. Pixels of templates/annotations/figure.html.
FIGURE_WIDTH, FIGURE_HEIGHT = 240, 176
FIGURE: dict[str, tuple[float, float]] = {
    "left_eye": (66, 46),
    "right_eye": (46, 46),
    "nose": (56, 61),
    "neck": (86, 76),
    "root_of_tail": (205, 76),
    "left_shoulder": (88, 98),
    "left_elbow": (101, 118),
    "left_front_paw": (94, 164),
    "right_shoulder": (70, 94),
    "right_elbow": (79, 116),
    "right_front_paw": (70, 158),
    "left_hip": (190, 88),
    "left_knee": (180, 122),
    "left_back_paw": (196, 164),
    "right_hip": (173, 78),
    "right_knee": (158, 116),
    "right_back_paw": (168, 158),
    "left_ear_base": (73, 30),
    "right_ear_base": (39, 30),
    "left_mouth_corner": (66, 68),
    "right_mouth_corner": (46, 68),
}


SIDES: dict[str, StrPromise] = {
    "left": _("The dog's own left: on your right when it looks at you."),
    "right": _("The dog's own right: on your left when it looks at you."),
}


def hint(name: str) -> str:
    """Where the point is, and which side is meant."""
    side, _line, rest = name.partition("_")
    return f"{HINTS[rest]} {SIDES[side]}" if side in SIDES else str(HINTS[name])


@cache
def figure() -> Overlay:
    """All points on the drawn dog."""
    drawn = draw(
        layout={
            "names": KEYPOINTS,
            "parts": PARTS,
            "skeleton": [(KEYPOINTS[a], KEYPOINTS[b]) for a, b in SKELETON],
        },
        points=[
            (FIGURE[name][0] / FIGURE_WIDTH, FIGURE[name][1] / FIGURE_HEIGHT, 1.0)
            for name in KEYPOINTS
        ],
        box=None,
        width=FIGURE_WIDTH,
        height=FIGURE_HEIGHT,
    )
    assert drawn is not None
    return drawn
