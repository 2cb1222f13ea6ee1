"""The cache that counts requests. Nothing is kept in it that cannot be done without."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from portal.absence import Absence

absence = Absence(seconds=5)

log = logging.getLogger(__name__)


class ForgivingCache(RedisCache):
    """Redis; while it is away, as if nothing had ever been stored, so that people are let in."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._or(default, super().get, key, default, version)

    def set(self, key: Any, value: Any, timeout: Any = 300, version: int | None = None) -> None:
        self._or(None, super().set, key, value, timeout, version)

    def add(self, key: Any, value: Any, timeout: Any = 300, version: int | None = None) -> bool:
        return bool(self._or(True, super().add, key, value, timeout, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(self._or(False, super().delete, key, version))

    def _or(self, otherwise: Any, work: Any, *args: Any) -> Any:
        if absence.holds():
            return otherwise
        try:
            return work(*args)
        except (OSError, RedisError) as error:
            absence.note()
            log.warning("Requests are not counted: %s", error)
            return otherwise
