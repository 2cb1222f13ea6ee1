"""An approximate index: inverted lists of vectors in one byte a number. With ml/index.py the only
importer of FAISS."""

from collections.abc import Iterable

import faiss
import numpy as np
from numpy.typing import NDArray

LISTS = 4
"""Lists by square root of the number of vectors (FAISS, "Guidelines to choose an index")."""

SAMPLES = 64
"""Vectors a list is trained with: k-means gains little beyond 40 and takes its time."""

ROUNDS = 10
"""Of k-means."""

ENOUGH = 0.998
"""Share of the exact ten nearest that probing is tuned to find."""

SPARE = 4
"""A photo that is searched with is less like the stored ones than these are to each other, and a
probe costs a hundredth of a millisecond."""

TRIED = 256
"""Vectors that tuning searches for."""

NEAREST = 10
CANDIDATES = 40
"""Among how many candidates they are looked for."""


def list_count(number: int) -> int:
    return max(1, int(LISTS * number**0.5))


def sample_size(number: int) -> int:
    """How many of so many vectors training wants."""
    return min(number, SAMPLES * list_count(number))


class CoarseIndex:
    """IVF-SQ8 (Jégou et al., "Product quantization for nearest neighbor search", 2011, for inverted
    lists), for inner products of unit vectors. Its ids are positions, in the order of adding.

    It finds candidates; their scores are off by up to what a byte leaves out, so whoever asks
    scores them anew.
    """

    def __init__(self, sample: NDArray[np.float32], number: int) -> None:
        """Learns lists for `number` vectors from some of them, `sample` (n, dim)."""
        dim = sample.shape[1]
        self.lists = min(list_count(number), len(sample))
        self.probes = 1
        self.trained_for = number
        self._quantizer = faiss.IndexFlatIP(dim)
        self._index = faiss.IndexIVFScalarQuantizer(
            self._quantizer,
            dim,
            self.lists,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        self._index.cp.niter = ROUNDS
        self._index.cp.seed = 1
        self._index.train(sample)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Append vectors (n, dim)."""
        self._index.add(np.ascontiguousarray(vectors))

    def search(
        self,
        vectors: NDArray[np.float32],
        width: int,
        selector: "faiss.IDSelector | None" = None,
        share: float = 1.0,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores (m, width) and positions (m, width), best first, −1 where lists ran out.

        `share` is what the selector lets pass, 0 to 1: the less, the more lists are probed.
        """
        probes = min(self.lists, int(np.ceil(self.probes / share)))
        # Its stubs don't know keywords of these.
        options = faiss.SearchParametersIVF(sel=selector, nprobe=probes)  # type: ignore[call-arg]
        return self._index.search(vectors, width, params=options)

    def tune(self, queries: NDArray[np.float32], nearest: NDArray[np.int64]) -> None:
        """Probes SPARE times as many lists as find ENOUGH of `nearest` (m, 10), the exact answers
        to `queries` (m, dim), among CANDIDATES."""
        while self.probes < self.lists:
            _, found = self.search(queries, CANDIDATES)
            if share_found(nearest, found) >= ENOUGH:
                break
            self.probes = min(self.lists, self.probes * 2)
        self.probes = min(self.lists, self.probes * SPARE)


def share_found(exact: Iterable[NDArray[np.int64]], found: Iterable[NDArray[np.int64]]) -> float:
    """Recall: the mean share of each row of `exact` that is in the same row of `found`."""
    return float(
        np.mean([np.isin(row, other).mean() for row, other in zip(exact, found, strict=True)])
    )


class Nearest:
    """The exact NEAREST others of some vectors, among all that are shown block by block.

    A photo that is searched with lies to the stored ones as these do to each other.
    """

    def __init__(self, queries: NDArray[np.float32], places: NDArray[np.int64]) -> None:
        """Queries (m, dim), and at which positions they will be shown themselves."""
        self.queries = queries
        self._places = places
        self._scores = np.full((len(queries), NEAREST), -np.inf, np.float32)
        self.positions = np.full((len(queries), NEAREST), -1, np.int64)

    def see(self, vectors: NDArray[np.float32], start: int) -> None:
        """Vectors (n, dim) at positions from `start` on."""
        scores = self.queries @ vectors.T
        seen = np.arange(start, start + len(vectors))
        scores[self._places[:, None] == seen] = -np.inf
        scores = np.hstack([self._scores, scores])
        positions = np.hstack([self.positions, np.broadcast_to(seen, (len(scores), len(seen)))])
        best = np.argpartition(-scores, NEAREST - 1, axis=1)[:, :NEAREST]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self.positions = np.take_along_axis(positions, best, axis=1)
