"""Sheets of photos to look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ml.errors import ImageRejected
from ml.images import encode
from ml.training.data import read

_GAP = 4
_PAPER = (255, 255, 255)


def sheet(paths: Sequence[Path], columns: int, side: int) -> bytes:
    """A JPEG file of the photos row by row, each filling a square of `side` pixels.

    A photo that cannot be read leaves its square empty.
    """
    rows = -(-len(paths) // columns)
    step = side + _GAP
    whole = Image.new("RGB", (min(columns, len(paths)) * step - _GAP, rows * step - _GAP), _PAPER)
    for place, path in enumerate(paths):
        picture = _read(path, side)
        if picture is not None:
            fitted = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
            whole.paste(fitted, (place % columns * step, place // columns * step))
    return _encoded(whole)


def thumbnail(path: Path, side: int) -> bytes | None:
    """A JPEG file of the whole photo, longer side at most `side`; None where it is unreadable."""
    picture = _read(path, side)
    return _encoded(picture) if picture is not None else None


def _read(path: Path, side: int) -> Image.Image | None:
    try:
        return Image.fromarray(read(path, 3 * side))
    except ImageRejected:
        return None


def _encoded(picture: Image.Image) -> bytes:
    return encode(np.asarray(picture), max_side=max(picture.size), quality=80)
