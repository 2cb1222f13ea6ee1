"""The colour of the coat at any point of the dog at rest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.drawn.noise import step, waves
from ml.drawn.params import DrawnDog
from ml.drawn.solid import Array, Part

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Spots:
    """Where on the dog each of n pixels lies.

    `place` (n, 3) on the dog at rest in body units; `head` (n, 3) the same from the skull's middle
    in skull radii; `part` (n,); `along` (n,) 0..1 along the part; `inside` (n,) is 1 on the inner
    side of an ear. `normal` (n, 3) is the surface's in picture axes, `height` (n,) above ground.
    """

    place: Field
    head: Field
    part: NDArray[np.uint8]
    along: Field
    inside: Field
    normal: Field
    height: Field

    def on(self, *parts: Part) -> Field:
        return np.isin(self.part, [int(p) for p in parts]).astype(np.float32)


def mix(colour: Field, other: Array | tuple[float, float, float], amount: Field) -> Field:
    target = np.asarray(other, np.float32)
    mixed: Field = colour + (target - colour) * amount[:, None]
    return mixed


def coat_colour(dog: DrawnDog, spots: Spots) -> Field:
    """RGB (n, 3), 0..1, before light."""
    coat, shape = dog.coat, dog.shape
    _, y, z = (spots.place / shape.depth).T
    top = (z - shape.leg / shape.depth).astype(np.float32)
    u = (spots.place[:, 0] / shape.length).astype(np.float32)
    hx, hy, hz = spots.head.T
    ragged = waves(spots.place, coat.seed, 0.30 * shape.depth, 3)
    face = spots.on(Part.HEAD, Part.MUZZLE)
    trunk = spots.on(Part.TORSO, Part.NECK)
    legs = spots.on(Part.FRONT_LEG, Part.HIND_LEG)
    tail = spots.on(Part.TAIL)
    ears = spots.on(Part.EAR)
    # Seen closely no coat is one colour: the underside and the feet are paler, the back deeper.
    colour = np.broadcast_to(np.asarray(coat.base, np.float32), (len(top), 3)).copy()
    depth_tone = step(top + 0.15 * ragged, 0.0, 1.0) * trunk
    colour = colour * (1.0 + 0.05 * (1 - depth_tone) * trunk - 0.05 * depth_tone)[:, None]

    if coat.pattern == "saddle":
        cover = step(top + 0.18 * ragged, 0.40, 0.62) * trunk * step(hx, 2.2, 1.0)
        cover = np.maximum(cover, tail * step(spots.along + 0.1 * ragged, 0.85, 0.65))
        cover = np.maximum(cover, legs * step(top + 0.1 * ragged, 0.45, 0.75) * 0.9)
        colour = mix(colour, coat.second, cover)
    elif coat.pattern == "tan_points":
        tan = np.maximum(legs * step(top + 0.08 * ragged, 0.20, -0.10), 0)
        tan = np.maximum(tan, spots.on(Part.MUZZLE) * step(hz + 0.06 * ragged, -0.26, -0.38))
        tan = np.maximum(tan, face * step(hz + 0.04 * ragged, -0.50, -0.66))
        brow = ((hx - 0.86) / 0.2) ** 2 + ((np.abs(hy) - 0.34) / 0.16) ** 2
        brow = brow + ((hz - 0.48) / 0.13) ** 2
        tan = np.maximum(tan, face * step(brow, 1.5, 0.8))
        bib = step(np.abs(y) + 0.1 * ragged, 0.30, 0.20) * step(top, 0.62, 0.5)
        tan = np.maximum(tan, trunk * bib * step(u, 0.34, 0.40))
        colour = mix(colour, coat.second, tan)
    elif coat.pattern == "urajiro":
        pale = trunk * step(top + 0.10 * ragged, 0.36, 0.10)
        pale = np.maximum(pale, legs * step(np.abs(y), 0.30, 0.16) * step(top, 0.5, 0.1))
        pale = np.maximum(pale, spots.on(Part.MUZZLE) * step(hz + 0.05 * ragged, -0.14, -0.34))
        pale = np.maximum(pale, face * step(hz + 0.06 * ragged, -0.20, -0.42))
        brow = ((np.abs(hy) - 0.32) / 0.15) ** 2 + ((hz - 0.45) / 0.12) ** 2
        pale = np.maximum(pale, face * step(brow, 1.4, 0.7) * step(hx, 0.5, 0.8))
        pale = np.maximum(pale, tail * step(spots.along, 0.55, 0.9))
        colour = mix(colour, coat.second, pale)
    elif coat.pattern == "brindle":
        bands = np.sin(26 * u + 2.2 * top + 3.2 * ragged)
        cover = step(bands + 0.5 * ragged, 0.15, 0.55) * (1 - 0.5 * face)
        colour = mix(colour, coat.second, 0.85 * cover)
    elif coat.pattern == "merle":
        blotch = waves(spots.place, coat.seed + 1, 0.24 * shape.depth, 3)
        fleck = waves(spots.place, coat.seed + 2, 0.09 * shape.depth, 2)
        colour = mix(colour, coat.second, step(blotch + 0.35 * fleck, 0.22, 0.36))
        colour = mix(colour, coat.points, 0.9 * ears)
    elif coat.pattern == "spotted":
        spot = waves(spots.place, coat.seed + 1, 0.30 * shape.depth, 2)
        patch = waves(spots.place, coat.seed + 3, 0.95 * shape.depth, 2)
        cover = np.maximum(step(spot, 0.52, 0.58), step(patch, 0.50, 0.56))
        side = 1.0 if coat.seed % 2 else -1.0
        eye_patch = face * step(hy * side + 0.1 * ragged, 0.10, 0.20) * step(hx, 1.0, 0.8)
        cover = np.maximum(cover * (1 - face), np.maximum(eye_patch, ears))
        colour = mix(colour, coat.second, cover)
    if coat.pattern == "mask":
        cover = spots.on(Part.MUZZLE) * step(hx + 0.10 * ragged, 0.72, 1.0)
        cover = np.maximum(
            cover, 0.75 * face * step(hz + 0.1 * ragged, -0.05, -0.3) * step(hx, 0.5, 0.9)
        )
        colour = mix(colour, coat.points, cover)
        colour = mix(colour, coat.points, 0.85 * ears)

    colour = mix(colour, white_of(coat.base), _white(dog, spots, ragged, top, u))
    if coat.pattern in ("solid", "bicolour", "brindle", "saddle"):
        colour = mix(colour, coat.points, 0.55 * ears * step(spots.along, 0.2, 0.8))
    pink = np.asarray((0.86, 0.62, 0.56), np.float32)
    inner = 0.5 * colour + 0.5 * pink * (0.45 + 0.55 * colour.mean(axis=1, keepdims=True))
    colour = colour + (inner - colour) * spots.inside[:, None]
    if shape.ears in ("dropped", "long", "folded"):
        colour = colour * (1 - 0.13 * ears)[:, None]
    tone = waves(spots.place, coat.seed + 9, 0.5 * shape.depth, 2)
    return np.clip(colour * (1 + 0.035 * tone[:, None]), 0, 1)


def white_of(base: tuple[float, float, float]) -> tuple[float, float, float]:
    """White hair on a dark dog looks clean, on a pale one creamy."""
    return (0.97, 0.95, 0.91) if sum(base) < 1.9 else (0.98, 0.96, 0.92)


def _white(dog: DrawnDog, spots: Spots, ragged: Field, top: Field, u: Field) -> Field:
    """Where white hair grows: it starts at the feet and the chest and spreads upwards."""
    amount, shape = dog.coat.white, dog.shape
    if amount <= 0:
        return np.zeros(len(top), np.float32)
    hx, hy, hz = spots.head.T
    face = spots.on(Part.HEAD, Part.MUZZLE)
    trunk = spots.on(Part.TORSO, Part.NECK)
    legs = spots.on(Part.FRONT_LEG, Part.HIND_LEG)
    leg = shape.leg / shape.depth
    height = (top + leg) / leg
    socks = legs * step(height + 0.12 * ragged, 0.25 + 1.5 * amount, 0.12 + 1.5 * amount)
    y = np.abs(spots.place[:, 1]) / shape.depth
    bib = trunk * step(u + 0.03 * ragged, 0.40 - 0.10 * amount, 0.47 - 0.10 * amount)
    bib = bib * step(y + 0.10 * ragged, 0.16 + 0.35 * amount, 0.10 + 0.35 * amount)
    belly = trunk * step(top + 0.12 * ragged, 0.02 + 0.35 * amount, -0.08 + 0.35 * amount)
    white = np.maximum(np.maximum(socks, bib), belly)
    if amount > 0.3:
        blaze = step(np.abs(hy) + 0.05 * ragged, 0.05 + 0.14 * amount, 0.01 + 0.10 * amount)
        muzzle = spots.on(Part.MUZZLE) * step(hx - 0.6 * hz + 0.1 * ragged, 0.92, 1.12)
        white = np.maximum(white, face * np.maximum(blaze * step(hx, -0.2, 0.2), muzzle))
        white = np.maximum(white, spots.on(Part.TAIL) * step(spots.along, 0.72, 0.85))
    if amount > 0.55:
        ring = step(np.abs(u - 0.42) + 0.03 * ragged, 0.14, 0.10)
        white = np.maximum(white, trunk * ring * step(amount + 0.0 * u, 0.5, 0.6))
    if amount > 0.75:
        patch = waves(spots.place, dog.coat.seed + 4, 1.1 * shape.depth, 2)
        white = np.maximum(white, (trunk + legs) * step(patch, 0.25, 0.15))
    del hz
    return white
