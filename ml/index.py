"""Nearest dogs by cosine: exact among thousands of photos, approximate and rescored among more.

With ml/coarse.py the only importer of FAISS. The constants were measured by `script/bench search`.
"""

import logging
import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from ml.coarse import TRIED, CoarseIndex, Nearest, sample_size
from ml.errors import DataError, ModelMismatch

FEW_ROWS = 4_000
"""Up to this many allowed photos are gathered and compared one by one: the answer is complete at
once, whatever the shares of dogs and photos."""

EXACT_ROWS = 50_000
"""Up to this many allowed photos all of them are compared; beyond, candidates come from the coarse
index, where there is one."""

FIRST_WIDTH = 4
"""A wide search first asks for this many photos per dog wanted: a listed dog has two to four
photos, which often come together."""

WIDENING = 4
"""Factor by which a wide search grows when it found too few dogs."""

WIDEST = 0.1
"""Share of the allowed photos above which sorting the wide answer costs more than comparing one by
one."""

GONE = 0.25
"""Share of removed photos from which their places are given back."""

GROWN = 2.0
"""Growth since the coarse index was trained from which it is made anew."""

BLOCK = 16_384
"""Photos copied or compared at a time."""

CHECK_EVERY = 100
"""One in so many approximate answers is held against the exact one."""

CHECKS = 50
FLOOR = 0.99
"""When the mean recall of the last CHECKS falls below this, twice as many lists are probed."""

