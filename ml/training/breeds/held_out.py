"""Photos that no training may see, known by their content and by their look."""

from dataclasses import dataclass

import numpy as np

from ml.datasets.hashes import NEAR, content_hash, picture_hashes


@dataclass(frozen=True, eq=False)
class HeldOut:
    """`digests` (n, 32) uint8, sha256 of the files; `looks` (n, 4) uint64, see `look`."""

    digests: np.ndarray
    looks: np.ndarray

    def holds(self, digests: np.ndarray, looks: np.ndarray) -> np.ndarray:
        """Which photos (m,) are held out: the same file, or a picture that looks the same.

        `digests` (m, 32) and `looks` (m, 4); a mirror image looks the same.
        """
        known = {bytes(row) for row in self.digests}
        return np.array(
            [
                bytes(digest) in known or bool(self._near(seen).any())
                for digest, seen in zip(digests, looks, strict=True)
            ],
            bool,
        )

    def _near(self, seen: np.ndarray) -> np.ndarray:
        """Which of those held out look like a picture of hashes (4,), or like its mirror image."""
        apart = np.bitwise_count(self.looks[:, (0, 0, 2, 2)] ^ seen)
        return (np.maximum(apart[:, :2], apart[:, 2:]) <= NEAR).any(1)


def digest(data: bytes) -> np.ndarray:
    """(32,) uint8: sha256 of a file's content."""
    return np.frombuffer(bytes.fromhex(content_hash(data)), np.uint8)


def look(image: np.ndarray) -> np.ndarray:
    """(4,) uint64: what a picture (H, W, 3) keeps through scaling and compression."""
    return np.array(picture_hashes(image), np.uint64)
