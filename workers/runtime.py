"""What a worker process keeps in memory: models by fingerprint, vectors by version.

Both are caches of rows and files; losing them costs time and nothing else.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from django.conf import settings

from ml.analysis import Analyser, Analysis
from ml.errors import NoSubject
from ml.following import Sighting
from ml.spec import ModelSpec
from portal.matching.models import ModelVersion
from workers import weights
from workers.looks import ListedLooks
from workers.vectors import VectorStore, open_store

# The live version and one being built or just left.
KEPT_VERSIONS = 2

Key = TypeVar("Key")
Value = TypeVar("Value")


class Analyse(Protocol):
    """What the pipeline needs of `ml.analysis.Analyser`."""

    def analyse(self, images: Sequence[np.ndarray]) -> list[Analysis | NoSubject]: ...

    def follow(
        self, frames: Sequence[np.ndarray], told: Callable[[int], None]
    ) -> list[Sighting | None]: ...


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


class Runtime:
    """The models and indexes of this process; models load once, whichever thread asks first."""

    def __init__(self) -> None:
        self._analysers: OrderedDict[str, Analyse] = OrderedDict()
        self._stores: OrderedDict[int, VectorStore[Any]] = OrderedDict()
        self._looks: OrderedDict[int, ListedLooks] = OrderedDict()
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

    def vectors(self, version: ModelVersion) -> VectorStore[Any]:
        """The version's vectors, with every row that is visible now."""
        store = self._stores.get(version.pk)
        if store is None:
            store = open_store(version)
        _keep(self._stores, version.pk, store)
        store.catch_up()
        return store

    def looks(self, version: ModelVersion) -> ListedLooks:
        """What the version's photos show besides the appearance."""
        held = self._looks.get(version.pk)
        if held is None:
            held = ListedLooks(version, spec_of(version.fingerprint).keypoints.names)
        _keep(self._looks, version.pk, held)
        return held

    def recall(self) -> float | None:
        """Of the version searched last, where its searches are approximate and were checked."""
        # Another thread may be bringing in a version.
        stores = list(self._stores.values())
        return stores[-1].recall if stores else None


def _keep(cache: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Keeps an entry as the newest and lets go of those kept longest ago."""
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > KEPT_VERSIONS:
        cache.popitem(last=False)


runtime = Runtime()
