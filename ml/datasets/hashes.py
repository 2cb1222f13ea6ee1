"""Numbers that equal files, or pictures that look the same, have in common.

A picture has two hashes of 64 bits: pHash (whether each of the lowest frequencies of its cosine
transform is above their median; Zauner, "Implementation and benchmarking of perceptual image hash
functions", 2010) and dHash (whether each of 8 x 8 grey cells is lighter than its right neighbour;
Krawetz, "Kind of like that", 2013). Scaling and compression change few bits of either; that two
different pictures agree in both is far rarer than in one.
"""

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Bits of 64 by which both hashes of near duplicates may differ. Among 15,110 dog photos, 479 pairs
# of a photo and its copy at another size differed by 4 at most; up to 10 there was no pair, of 228
# million with mirror images, that people would not call the same shot; from 12 on there were.
NEAR = 10

# Below this contrast (standard deviation of the lightness) a picture's hashes are noise.
_FLAT = 3.0

_BLOCK = 512


def content_hash(data: bytes) -> str:
    """sha256, hex."""
    return hashlib.sha256(data).hexdigest()


def picture_hashes(picture: np.ndarray) -> tuple[int, ...]:
    """pHash, pHash of the mirror image, dHash, dHash of the mirror image; (H, W, 3) uint8."""
    grey = Image.fromarray(picture).convert("L")
    cells = np.asarray(grey.resize((32, 32), Image.Resampling.BOX), np.float32)
    low = cv2.dct(cells)[:8, :8]
    mirrored = low * np.where(np.arange(8) % 2, -1, 1)  # odd frequencies change their sign
    steps = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), np.int16)
    return (
        _number(low > np.median(low.ravel()[1:])),
        _number(mirrored > np.median(mirrored.ravel()[1:])),
        _number(steps[:, :-1] > steps[:, 1:]),
        _number(steps[:, :0:-1] > steps[:, -2::-1]),
    )


def near_pairs(hashes: np.ndarray, contrast: np.ndarray, most: int = NEAR) -> np.ndarray:
    """All pairs of pictures whose two hashes differ by at most `most` bits: (n, 4) int.

    `hashes` (N, 4) uint64 as in `picture_hashes`, `contrast` (N,); flat pictures have no pairs.
    Each row is the smaller and the larger place, the larger of the two differences, and 1 where one
    is the other's mirror image. Compares each with each, in blocks: 20,000 photos take 2 s.
    """
    rows = np.flatnonzero(contrast >= _FLAT)
    kept = hashes[rows]
    found = []
    for start in range(0, len(rows), _BLOCK):
        block = kept[start : start + _BLOCK, None]
        for is_mirrored in (0, 1):
            apart = np.bitwise_count(block[..., 0] ^ kept[None, start:, is_mirrored])
            one, other = np.nonzero(apart <= most)
            one, other = one[other > one], other[other > one]
            steps = np.bitwise_count(kept[start + one, 2] ^ kept[start + other, 2 + is_mirrored])
            apart = np.maximum(apart[one, other], steps)
            pairs = np.stack(
                [rows[start + one], rows[start + other], apart, np.full(len(one), is_mirrored)], 1
            )
            found.append(pairs[apart <= most])
    if not found:
        return np.zeros((0, 4), int)
    every = np.concatenate(found).astype(int)
    every = every[np.lexsort((every[:, 3], every[:, 2], every[:, 1], every[:, 0]))]
    first = np.ones(
        len(every), bool
    )  # a symmetric picture is also its mirror image: once is enough
    first[1:] = (every[1:, :2] != every[:-1, :2]).any(1)
    return every[first]


def groups_of(pairs: np.ndarray, count: int) -> list[list[int]]:
    """Places that pairs (n, 2 or more) join, directly or through others; groups of two or more."""
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    parts = connected_components(links, directed=False)[1]
    joined: dict[int, list[int]] = {}
    for place in sorted(set(pairs[:, :2].ravel().tolist())):
        joined.setdefault(parts[place], []).append(place)
    return list(joined.values())


def equal_groups(digests: Sequence[str]) -> list[list[int]]:
    """Places of equal digests, "" aside; groups of two or more."""
    same: dict[str, list[int]] = {}
    for place, digest in enumerate(digests):
        same.setdefault(digest, []).append(place)
    return [places for digest, places in same.items() if digest and len(places) > 1]


def _number(bits: np.ndarray) -> int:
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")