log = logging.getLogger(__name__)


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
    """Vectors of photos, each belonging to a dog, in memory.

    Equal scores are ordered by group, then id, then query row, so that an exact answer depends on
    the vectors only and not on the way they were found.

    From EXACT_ROWS photos on the first search starts a thread that makes a coarse index beside the
    live one; until it is there, answers are exact and slower. Use it from one thread otherwise.
    """

    def __init__(self, dim: int) -> None:
        """For vectors of `dim` numbers."""
        # One search is too short to be shared out: on a busy machine the second thread is waited
        # for ten times as long as it helps. It holds for the thread that calls.
        faiss.omp_set_num_threads(1)
        self.dim = dim
        self._flat = faiss.IndexFlatIP(dim)
        # FAISS's own id maps return an id twice that was added twice; positions are kept here.
        # Removed photos keep theirs until the places are given back.
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._groups: NDArray[np.int64] = np.empty(0, np.int64)
        self._there: NDArray[np.bool_] = np.empty(0, bool)
        self._longest = 0.0
        self._coarse: CoarseIndex | None = None
        # Positions change with every one of these; a coarse index begun before is of no use.
        self._generation = 0
        self._lock = threading.RLock()
        self._maker: threading.Thread | None = None
        self._approximate = 0
        self._recalls: deque[float] = deque(maxlen=CHECKS)

    def __len__(self) -> int:
        return int(np.count_nonzero(self._there))

    @property
    def kind(self) -> str:
        """ "exact" or "approximate": how a search among all photos is answered."""
        return "exact" if self._coarse is None else "approximate"

    @property
    def recall(self) -> float | None:
        """Mean share of the exact answer in the approximate answers checked last; None so far."""
        return sum(self._recalls) / len(self._recalls) if self._recalls else None

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
        _, firsts = np.unique(ids, return_index=True)
        firsts.sort()
        fresh = firsts[~np.isin(ids[firsts], self._ids[self._there])]
        if not len(fresh):
            return
        added = np.ascontiguousarray(vectors[fresh])
        with self._lock:
            self._flat.add(added)
            if self._coarse is not None:
                self._coarse.add(added)
            self._ids = np.concatenate([self._ids, ids[fresh]])
            self._groups = np.concatenate([self._groups, groups[fresh]])
            self._there = np.concatenate([self._there, np.ones(len(fresh), bool)])
        self._longest = max(self._longest, float(np.linalg.norm(added, axis=1).max()))

    def remove(self, ids: Collection[int]) -> None:
        """Forget these photos; ids that are not there are passed over."""
        self._there &= ~np.isin(self._ids, np.fromiter(ids, np.int64, len(ids)))
        gone = np.flatnonzero(~self._there)
        if len(gone) <= GONE * len(self._ids):
            return
        with self._lock:
            # A flat index closes the gaps in order, as the arrays here do.
            self._flat.remove_ids(faiss.IDSelectorBatch(gone))
            self._ids, self._groups = self._ids[self._there], self._groups[self._there]
            self._there = np.ones(len(self._ids), bool)
            self._coarse = None
            self._generation += 1

    def search(
        self,
        vectors: NDArray[np.float32],
        k: int,
        allowed: Collection[int] | NDArray[np.int64] | None = None,
    ) -> list[Hit]:
        """The `k` dogs nearest to any of `vectors` (m, dim), each with its best photo.

        `allowed` holds groups (dogs); None allows all, and groups unknown here are passed over.
        Sorted by score, highest first, then by group. Shorter than `k` when there are fewer dogs.
        Raises ModelMismatch for vectors of another length, DataError for values not finite.
        """
        vectors = self._checked(vectors)
        if k < 1 or not len(vectors) or not len(self):
            return []
        mask = self._there
        if allowed is not None:
            if not isinstance(allowed, np.ndarray):
                allowed = np.fromiter(allowed, np.int64, len(allowed))
            mask = mask & np.isin(self._groups, allowed)
        with self._lock:
            hits = self._search_coarse(vectors, k, mask)
            return self._search_exact(vectors, k, mask) if hits is None else hits

    def build(self) -> None:
        """Make the coarse index now and wait for it; nothing where exact search is fast enough."""
        self._start()
        if self._maker is not None:
            self._maker.join()

    def _search_exact(
        self, vectors: NDArray[np.float32], k: int, mask: NDArray[np.bool_]
    ) -> list[Hit]:
        """Compare all photos of the mask."""
        count = int(np.count_nonzero(mask))
        if count > FEW_ROWS:
            options = faiss.SearchParameters(sel=_selector(mask, count))  # type: ignore[call-arg]
            # What a float32 inner product can be off by, however it is summed.
            slack = self.dim * 2.0**-23 * self._longest * float(_lengths(vectors).max())
            width = FIRST_WIDTH * k
            while width <= WIDEST * count:
                scores, found = self._flat.search(vectors, width, params=options)
                hits = self._best_of(vectors, found)
                # No pair outside this answer can score above what it ends with.
                if len(hits) >= k and hits[k - 1].score > float(scores[:, -1].max()) + slack:
                    return hits[:k]
                width *= WIDENING
        positions = np.flatnonzero(mask)
        return self._best(
            vectors,
            np.tile(positions, len(vectors)),
            np.repeat(np.arange(len(vectors)), len(positions)),
        )[:k]

    def _search_coarse(
        self, vectors: NDArray[np.float32], k: int, mask: NDArray[np.bool_]
    ) -> list[Hit] | None:
        """Compare the photos that the coarse index brings; None where that is not to be done."""
        count = int(np.count_nonzero(mask))
        if count <= EXACT_ROWS:
            return None
        self._start()
        if self._coarse is None:
            return None
        selector = _selector(mask, count)
        width = FIRST_WIDTH * k
        while width <= WIDEST * count:
            _, found = self._coarse.search(vectors, width, selector, count / len(mask))
            hits = self._best_of(vectors, found)[:k]
            if len(hits) == k:
                self._check(vectors, k, mask, hits)
                return hits
            width *= WIDENING
        return None

    def _check(
        self, vectors: NDArray[np.float32], k: int, mask: NDArray[np.bool_], hits: list[Hit]
    ) -> None:
        """Holds one in CHECK_EVERY approximate answers against the exact one."""
        self._approximate += 1
        if self._approximate % CHECK_EVERY or self._coarse is None:
            return
        exact = self._search_exact(vectors, k, mask)
        self._recalls.append(len({hit.id for hit in exact} & {hit.id for hit in hits}) / k)
        recall = self.recall
        if len(self._recalls) == CHECKS and recall is not None and recall < FLOOR:
            self._coarse.probes = min(self._coarse.lists, 2 * self._coarse.probes)
            log.warning("Recall is %.3f: %s lists are probed now", recall, self._coarse.probes)
            self._recalls.clear()

    def _start(self) -> None:
        """Makes a coarse index in a thread where there should be one, or another one."""
        total = len(self._ids)
        old = self._coarse
        if total <= EXACT_ROWS or (old is not None and total < GROWN * old.trained_for):
            return
        if self._maker is None or not self._maker.is_alive():
            self._maker = threading.Thread(target=self._make, name="coarse index", daemon=True)
            self._maker.start()

    def _make(self) -> None:
        """Trains on a copy and adds block by block, so that searches go on meanwhile."""
        # Of this thread: the other cores belong to the searches.
        faiss.omp_set_num_threads(1)
        random = np.random.default_rng(1)
        with self._lock:
            generation, total = self._generation, len(self._ids)
            chosen = random.permutation(total)[: sample_size(total)]
            sample = self._stored()[chosen]
        coarse = CoarseIndex(sample, total)
        nearest = Nearest(sample[:TRIED], chosen[:TRIED])
        tuned = False
        while True:
            with self._lock:
                if generation != self._generation:
                    return
                start = len(coarse)
                block = self._stored()[start : start + BLOCK].copy()
                if tuned and not len(block):
                    self._coarse = coarse
                    self._recalls.clear()
                    return
            if len(block):
                nearest.see(block, start)
                coarse.add(block)
            else:
                coarse.tune(nearest.queries, nearest.positions)
                tuned = True

    def _best_of(self, vectors: NDArray[np.float32], found: NDArray[np.int64]) -> list[Hit]:
        """`_best` of positions (m, width) as FAISS gives them, −1 for none."""
        positions = found.reshape(-1)
        rows = np.repeat(np.arange(len(vectors)), found.shape[1])
        return self._best(vectors, positions[positions >= 0], rows[positions >= 0])

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
        stored = self._stored()
        scores = np.empty(len(positions), np.float32)
        for start in range(0, len(positions), BLOCK):
            part = slice(start, start + BLOCK)
            photos = stored[positions[part]].astype(np.float64)
            photos *= vectors[rows[part]]
            scores[part] = photos.sum(axis=1)
        return scores

    def _stored(self) -> NDArray[np.float32]:
        """All vectors by position, (n, dim), not copied."""
        total = len(self._ids)
        held = faiss.rev_swig_ptr(self._flat.get_xb(), total * self.dim)
        return held.reshape(total, self.dim)

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


def _selector(mask: NDArray[np.bool_], count: int) -> "faiss.IDSelector | None":
    """Lets the mask's positions pass; None where all do."""
    if count == len(mask):
        return None
    bits = np.packbits(mask, bitorder="little")
    # Its stubs know only C++'s arguments.
    return faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]


def _lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.linalg.norm(vectors, axis=1)
