"""Shapes and coats of breeds, as ranges to draw a dog from."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ml.drawn.params import Coat, CoatLength, Colour, DrawnDog, Ears, Pattern, Shape, Tail

CREAM: Colour = (0.94, 0.86, 0.72)
WHITE: Colour = (0.96, 0.94, 0.90)
YELLOW: Colour = (0.89, 0.72, 0.46)
GOLD: Colour = (0.83, 0.58, 0.30)
RED: Colour = (0.74, 0.43, 0.21)
TAN: Colour = (0.76, 0.50, 0.27)
BROWN: Colour = (0.42, 0.27, 0.17)
DARK: Colour = (0.27, 0.19, 0.15)
BLACK: Colour = (0.17, 0.155, 0.16)
GREY: Colour = (0.52, 0.51, 0.51)
SILVER: Colour = (0.74, 0.74, 0.74)
SLATE: Colour = (0.36, 0.38, 0.42)
SABLE: Colour = (0.60, 0.43, 0.27)

IRISES: tuple[Colour, ...] = ((0.40, 0.23, 0.11), (0.30, 0.17, 0.09), (0.52, 0.32, 0.13))
BLUE_IRIS: Colour = (0.50, 0.66, 0.78)
NOSES: tuple[Colour, ...] = ((0.12, 0.10, 0.10), (0.12, 0.10, 0.10), (0.30, 0.19, 0.16))
COLLARS: tuple[Colour, ...] = (
    (0.70, 0.25, 0.16),
    (0.25, 0.42, 0.31),
    (0.20, 0.36, 0.52),
    (0.85, 0.62, 0.22),
    (0.45, 0.30, 0.46),
    (0.36, 0.25, 0.19),
)


@dataclass(frozen=True)
class Look:
    """One coat that a breed comes in; `colours` are the portal's words for it."""

    base: Colour
    second: Colour
    points: Colour
    pattern: Pattern
    white: float
    colours: tuple[str, ...]


@dataclass(frozen=True)
class Breed:
    name: str
    weight: tuple[float, float]
    """Kilograms, a grown dog's range."""
    shape: Shape
    hair: CoatLength
    looks: tuple[Look, ...]


def shape(
    leg: float,
    length: float,
    depth: float,
    head: float,
    muzzle: float,
    width: float,
    neck: float,
    bone: float,
    ears: Ears,
    ear_size: float,
    tail: Tail,
    tail_length: float,
) -> Shape:
    return Shape(
        leg, length, depth, head, muzzle, width, neck, bone, ears, ear_size, tail, tail_length
    )


def solid(base: Colour, word: str, white: float = 0.0, points: Colour | None = None) -> Look:
    return Look(base, WHITE, points or base, "solid" if white == 0 else "bicolour", white, (word,))


