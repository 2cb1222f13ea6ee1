"""What a dog does in a photo and which way it faces, in the words that data sets and rows use."""

from typing import Literal, NamedTuple

Posture = Literal["standing", "sitting", "lying", "other"]
View = Literal[
    "front", "front-left", "front-right", "left", "right", "back", "back-left", "back-right"
]

POSTURES: tuple[Posture, ...] = ("standing", "sitting", "lying", "other")
"""`other` is a dog that is held, rears up, or of which too little is in the picture."""

VIEWS: tuple[View, ...] = (
    "front",
    "front-left",
    "front-right",
    "left",
    "right",
    "back",
    "back-left",
    "back-right",
)
"""Left and right are the picture's, not the dog's."""

MIRRORED: tuple[int, ...] = (0, 2, 1, 4, 3, 5, 7, 6)
"""For each view its place in VIEWS once the picture is mirrored."""


class Traits(NamedTuple):
    """What a keypoint network says of a dog besides its points."""

    posture: Posture
    view: View
