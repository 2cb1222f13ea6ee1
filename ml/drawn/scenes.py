"""Scenes to draw a dog in: calm ones for the demo, any at all for training."""

import numpy as np

from ml.drawn.params import Crop, Light, Place, Posture, Scene

PLACES: tuple[Place, ...] = ("room", "sofa", "meadow", "run", "studio", "street", "beach")


def light_for(place: Place, random: np.random.Generator) -> Light:
    """Daylight that suits the place."""
    warm = random.uniform(0.1, 0.8) if place != "run" else random.uniform(-0.5, 0.2)
    return Light(
        direction=float(random.choice([-1, 1]) * random.uniform(20, 70)),
        warmth=float(warm),
        strength=float(random.uniform(0.3, 0.7)),
        vignette=float(random.uniform(0.05, 0.18)),
        grain=float(random.uniform(0.003, 0.009)),
    )


def portrait(random: np.random.Generator, place: Place) -> Scene:
    """The first photo of a listing: near, its face towards us."""
    side = float(random.choice([-1, 1]))
    azimuth = side * random.uniform(8, 42)
    crop: Crop = "bust" if random.random() < 0.7 else "head"
    return Scene(
        posture="sitting" if random.random() < 0.7 else "standing",
        azimuth=azimuth,
        elevation=float(random.uniform(3, 9)),
        head_yaw=float(azimuth * random.uniform(0.2, 0.9)),
        head_pitch=float(random.uniform(-4, 5)),
        head_roll=float(random.normal(0, 5)),
        stride=float(random.uniform(-0.6, 0.6)),
        tail_sway=float(random.uniform(-25, 25)),
        tongue=bool(random.random() < 0.35),
        crop=crop,
        fill=float(random.uniform(0.72, 0.82) if crop == "bust" else random.uniform(0.62, 0.74)),
        offset=(float(random.uniform(-0.04, 0.04)), 0.05),
        place=place,
        place_seed=int(random.integers(1 << 30)),
        light=light_for(place, random),
    )


def full_length(random: np.random.Generator, place: Place) -> Scene:
    """All of the dog, from the side or half from the front."""
    side = float(random.choice([-1, 1]))
    turn = random.choice([random.uniform(3, 15), random.uniform(28, 55), random.uniform(72, 92)])
    azimuth = side * float(turn)
    postures: tuple[Posture, ...] = ("standing", "sitting", "lying")
    posture = postures[int(random.choice(3, p=[0.45, 0.3, 0.25]))]
    # It looks at whoever holds the camera, as far as its neck lets it.
    look = float(np.clip(azimuth * random.uniform(0.3, 0.9), -52, 52))
    return Scene(
        posture=posture,
        azimuth=azimuth,
        elevation=float(random.uniform(6, 14)),
        head_yaw=look,
        head_pitch=float(random.uniform(-6, 4)),
        head_roll=float(random.normal(0, 4)),
        stride=float(random.uniform(-1, 1)),
        tail_sway=float(random.uniform(-25, 25)),
        tongue=bool(random.random() < 0.3),
        crop="body",
        fill=float(random.uniform(0.70, 0.84)),
        offset=(float(random.uniform(-0.03, 0.03)), float(random.uniform(0.02, 0.06))),
        place=place,
        place_seed=int(random.integers(1 << 30)),
        light=light_for(place, random),
    )


def wild(random: np.random.Generator) -> Scene:
    """Anything that can be drawn, for training."""
    postures: tuple[Posture, ...] = ("standing", "sitting", "lying")
    crops: tuple[Crop, ...] = ("body", "bust", "head")
    azimuth = float(np.clip(random.normal(0, 60), -125, 125))
    return Scene(
        posture=postures[int(random.integers(3))],
        azimuth=azimuth,
        elevation=float(random.uniform(0, 32)),
        head_yaw=float(np.clip(0.5 * azimuth + random.normal(0, 30), -65, 65)),
        head_pitch=float(random.normal(0, 12)),
        head_roll=float(random.normal(0, 10)),
        stride=float(random.uniform(-1.6, 1.6)),
        tail_sway=float(random.uniform(-50, 50)),
        tongue=bool(random.random() < 0.35),
        crop=crops[int(random.choice(3, p=[0.65, 0.25, 0.10]))],
        fill=float(random.uniform(0.35, 1.05)),
        offset=(float(random.normal(0, 0.07)), float(random.normal(0.02, 0.06))),
        place=PLACES[int(random.integers(len(PLACES)))],
        place_seed=int(random.integers(1 << 30)),
        light=Light(
            direction=float(random.uniform(-90, 90)),
            warmth=float(random.uniform(-1, 1)),
            strength=float(random.uniform(0, 1)),
            vignette=float(random.uniform(0, 0.4)),
            grain=float(random.uniform(0, 0.04)),
        ),
    )