URAJIRO = (
    Look(RED, CREAM, RED, "urajiro", 0.0, ("red", "cream")),
    Look(BLACK, TAN, BLACK, "tan_points", 0.12, ("black", "brown")),
    Look(CREAM, WHITE, YELLOW, "urajiro", 0.0, ("cream",)),
)
BREEDS: dict[str, Breed] = {
    "jindo": Breed(
        "Jindo Dog",
        (14, 21),
        shape(0.46, 0.88, 0.45, 0.205, 0.80, 0.80, 0.15, 1.0, "pricked", 0.86, "curl", 0.62),
        "double",
        (
            solid(WHITE, "white", points=YELLOW),
            Look(YELLOW, WHITE, GOLD, "urajiro", 0.0, ("yellow", "cream")),
            Look(BLACK, TAN, BLACK, "tan_points", 0.0, ("black", "brown")),
            Look(TAN, BLACK, BROWN, "brindle", 0.0, ("brindle",)),
        ),
    ),
    "shiba": Breed(
        "Shiba Inu",
        (8, 11),
        shape(0.38, 0.82, 0.46, 0.225, 0.66, 0.84, 0.11, 1.05, "pricked", 0.72, "curl", 0.60),
        "double",
        URAJIRO,
    ),
    "poodle": Breed(
        "Poodle",
        (4, 7),
        shape(0.44, 0.70, 0.42, 0.225, 0.78, 0.62, 0.15, 0.95, "long", 0.66, "stub", 0.70),
        "curly",
        (
            solid(RED, "red"),
            solid(BROWN, "brown"),
            solid(WHITE, "white"),
            solid(BLACK, "black"),
            solid(SILVER, "grey"),
        ),
    ),
    "maltese": Breed(
        "Maltese",
        (2.6, 4.2),
        shape(0.27, 0.72, 0.43, 0.240, 0.42, 0.72, 0.09, 0.95, "dropped", 0.85, "plume", 0.52),
        "long",
        (solid(WHITE, "white"), solid((0.95, 0.90, 0.80), "white", points=CREAM)),
    ),
    "beagle": Breed(
        "Beagle",
        (9, 13),
        shape(0.36, 0.88, 0.46, 0.220, 0.78, 0.90, 0.11, 1.12, "long", 0.68, "sabre", 0.50),
        "smooth",
        (
            Look(TAN, BLACK, TAN, "saddle", 0.62, ("black", "brown", "white")),
            Look((0.86, 0.66, 0.42), GOLD, GOLD, "saddle", 0.66, ("yellow", "white")),
        ),
    ),
    "dachshund": Breed(
        "Dachshund",
        (5, 8.5),
        shape(0.17, 1.06, 0.40, 0.205, 0.98, 0.70, 0.10, 1.15, "long", 0.66, "low", 0.48),
        "smooth",
        (
            Look(BLACK, TAN, BLACK, "tan_points", 0.0, ("black", "brown")),
            solid(RED, "red", points=BROWN),
            Look(BROWN, TAN, BROWN, "tan_points", 0.0, ("brown",)),
        ),
    ),
    "border_collie": Breed(
        "Border Collie",
        (14, 20),
        shape(0.43, 0.92, 0.46, 0.210, 0.82, 0.76, 0.13, 1.0, "folded", 0.78, "plume", 0.66),
        "long",
        (
            Look(BLACK, WHITE, BLACK, "bicolour", 0.64, ("black", "white")),
            Look(SILVER, SLATE, SLATE, "merle", 0.60, ("merle", "white")),
            Look(RED, WHITE, RED, "bicolour", 0.62, ("red", "white")),
        ),
    ),
    "retriever": Breed(
        "Labrador Retriever",
        (24, 32),
        shape(0.42, 0.94, 0.50, 0.215, 0.86, 0.96, 0.14, 1.15, "dropped", 0.72, "low", 0.62),
        "smooth",
        (
            solid((0.91, 0.78, 0.56), "yellow", points=GOLD),
            solid(BLACK, "black"),
            solid((0.38, 0.24, 0.16), "brown"),
        ),
    ),
    "golden": Breed(
        "Golden Retriever",
        (25, 32),
        shape(0.41, 0.94, 0.50, 0.215, 0.84, 0.94, 0.14, 1.12, "dropped", 0.76, "plume", 0.66),
        "long",
        (solid(GOLD, "yellow", points=RED), solid((0.90, 0.76, 0.54), "cream", points=GOLD)),
    ),
    "pomeranian": Breed(
        "Pomeranian",
        (2.2, 3.6),
        shape(0.25, 0.60, 0.50, 0.235, 0.46, 0.66, 0.08, 0.82, "pricked", 0.50, "plume", 0.46),
        "long",
        (
            solid((0.87, 0.58, 0.29), "red", points=GOLD),
            solid(CREAM, "cream"),
            Look(BLACK, TAN, BLACK, "tan_points", 0.0, ("black", "brown")),
        ),
    ),
    "schnauzer": Breed(
        "Miniature Schnauzer",
        (6, 9),
        shape(0.38, 0.76, 0.44, 0.215, 0.86, 1.0, 0.12, 1.1, "folded", 0.66, "stub", 0.8),
        "wire",
        (
            Look(GREY, SILVER, GREY, "tan_points", 0.10, ("grey", "white")),
            Look(BLACK, SILVER, BLACK, "tan_points", 0.0, ("black", "grey")),
        ),
    ),
    "corgi": Breed(
        "Welsh Corgi",
        (9, 13),
        shape(0.20, 0.96, 0.44, 0.225, 0.74, 0.80, 0.11, 1.15, "pricked", 0.92, "stub", 0.6),
        "double",
        (
            Look((0.82, 0.55, 0.30), WHITE, TAN, "bicolour", 0.60, ("red", "white")),
            Look(SABLE, DARK, SABLE, "saddle", 0.58, ("brown", "white")),
        ),
    ),
}
MIXED_LOOKS: tuple[Look, ...] = (
    solid(CREAM, "cream"),
    solid(YELLOW, "yellow", 0.30, GOLD),
    solid(GOLD, "yellow", 0.40),
    solid(BLACK, "black", 0.34),
    solid(BROWN, "brown", 0.30),
    solid(WHITE, "white", points=CREAM),
    solid(GREY, "grey", 0.45),
    Look(GOLD, DARK, DARK, "mask", 0.0, ("yellow", "black")),
    Look(RED, DARK, DARK, "mask", 0.18, ("red", "black")),
    Look(TAN, DARK, DARK, "brindle", 0.26, ("brindle",)),
    Look(SABLE, BLACK, DARK, "brindle", 0.42, ("brindle", "white")),
    Look(WHITE, BLACK, BLACK, "spotted", 0.0, ("white", "black")),
    Look(WHITE, BROWN, BROWN, "spotted", 0.0, ("white", "brown")),
    Look(WHITE, GOLD, GOLD, "spotted", 0.0, ("white", "yellow")),
    Look(SILVER, SLATE, SLATE, "merle", 0.30, ("merle",)),
    Look(TAN, BLACK, TAN, "saddle", 0.0, ("brown", "black")),
    *URAJIRO,
)


