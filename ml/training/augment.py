"""Random views of a picture. All take and give Pillow RGB images; randomness comes in as `chance`.

Boxes are x0, y0, x1, y1 in pixels. Where no box has to follow, `policy` names whole recipes made of
torchvision's transforms.
"""

import random
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ml.compat import prepare_torchvision

Policy = Literal["none", "mild", "randaugment", "trivial", "strong"]

Box = tuple[float, float, float, float]


def colour_jitter(image: Image.Image, chance: random.Random, strength: float = 0.4) -> Image.Image:
    """Brightness, contrast and saturation by up to ±strength, hue by a quarter of it (SimCLR)."""
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(chance.uniform(1 - strength, 1 + strength))
    shift = round(chance.uniform(-strength / 4, strength / 4) * 255)
    if shift:
        hue, saturation, value = image.convert("HSV").split()
        turned = (np.asarray(hue).astype(np.int16) + shift) % 256
        hue = Image.fromarray(turned.astype(np.uint8))
        image = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
    return image


def coarser(image: Image.Image, chance: random.Random, least: int = 96) -> Image.Image:
    """As if taken by a worse camera: fewer pixels, at least `least` on the longer side."""
    longer = max(image.size)
    if longer <= least:
        return image
    scale = chance.uniform(least, longer) / longer
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR)


def look(image: Image.Image, chance: random.Random) -> Image.Image:
    """Changes of light, colour and sharpness that leave every place where it is."""
    if chance.random() < 0.7:
        image = colour_jitter(image, chance)
    if chance.random() < 0.15:
        image = ImageOps.grayscale(image).convert("RGB")
    if chance.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 1.5)))
    return image


def colourised(image: Image.Image, chance: random.Random) -> Image.Image:
    """A grey portrait in colours: a face's in the middle, one of clothes below, one around both.

    So that what is learnt from portraits of which nearly all are grey is a person, not greyness.
    """
    grey = np.asarray(image.convert("L"))[..., None] / 255
    dark, middle, light = (
        [chance.uniform(*span) / 255 for span in spans]
        for spans in (
            ((20, 60), (10, 35), (5, 30)),
            ((150, 200), (95, 140), (70, 115)),
            ((255, 255), (220, 250), (200, 240)),
        )
    )
    steps = zip(dark, middle, light, strict=True)
    face = np.concatenate([np.interp(grey, (0, 0.55, 1), tones) for tones in steps], -1)
    clothes, around = (grey * [0.45 + 1.1 * chance.random() for _ in range(3)] for _ in range(2))
    height, width = grey.shape[:2]
    y, x = np.mgrid[0:height, 0:width, 0:1][:2] / np.array([height, width]).reshape(2, 1, 1, 1)
    to_face = _soft((1 - ((x - 0.5) / 0.3) ** 2 - ((y - 0.38) / 0.36) ** 2) * 8)
    to_clothes = _soft((y - 0.72) * 30) * _soft((0.4 - abs(x - 0.5)) * 20)
    mixed = to_clothes * clothes + (1 - to_clothes) * around
    mixed = to_face * face + (1 - to_face) * mixed
    return Image.fromarray((mixed.clip(0, 1) * 255).astype(np.uint8))


def _soft(value: np.ndarray) -> np.ndarray:
    """0 to 1, one half at 0 (logistic)."""
    return 1 / (1 + np.exp(-value.clip(-30, 30)))


def random_part(
    image: Image.Image, chance: random.Random, least: float, ratio: float = 1.3
) -> Image.Image:
    """A part of `least` to 1 of the area, its aspect ratio changed by at most `ratio`."""
    area = chance.uniform(least, 1.0)
    stretch = ratio ** chance.uniform(-1, 1)
    width = min(image.width, image.width * (area * stretch) ** 0.5)
    height = min(image.height, image.height * (area / stretch) ** 0.5)
    x, y = chance.uniform(0, image.width - width), chance.uniform(0, image.height - height)
    return image.crop(
        (
            round(x),
            round(y),
            max(round(x + width), round(x) + 1),
            max(round(y + height), round(y) + 1),
        )
    )


