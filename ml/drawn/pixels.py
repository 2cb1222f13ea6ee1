"""Resizing and blurring that keep an image's type."""

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.uint8, np.float32)


def resized(image: NDArray[T], size: tuple[int, int]) -> NDArray[T]:
    """`image` (H, W) or (H, W, C) at `size` (width, height): averaged down, linear up."""
    how = cv2.INTER_AREA if size[0] < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), image.dtype)


def blurred(image: NDArray[T], sigma: float) -> NDArray[T]:
    """`image` under a Gaussian of `sigma` pixels; wide ones are computed at a smaller size."""
    height, width = image.shape[:2]
    smaller = int(sigma / 2.5)
    if smaller < 2:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), image.dtype)
    low = resized(image, (max(2, width // smaller), max(2, height // smaller)))
    return resized(
        np.asarray(cv2.GaussianBlur(low, (0, 0), sigma / smaller), image.dtype), (width, height)
    )
