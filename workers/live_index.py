"""The vectors of one version in this worker's memory, brought up to the rows before each search."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from ml.index import Hit, VectorIndex
from portal.dogs.models import Dog, DogQuerySet
from portal.matching.models import Embedding
from workers.features import DIMENSION, as_vectors

ROWS_AT_ONCE = 5000
# Counting all rows is worth so many times its own duration of waiting for the next count.
PATIENCE = 20

Row = tuple[int, int, int, bytes | memoryview]


# For so many seconds what a filter let pass is not read again, where no dog has changed meanwhile:
# in a rush many ask for the same. So many filters are kept.
KEPT_SECONDS = 1.0
KEPT_FILTERS = 8


class Dogs:
    """The dogs a search may return, read from the database once."""

    def __init__(self, dogs: DogQuerySet, up_to: int) -> None:
        self._since, self._up_to, self._read = time.monotonic(), up_to, timezone.now()
        keys = dogs.values_list("pk", flat=True)
        self._keys = np.fromiter(keys.iterator(chunk_size=ROWS_AT_ONCE), np.int64)

    def holds(self, up_to: int) -> bool:
        """Whether they would be the same if they were read again, as far as rows tell."""
        if self._up_to != up_to or time.monotonic() - self._since > KEPT_SECONDS:
            return False
        return not Dog.objects.filter(updated_at__gte=self._read).exists()

    def __len__(self) -> int:
        return len(self._keys)

    def dogs(self) -> np.ndarray:
        return self._keys


class LiveIndex:
    """A cache of rows: a restart fills it anew.

    Rows with a larger id than the last are read before every search. Ids of embeddings can become
    visible out of their order, and photos are deleted, so neither the largest id nor the number of
    rows tells whether the index is complete. Number and sum of the ids together do; where they
    differ from what is held, the ids are compared one by one. Counting takes time that grows with
    the rows, so it is done as often as it costs a twentieth of the time at most: before nearly
    every search among thousands, every few seconds among millions. Only a row that became visible
    late waits for that; a deleted photo is noticed as soon as it is among the hits.
    """

    def __init__(self, version_id: int) -> None:
        self._version_id = version_id
        self._index = VectorIndex(DIMENSION)
        # Embeddings and their photos, in the order in which they came.
        self._keys = np.empty(0, np.int64)
        self._photos = np.empty(0, np.int64)
        self._sum = 0
        self._count_from = 0.0
        self._allowed: dict[str, Dogs] = {}
        self.up_to = 0

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def recall(self) -> float | None:
        return self._index.recall

    def allowed(self, dogs: DogQuerySet) -> Dogs:
        try:
            sql, params = dogs.query.sql_with_params()
        except EmptyResultSet:  # known without asking, as where nobody is near
            return Dogs(dogs.none(), self.up_to)
        question = f"{sql} {params}"
        held = self._allowed.get(question)
        if held is None or not held.holds(self.up_to):
            held = self._allowed[question] = Dogs(dogs, self.up_to)
            if len(self._allowed) > KEPT_FILTERS:
                del self._allowed[next(iter(self._allowed))]
        return held

    def search(self, vectors: np.ndarray, k: int, allowed: Dogs) -> list[Hit]:
        while True:
            hits = self._index.search(vectors, k, allowed.dogs())
            photos = [hit.id for hit in hits]
            there = set(self._rows().filter(photo__in=photos).values_list("photo_id", flat=True))
            if len(there) == len(hits):
                return hits
            # A dog whose best photo was deleted is found by the next best.
            gone = np.array([photo for photo in photos if photo not in there], np.int64)
            self._remove(self._keys[np.isin(self._photos, gone)])

    def catch_up(self) -> None:
        """Brings in the rows that came and drops those that went."""
        for rows in self._after(self.up_to):
            self._add(rows)
        begun = time.monotonic()
        if begun < self._count_from:
            return
        if not self._is_complete():
            self._compare()
        done = time.monotonic()
        self._count_from = done + PATIENCE * (done - begun)

    def _rows(self) -> QuerySet[Embedding]:
        return Embedding.objects.filter(version_id=self._version_id)

    def _after(self, key: int) -> Iterator[list[Row]]:
        while True:
            rows = _read(self._rows().filter(pk__gt=key))
            if rows:
                yield rows
                key = rows[-1][0]
            if len(rows) < ROWS_AT_ONCE:
                return

    def _is_complete(self) -> bool:
        rows = self._rows().aggregate(number=Count("pk"), sum=Sum("pk"))
        return (rows["number"], rows["sum"] or 0) == (len(self), self._sum)

    def _compare(self) -> None:
        found = self._rows().order_by().values_list("pk", flat=True)
        keys = np.fromiter(found.iterator(chunk_size=ROWS_AT_ONCE), np.int64)
        self._remove(np.setdiff1d(self._keys, keys))
        late = np.setdiff1d(keys, self._keys)
        for first in range(0, len(late), ROWS_AT_ONCE):
            some = late[first : first + ROWS_AT_ONCE].tolist()
            self._add(_read(self._rows().filter(pk__in=some)))

    def _add(self, rows: list[Row]) -> None:
        if not rows:
            return
        keys, photos, dogs, vectors = zip(*rows, strict=True)
        self._index.add(np.array(photos, np.int64), np.array(dogs, np.int64), as_vectors(vectors))
        self._keys = np.concatenate([self._keys, np.array(keys, np.int64)])
        self._photos = np.concatenate([self._photos, np.array(photos, np.int64)])
        self._sum += sum(keys)
        self.up_to = max(self.up_to, keys[-1])

    def _remove(self, keys: np.ndarray) -> None:
        if not len(keys):
            return
        leaves = np.isin(self._keys, keys)
        self._index.remove(self._photos[leaves])
        self._keys, self._photos = self._keys[~leaves], self._photos[~leaves]
        self._sum -= int(keys.sum())


def _read(rows: QuerySet[Embedding]) -> list[Row]:
    columns = rows.order_by("pk").values_list("pk", "photo_id", "photo__dog_id", "vector")
    return list(columns[:ROWS_AT_ONCE])