def part_with_box(
    image: Image.Image, box: Box, chance: random.Random, outside: float = 0.1
) -> tuple[Image.Image, Box]:
    """A random part that keeps the box, but for up to `outside` of it at each side."""
    x0, y0, x1, y1 = box
    slack_x, slack_y = outside * (x1 - x0), outside * (y1 - y0)
    left = chance.uniform(0, max(0.0, x0 + slack_x * chance.random()))
    top = chance.uniform(0, max(0.0, y0 + slack_y * chance.random()))
    right = chance.uniform(min(image.width, x1 - slack_x * chance.random()), image.width)
    bottom = chance.uniform(min(image.height, y1 - slack_y * chance.random()), image.height)
    frame = (int(left), int(top), max(int(right), int(left) + 8), max(int(bottom), int(top) + 8))
    return image.crop(frame), clipped(
        (x0 - frame[0], y0 - frame[1], x1 - frame[0], y1 - frame[1]),
        (frame[2] - frame[0], frame[3] - frame[1]),
    )


def farther(
    image: Image.Image, box: Box, chance: random.Random, background: Image.Image | None
) -> tuple[Image.Image, Box]:
    """The picture smaller inside a larger one: on a background, or continued by its own edge."""
    scale = chance.uniform(1.1, 2.6)
    size = (round(image.width * scale), round(image.height * scale))
    if background is None:
        canvas = image.resize(size).filter(ImageFilter.GaussianBlur(max(size) / 16))
    else:
        canvas = ImageOps.fit(background, size)
    x = chance.randint(0, size[0] - image.width)
    y = chance.randint(0, size[1] - image.height)
    soft = Image.new("L", image.size, 0)
    border = max(1, round(min(image.size) * chance.uniform(0.01, 0.08)))
    soft.paste(255, (border, border, image.width - border, image.height - border))
    canvas.paste(image, (x, y), soft.filter(ImageFilter.GaussianBlur(border / 2)))
    return canvas, (box[0] + x, box[1] + y, box[2] + x, box[3] + y)


def mirrored(image: Image.Image, box: Box | None) -> tuple[Image.Image, Box | None]:
    """Left and right exchanged."""
    flipped = ImageOps.mirror(image)
    if box is None:
        return flipped, None
    return flipped, (image.width - box[2], box[1], image.width - box[0], box[3])


def clipped(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box inside a picture of (width, height)."""
    width, height = size
    x0, x1 = (min(max(x, 0.0), float(width)) for x in (box[0], box[2]))
    y0, y1 = (min(max(y, 0.0), float(height)) for y in (box[1], box[3]))
    return x0, y0, x1, y1


def policy(
    name: Policy, size: int, least: float = 0.8, jitter: float = 0.4
) -> Callable[[np.ndarray, int], np.ndarray]:
    """A recipe by name: picture (H, W, 3) uint8 and seed to view (size, size, 3) uint8.

    `least` is the smallest part of the area that a view shows, `jitter` the strength of changes of
    brightness, contrast and saturation, hue changing by a quarter of it. "randaugment" is Cubuk et
    al. 2020, "trivial" Müller and Hutter 2021, "strong" what SimCLR does to ImageNet and rotation.
    """
    prepare_torchvision()
    from torchvision.transforms import v2

    part = v2.RandomResizedCrop(size, scale=(least, 1.0))
    flip = v2.RandomHorizontalFlip()
    colours = v2.ColorJitter(jitter, jitter, jitter, jitter / 4)
    recipe = v2.Compose(
        {
            "none": [v2.Resize((size, size))],
            "mild": [part, flip, colours],
            "randaugment": [part, flip, v2.RandAugment()],
            "trivial": [part, flip, v2.TrivialAugmentWide()],
            "strong": [
                v2.RandomRotation(30),
                v2.RandomResizedCrop(size, scale=(0.2, 1.0)),
                flip,
                v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], 0.8),
                v2.RandomGrayscale(0.2),
                v2.RandomApply([v2.GaussianBlur(size // 20 * 2 + 1, (0.1, 2.0))], 0.5),
            ],
        }[name]
    )

    def view(pixels: np.ndarray, seed: int) -> np.ndarray:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return np.asarray(recipe(Image.fromarray(pixels)))

    return view
