"""What a drawn dog is, and what a drawn scene is, as plain numbers.

Lengths are in body units, in which most dogs stand about one unit high; colours are RGB, 0..1.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

Colour = tuple[float, float, float]
Pattern = Literal[
    "solid", "bicolour", "tan_points", "brindle", "merle", "spotted", "saddle", "mask", "urajiro"
]
CoatLength = Literal["smooth", "double", "long", "wire", "curly"]
Ears = Literal["pricked", "folded", "dropped", "long"]
Tail = Literal["curl", "sabre", "low", "plume", "stub"]
Posture = Literal["standing", "sitting", "lying"]
View = Literal["front", "front-left", "front-right", "left", "right"]
Crop = Literal["body", "bust", "head"]
Place = Literal["room", "sofa", "meadow", "run", "studio", "street", "beach"]


@dataclass(frozen=True)
class Shape:
    """Bones and proportions."""

    leg: float
    """Height of the breastbone above the ground."""
    length: float
    """Chest to rump."""
    depth: float
    """Withers to breastbone."""
    head: float
    """Radius of the skull."""
    muzzle: float
    """Length of the muzzle in skull radii."""
    muzzle_width: float
    neck: float
    bone: float
    """Thickness of the legs, 1 is ordinary."""
    ears: Ears
    ear_size: float
    tail: Tail
    tail_length: float


@dataclass(frozen=True)
class Coat:
    """Colour, pattern and hair. `seed` places the patches, so that they stay where they are."""

    base: Colour
    second: Colour
    points: Colour
    pattern: Pattern
    hair: CoatLength
    white: float
    """How far white reaches: 0 none, 0.5 chest and socks, 1 most of the dog."""
    seed: int


@dataclass(frozen=True)
class DrawnDog:
    """All that makes this dog this dog, in whatever scene."""

    breed: str
    """Key of the shape preset in `ml.drawn.breeds`."""
    shape: Shape
    coat: Coat
    iris: Colour
    nose: Colour
    eye_size: float
    collar: Colour | None


@dataclass(frozen=True)
class Light:
    """Where light comes from and what it does; angles in degrees as seen in the picture."""

    direction: float
    """From the left −90, from above 0, from the right 90."""
    warmth: float
    """−1 cool .. 1 warm."""
    strength: float
    """Contrast of light and shade, 0..1."""
    vignette: float
    grain: float


@dataclass(frozen=True)
class Scene:
    """Posture, camera and surroundings."""

    posture: Posture
    azimuth: float
    """Degrees from the dog's nose to the camera, positive on the dog's left."""
    elevation: float
    head_yaw: float
    """Degrees the head is turned to the dog's left from the body's axis."""
    head_pitch: float
    head_roll: float
    stride: float
    """−1..1: which legs are ahead."""
    tail_sway: float
    tongue: bool
    crop: Crop
    fill: float
    """Share of the frame that the cropped part takes."""
    offset: tuple[float, float]
    """Where its middle lies off the picture's, in shares of width and height."""
    place: Place
    place_seed: int
    light: Light

    @property
    def view(self) -> View:
        """The way the dog faces in the picture."""
        side = "left" if self.azimuth > 0 else "right"
        turn = abs(self.azimuth)
        if turn < 18:
            return "front"
        if turn < 65:
            return "front-left" if side == "left" else "front-right"
        return "left" if side == "left" else "right"

    def mirrored(self) -> "Scene":
        """The same moment seen from the dog's other side; the surroundings do not turn."""
        return dataclasses.replace(
            self,
            azimuth=-self.azimuth,
            head_yaw=-self.head_yaw,
            head_roll=-self.head_roll,
            stride=-self.stride,
            tail_sway=-self.tail_sway,
            offset=(-self.offset[0], self.offset[1]),
            light=dataclasses.replace(self.light, direction=-self.light.direction),
        )
