"""Photos that no training may see, known by their content and by their look."""

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

# Bits of 256 by which the looks of one picture, scaled or compressed again, may differ. Of four
# million pairs of different dog photos none differed by less than 48, of two copies by 10 and 32.
NEAR = 40


@dataclass(frozen=True, eq=False)
class HeldOut:
    """`digests` (n, 32) uint8, sha256 of the files; `looks` (n, 32) uint8, see `look`."""

    digests: np.ndarray
    looks: np.ndarray

    def holds(self, digests: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """Which photos are held out, (m,) bool: the same file, or a picture that looks the same.

        `digests` (m, 32); `looks` (m, 2, 32), of each photo and of its mirror image.
        """
        known = {bytes(row) for row in self.digests}
        same = np.array([bytes(row) in known for row in digests], bool)
        if not len(self.looks) or not len(looks):
            return same
        apart = np.stack([self.distances(one).min(1) for one in (looks[:, 0], looks[:, 1])])
        return same | (apart.min(0) <= NEAR)

    def distances(self, looks: np.ndarray) -> np.ndarray:
        """Differing bits between looks (m, 32) and each of those held out: (m, n)."""
        return np.stack([np.bitwise_count(self.looks ^ row).sum(1) for row in looks])


def digest(data: bytes) -> np.ndarray:
    """(32,) uint8: sha256 of a file's content."""
    return np.frombuffer(hashlib.sha256(data).digest(), np.uint8)


def look(image: np.ndarray) -> np.ndarray:
    """(32,) uint8: 256 bits that a picture keeps through scaling and compression (dHash).

    Whether each of 16 x 16 grey cells is lighter than its right neighbour. `image` (H, W, 3) uint8.
    """
    grey = Image.fromarray(np.ascontiguousarray(image)).convert("L")
    cells = np.asarray(grey.resize((17, 16), Image.Resampling.BOX), np.int16)
    return np.packbits(cells[:, :-1] > cells[:, 1:])


def looks(image: np.ndarray) -> np.ndarray:
    """(2, 32) uint8: the look of a picture and of its mirror image."""
    return np.stack([look(image), look(image[:, ::-1])])
