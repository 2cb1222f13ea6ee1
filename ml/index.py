"""Nearest dogs by cosine, exact. The only importer of FAISS."""

from collections.abc import Collection
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from ml.errors import DataError, ModelMismatch

FEW_ROWS = 4_000
"""Up to this many allowed photos are compared one by one: gathering 4,000 rows of 128 numbers costs
about what one scan of 50,000 costs, and the answer is complete at once."""

FIRST_WIDTH = 4
"""A wide search first asks for this many photos per dog wanted and share allowed: a listed dog has
two to four photos, which often come together."""

WIDENING = 4
"""Factor by which a wide search grows when it found too few dogs."""

WIDEST = 0.1
"""Share of all photos above which sorting the wide answer costs more than comparing one by one."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A dog (`group`) with its photo (`id`) that is nearest to query vector `row`.

    `score` is the inner product, −1..1 for unit vectors.
    """

    group: int
    id: int
    score: float
    row: int


class VectorIndex:
    """Vectors of photos, each belonging to a dog, in memory. Not safe for threads that write.

    Equal scores are ordered by group, then id, then query row, so that an answer depends on the
    vectors only and not on the way they were found.
    """

    def __init__(self, dim: int) -> None:
        """For vectors of `dim` numbers."""
        self.dim = dim
        self._flat = faiss.IndexFlatIP(dim)
        # FAISS's own id maps return an id twice that was added twice; positions are kept here.
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._groups: NDArray[np.int64] = np.empty(0, np.int64)
        self._known: set[int] = set()
        self._longest = 0.0

    def __len__(self) -> int:
        return len(self._ids)

    def add(
        self, ids: NDArray[np.int64], groups: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> None:
        """Add photos `ids` (n,) of dogs `groups` (n,) with `vectors` (n, dim).

        Ids already there keep the vector they have. Raises ModelMismatch for vectors of another
        length and DataError when the three do not match or a vector is not finite.
        """
        ids = np.asarray(ids, np.int64).reshape(-1)
        groups = np.asarray(groups, np.int64).reshape(-1)
        vectors = self._checked(vectors)
        if not len(ids) == len(groups) == len(vectors):
            raise DataError(
                "Ids, groups and vectors differ in number. Give one of each for every photo.",
                f"{len(ids)}, {len(groups)}, {len(vectors)}",
            )
        fresh = []
        for position, key in enumerate(ids.tolist()):
            if key not in self._known:
                self._known.add(key)
                fresh.append(position)
        if not fresh:
            return
        added = np.ascontiguousarray(vectors[fresh])
        self._flat.add(added)
        self._ids = np.concatenate([self._ids, ids[fresh]])
        self._groups = np.concatenate([self._groups, groups[fresh]])
        self._longest = max(self._longest, float(np.linalg.norm(added, axis=1).max()))

    def remove(self, ids: Collection[int]) -> None:
        """Forget these photos; ids that are not there are passed over."""
        gone = self._known.intersection(int(key) for key in ids)
        if not gone:
            return
        leaves = np.isin(self._ids, np.fromiter(gone, np.int64, len(gone)))
        # A flat index closes the gaps in order, as the arrays here do.
        self._flat.remove_ids(faiss.IDSelectorBatch(np.flatnonzero(leaves)))
        self._ids = self._ids[~leaves]
        self._groups = self._groups[~leaves]
        self._known -= gone

    def search(
        self, vectors: NDArray[np.float32], k: int, allowed: Collection[int] | None = None
    ) -> list[Hit]:
        """The `k` dogs nearest to any of `vectors` (m, dim), each with its best photo.

        `allowed` holds groups (dogs); None allows all, and groups unknown here are passed over.
        Sorted by score, highest first, then by group. Shorter than `k` when there are fewer dogs.
        Raises ModelMismatch for vectors of another length, DataError for values not finite.
        """
        vectors = self._checked(vectors)
        if k < 1 or not len(vectors) or not len(self):
            return []
        if allowed is None:
            mask = np.ones(len(self), bool)
        else:
            mask = np.isin(self._groups, np.fromiter(allowed, np.int64, len(allowed)))
        count = int(mask.sum())
        if count > FEW_ROWS:
            hits = self._search_wide(vectors, k, mask, count)
            if hits is not None:
                return hits
        positions = np.flatnonzero(mask)
        return self._best(
            vectors,
            np.tile(positions, len(vectors)),
            np.repeat(np.arange(len(vectors)), len(positions)),
        )[:k]

    def _search_wide(
        self, vectors: NDArray[np.float32], k: int, mask: NDArray[np.bool_], count: int
    ) -> list[Hit] | None:
        """Search all photos, filter, widen; None when comparing one by one is cheaper."""
        total = len(self)
        # What a float32 inner product can be off by, however it is summed.
        slack = self.dim * 2.0**-23 * self._longest * float(np.linalg.norm(vectors, axis=1).max())
        width = FIRST_WIDTH * k * total // count
        while width <= WIDEST * total:
            scores, found = self._flat.search(vectors, width)
            # No pair outside this answer can score above what it ends with.
            unseen = float(scores[:, -1].max()) + slack
            rows = np.repeat(np.arange(len(vectors)), width)
            kept = mask[found.reshape(-1)]
            hits = self._best(vectors, found.reshape(-1)[kept], rows[kept])
            if len(hits) >= k and hits[k - 1].score > unseen:
                return hits[:k]
            width *= WIDENING
        return None

    def _best(
        self, vectors: NDArray[np.float32], positions: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> list[Hit]:
        """The best pair of each group among pairs (position, query row), best group first."""
        if not len(positions):
            return []
        scores = self._scores(vectors, positions, rows)
        ids, groups = self._ids[positions], self._groups[positions]
        order = np.lexsort((rows, ids, groups, -scores))
        _, firsts = np.unique(groups[order], return_index=True)
        return [
            Hit(int(groups[pair]), int(ids[pair]), float(scores[pair]), int(rows[pair]))
            for pair in order[np.sort(firsts)]
        ]

    def _scores(
        self, vectors: NDArray[np.float32], positions: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Inner products that are the same to the last bit in whatever company they are computed.

        BLAS sums in an order that depends on the batch; two ways of searching would then disagree
        on ties.
        """
        stored = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self.dim)
        photos = stored.reshape(len(self), self.dim)[positions].astype(np.float64)
        photos *= vectors[rows]
        return photos.sum(axis=1).astype(np.float32)

    def _checked(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ModelMismatch(
                f"This index holds vectors of {self.dim} numbers. Search it with vectors of the "
                "model that made it.",
                f"got {vectors.shape}",
            )
        if not np.isfinite(vectors).all():
            raise DataError("A vector holds a value that is not a number. Compute it again.")
        return vectors
