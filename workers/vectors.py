"""Vectors of listed photos, and how the nearest dogs are found among them.

`VECTOR_STORE` chooses where they are searched: "memory" (FAISS in each worker, the default), or
"pgvector" (in PostgreSQL, once they outgrow a worker). The rows in `Embedding` are the truth for
both.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
from django.conf import settings

from ml.index import Hit
from portal.dogs.models import DogQuerySet
from portal.matching.models import ModelVersion
from workers.live_index import LiveIndex
from workers.pgvector_store import PgVectors


class Allowed(Protocol):
    """The dogs a search may return, as a store wants to have them; `len` is their number."""

    def __len__(self) -> int: ...

    def dogs(self) -> np.ndarray:
        """(n,) int64, their keys."""
        ...


A = TypeVar("A", bound=Allowed)


class VectorStore(Protocol[A]):
    """The vectors of one version."""

    @property
    def up_to(self) -> int:
        """The largest embedding id that is searched."""
        ...

    @property
    def recall(self) -> float | None:
        """Share of the exact answers in the approximate ones checked last; None where it does not
        check, or answers exactly."""
        ...

    def catch_up(self) -> None:
        """Makes every row that is visible now searchable."""
        ...

    def allowed(self, dogs: DogQuerySet) -> A: ...

    def search(self, vectors: np.ndarray, k: int, allowed: A) -> list[Hit]:
        """The k dogs nearest to any of `vectors` (m, 128), each by its best photo, best first."""
        ...


def open_store(version: ModelVersion) -> VectorStore[Any]:
    if settings.VECTOR_STORE == "pgvector":
        return PgVectors(version.pk)
    return LiveIndex(version.pk)
