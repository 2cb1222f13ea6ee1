"""Pictures for the tests of data sets: soft random shapes, each like no other."""

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 96, height: int = 72) -> Image.Image:
    """The same one for the same seed."""
    chance = np.random.default_rng(seed)
    cells = chance.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
