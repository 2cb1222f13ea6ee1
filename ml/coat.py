"""The colours of a dog's coat as a few numbers.

A soft histogram over the coat colours of COLOURS in CIELAB (CIE 15:2004; from sRGB by IEC
61966-2-1, white D65), of the dog's pixels only. There is no mask of the dog: a pixel weighs by how
near it lies to the lines between seen keypoints or to the middle of the box, and less where its
colour is rather that of the box's border. Needs NumPy and Pillow only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ml.geometry import DRAWN_FROM
from ml.skeleton import INDEX, SKELETON

COLOURS: dict[str, tuple[float, float, float]] = {
    "black": (12, 0, 0),
    "charcoal": (28, 1, 2),
    "grey": (45, 1, 3),
    "silver": (62, 1, 4),
    "pale grey": (78, 1, 4),
    "white": (92, 0, 3),
    "cream": (75, 4, 16),
    "fawn": (60, 9, 26),
    "gold": (48, 14, 32),
    "red": (36, 14, 20),
    "chocolate": (24, 8, 11),
    "brown": (42, 7, 14),
}
"""L* (0 to 100), a*, b* of coats as photos show them; a coat's numbers are in this order."""

_ANCHORS = np.array(list(COLOURS.values()), np.float32)
# Photos differ more in lightness than in hue: so much more does a unit of a* or b* weigh.
_METRIC = np.array([1.0, 1.5, 1.5], np.float32)
# Width of the soft assignment to colours, and how far apart two colours are that share nothing, in
# units of the metric.
_SOFT, _APART = 12.0, 25.0
# Share of the photo's own departure from middle grey that is taken off, in lightness and in hue.
_MIDDLE = np.array([50.0, 0.0, 0.0], np.float32)
_EXPOSURE = np.array([0.3, 0.15, 0.15], np.float32)

# The dog is looked at in a picture of this longer side, in pixels.
_SIDE = 48
# Reach of a line of the skeleton over the root of the picture's area; of the middle over its sides.
_BONE, _MIDST = 0.06, 0.22
_BORDER = 0.06
# How much a colour of the border counts against a pixel.
_AGAINST = 0.5

_BONES = np.array(
    [
        *SKELETON,
        *(
            (INDEX[a], INDEX[b])
            for a, b in (
                ("left_ear_base", "right_ear_base"),
                ("left_mouth_corner", "right_mouth_corner"),
                ("left_shoulder", "left_hip"),
                ("right_shoulder", "right_hip"),
                ("left_shoulder", "right_shoulder"),
                ("left_hip", "right_hip"),
            )
        ),
    ]
)

_LEVELS = np.arange(256, dtype=np.float32) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ],
    np.float32,
)
_XYZ /= _XYZ.sum(1, keepdims=True)  # over the white point

_distance = np.linalg.norm((_ANCHORS[:, None] - _ANCHORS) * _METRIC, axis=-1)
_KIN = np.exp(-_distance / _APART).astype(np.float32)


def coat(
    image: np.ndarray, box: Sequence[float], points: np.ndarray | None = None
) -> np.ndarray | None:
    """(12,) float32 that sum to 1: the shares of COLOURS in the dog's coat; None for an empty box.

    `image` (H, W, 3) uint8 RGB, `box` x0, y0, x1, y1 in its pixels, `points` (K, 3) x, y, score in
    the order of KEYPOINTS; without seen points the box's middle is the dog. About 1.5 ms.
    """
    height, width = image.shape[:2]
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    x1, y1 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    if x1 <= x0 or y1 <= y0:
        return None
    scale = _SIDE / max(x1 - x0, y1 - y0)
    size = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    # Pixels more than four times too fine are left out first: an average of those left is as good.
    step = max(1, int(1 / (4 * scale)))
    part = Image.fromarray(np.ascontiguousarray(image[y0:y1:step, x0:x1:step]))
    dog = lab(np.asarray(part.resize(size, Image.Resampling.BOX)))
    whole = lab(image[:: max(1, height // 32), :: max(1, width // 32)])
    dog -= _EXPOSURE * (whole.reshape(-1, 3).mean(0) - _MIDDLE)
    weight = _nearness(size, points, (x0, y0), scale)
    return _shares(_soft(dog), weight)


def coat_likeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """0 to 1 for two coats, or for one and (n, 12): 1 for the same shares of the same colours.

    1 - sqrt(d' K d / 2), d the difference of the shares and K the kinship of colours, exp of minus
    their distance: a quadratic-form distance (Hafner et al., Efficient color histogram indexing,
    PAMI 1995), in which cream is nearer to fawn than to black.
    """
    apart = np.asarray(a, np.float32) - np.asarray(b, np.float32)
    square = np.einsum("...i,ij,...j->...", apart, _KIN, apart)
    return 1 - np.sqrt(np.clip(square, 0, None) / 2)


def lab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 sRGB to CIELAB: L* 0 to 100, a* and b*, float32."""
    xyz = _LINEAR[rgb] @ _XYZ.T
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1).astype(np.float32)


def _soft(colours: np.ndarray) -> np.ndarray:
    """(h, w, 12): how far each pixel is each of COLOURS; sums to 1."""
    scaled, anchors = colours * _METRIC, _ANCHORS * _METRIC
    square = ((scaled**2).sum(-1, keepdims=True) - 2 * scaled @ anchors.T + (anchors**2).sum(1)) / (
        2 * _SOFT**2
    )
    square -= square.min(-1, keepdims=True)
    soft = np.exp(-square)
    return soft / soft.sum(-1, keepdims=True)


def _nearness(
    size: tuple[int, int], points: np.ndarray | None, corner: tuple[int, int], scale: float
) -> np.ndarray:
    """(h, w), 0 to 1: how near a pixel is to the skeleton or to the middle, the nearer of both."""
    width, height = size
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None]
    across = ((x - width / 2) / (_MIDST * width)) ** 2
    weight = np.exp(-(across + ((y - height / 2) / (_MIDST * height)) ** 2) / 2)
    if points is None:
        return weight
    bones = _BONES[_BONES.max(1) < len(points)]
    bones = bones[(points[bones, 2] >= DRAWN_FROM).all(1)]
    if not len(bones):
        return weight
    places = ((points[:, :2] - corner) * scale).astype(np.float32)
    starts = places[bones[:, 0]]
    along = places[bones[:, 1]] - starts
    length = np.maximum((along**2).sum(1), 1e-6)[:, None, None]
    dx, dy = x - starts[:, 0, None, None], y - starts[:, 1, None, None]
    ax, ay = along[:, 0, None, None], along[:, 1, None, None]
    at = np.clip((dx * ax + dy * ay) / length, 0, 1)
    square = ((dx - at * ax) ** 2 + (dy - at * ay) ** 2).min(0)
    bone = np.exp(-square / (2 * _BONE**2 * width * height))
    return np.maximum(weight, bone)


def _shares(soft: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The weighted histogram, again with less weight for colours of the border."""
    first = _histogram(soft, weight)
    height, width = weight.shape
    edge = max(1, int(_BORDER * min(height, width)))
    border = 1 - weight / weight.max()
    border[edge : height - edge, edge : width - edge] = 0
    if border.sum() <= 0:
        return first
    around = _histogram(soft, border)
    likely = soft @ (first / (first + _AGAINST * around + 1e-9))
    return _histogram(soft, weight * likely)


def _histogram(soft: np.ndarray, weight: np.ndarray) -> np.ndarray:
    shares = np.tensordot(weight, soft, 2)
    return (shares / max(float(shares.sum()), 1e-9)).astype(np.float32)
