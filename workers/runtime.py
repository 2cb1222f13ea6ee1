"""What a worker process keeps in memory: models by fingerprint, an index by version.

Both are caches of rows and files; losing them costs time and nothing else.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

import numpy as np
from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from ml.analysis import Analyser, Analysis
from ml.errors import NoSubject
from ml.index import Hit, VectorIndex
from ml.spec import ModelSpec
from portal.matching.models import Embedding, ModelVersion
from workers import weights

DIMENSION = 128
# The live version and one being built or just left.
KEPT_VERSIONS = 2
ROWS_AT_ONCE = 5000

Key = TypeVar("Key")
Value = TypeVar("Value")


class Analyse(Protocol):
    """What the pipeline needs of `ml.analysis.Analyser`."""

    def analyse(self, images: Sequence[np.ndarray]) -> list[Analysis | NoSubject]: ...


@functools.lru_cache(maxsize=8)
def spec_of(fingerprint: str) -> ModelSpec:
    """The description of a version's models, from its row."""
    version = ModelVersion.objects.filter(fingerprint=fingerprint).latest("created_at")
    return ModelSpec.from_json(json.dumps(version.spec))


def load_analyser(spec: ModelSpec) -> Analyse:
    """Loads and warms the models of a spec. Raises ModelMissing or ModelMismatch."""
    directory = weights.directory_of(spec)
    analyser = Analyser.load(spec, cache_dir=settings.MODEL_CACHE_DIR, directory=directory)
    analyser.warm_up()
    if directory == settings.MODEL_WEIGHTS_DIR:
        weights.keep(spec)
    return analyser


class LiveIndex:
    """The vectors of one version, brought up to the rows before each search.

    Ids of embeddings can become visible out of their order, and photos are deleted, so neither
    the largest id nor the number of rows tells whether the index is complete. Number and sum of
    the ids together do; where they differ from what is held, the ids are compared one by one.
    """

    def __init__(self, version_id: int) -> None:
        self._version_id = version_id
        self._index = VectorIndex(DIMENSION)
        self._photos: dict[int, int] = {}
        self._sum = 0
        self.up_to = 0
        """The largest embedding id seen so far."""

    def __len__(self) -> int:
        return len(self._photos)

    def search(self, vectors: np.ndarray, k: int, allowed: Collection[int]) -> list[Hit]:
        return self._index.search(vectors, k, allowed)

    def catch_up(self) -> None:
        """Brings in the rows that came and drops those that went."""
        if self._is_complete():
            return
        self._add(list(self._rows().filter(pk__gt=self.up_to).values_list("pk", flat=True)))
        if self._is_complete():
            return
        ids = set(self._rows().values_list("pk", flat=True))
        self._remove(self._photos.keys() - ids)
        self._add(sorted(ids - self._photos.keys()))

    def _rows(self) -> QuerySet[Embedding]:
        return Embedding.objects.filter(version_id=self._version_id)

    def _is_complete(self) -> bool:
        rows = self._rows().aggregate(number=Count("pk"), sum=Sum("pk"))
        return (rows["number"], rows["sum"] or 0) == (len(self._photos), self._sum)

    def _add(self, ids: list[int]) -> None:
        for first in range(0, len(ids), ROWS_AT_ONCE):
            some = self._rows().filter(pk__in=ids[first : first + ROWS_AT_ONCE])
            rows = list(
                some.order_by("pk").values_list("pk", "photo_id", "photo__dog_id", "vector")
            )
            if not rows:
                continue
            keys, photos, dogs, vectors = zip(*rows, strict=True)
            data = b"".join(bytes(vector) for vector in vectors)
            self._index.add(
                np.array(photos, dtype=np.int64),
                np.array(dogs, dtype=np.int64),
                np.frombuffer(data, dtype="<f4").reshape(len(rows), DIMENSION),
            )
            self._photos.update(zip(keys, photos, strict=True))
            self._sum += sum(keys)
            self.up_to = max(self.up_to, keys[-1])

    def _remove(self, ids: Collection[int]) -> None:
        if ids:
            photos = [self._photos.pop(pk) for pk in ids]
            self._index.remove(np.array(photos, dtype=np.int64))
            self._sum -= sum(ids)


class Runtime:
    """The models and indexes of this process; models load once, whichever thread asks first."""

    def __init__(self) -> None:
        self._analysers: OrderedDict[str, Analyse] = OrderedDict()
        self._indexes: OrderedDict[int, LiveIndex] = OrderedDict()
        self._loading = threading.Lock()

    def has(self, version: ModelVersion) -> bool:
        """Whether the version's models are loaded."""
        return version.fingerprint in self._analysers

    def analyser(self, version: ModelVersion) -> Analyse:
        """Raises ModelMissing or ModelMismatch where this worker lacks the version's models."""
        # Asked before the lock: nobody who needs loaded models waits for others being loaded.
        held = self._analysers.get(version.fingerprint)
        if held is None:
            with self._loading:
                held = self._analysers.get(version.fingerprint)
                if held is None:
                    held = load_analyser(spec_of(version.fingerprint))
                    _keep(self._analysers, version.fingerprint, held)
        return held

    def index(self, version: ModelVersion) -> LiveIndex:
        """The version's index with every row that is visible now."""
        index = self._indexes.get(version.pk) or LiveIndex(version.pk)
        _keep(self._indexes, version.pk, index)
        index.catch_up()
        return index


def _keep(cache: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Keeps an entry as the newest and lets go of those kept longest ago."""
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > KEPT_VERSIONS:
        cache.popitem(last=False)


runtime = Runtime()