def purebred(key: str, random: np.random.Generator, look: int | None = None) -> DrawnDog:
    """A dog of the breed `key`; no two are quite alike."""
    breed = BREEDS[key]
    chosen = breed.looks[int(random.integers(len(breed.looks))) if look is None else look]
    return _dog(key, vary(breed.shape, random, 0.05), chosen, breed.hair, random)


def mixed(random: np.random.Generator) -> DrawnDog:
    """A dog between two breeds, with a coat of its own."""
    first, second = random.choice(sorted(BREEDS), 2, replace=False)
    a, b = BREEDS[first], BREEDS[second]
    share = random.uniform(0.3, 0.7)
    numbers = {
        name: share * value + (1 - share) * getattr(b.shape, name)
        for name, value in vars(a.shape).items()
        if isinstance(value, float)
    }
    ears, tail = (pair[int(random.integers(2))] for pair in ((a.shape, b.shape),) * 2)
    numbers |= {"ear_size": ears.ear_size, "tail_length": tail.tail_length}
    between = replace(a.shape, **numbers, ears=ears.ears, tail=tail.tail)
    hair = (a.hair, b.hair)[int(random.integers(2))]
    look = MIXED_LOOKS[int(random.integers(len(MIXED_LOOKS)))]
    return _dog(f"{first}+{second}", vary(between, random, 0.07), look, hair, random)


def vary(shape: Shape, random: np.random.Generator, spread: float) -> Shape:
    """The same shape with each length off by about `spread` of itself."""
    varied: dict[str, Any] = {
        name: float(value * np.exp(random.normal(0, spread)))
        for name, value in vars(shape).items()
        if isinstance(value, float)
    }
    return replace(shape, **varied)


def _dog(
    key: str, shape: Shape, look: Look, hair: CoatLength, random: np.random.Generator
) -> DrawnDog:
    def shade(colour: Colour, spread: float = 0.05) -> Colour:
        tone = random.normal(0, spread)
        r, g, b = (
            float(np.clip(c * (1 + tone) + random.normal(0, 0.008), 0, 0.98)) for c in colour
        )
        return r, g, b

    white = float(np.clip(look.white * random.uniform(0.85, 1.15), 0, 0.9)) if look.white else 0.0
    base = shade(look.base)
    same = look.points == look.base
    coat = Coat(
        base=base,
        second=shade(look.second, 0.03),
        points=base if same else shade(look.points),
        pattern=look.pattern,
        hair=hair,
        white=white,
        seed=int(random.integers(1 << 30)),
    )
    blue = look.pattern == "merle" and random.random() < 0.5
    return DrawnDog(
        breed=key,
        shape=shape,
        coat=coat,
        iris=BLUE_IRIS if blue else IRISES[int(random.integers(len(IRISES)))],
        nose=NOSES[int(random.integers(len(NOSES)))] if sum(base) > 0.8 else NOSES[0],
        eye_size=float(random.uniform(0.92, 1.10)),
        collar=COLLARS[int(random.integers(len(COLLARS)))] if random.random() < 0.55 else None,
    )
