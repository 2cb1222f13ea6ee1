"""The vectors of one version in PostgreSQL, for installations that outgrow a worker's memory.

A table for each version, beside the rows and made of them: `matching_vector_7` holds what
`Embedding` says of version 7, as pgvector takes it. It is no Django model, so that SQLite goes by
the same migrations and a backup holds nothing that can be made anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Composed, Identifier

from ml.errors import PawkinError
from ml.index import Hit
from portal.dogs.models import DogQuerySet, Photo
from portal.matching.models import Embedding, ModelVersion
from workers.features import DIMENSION, as_vectors
from workers.vector_table import Select, VectorTable

ROWS_AT_ONCE = 5000
# More of them change what PostgreSQL's planner should know.
MANY_BATCHES = 2
# A graph over so many rows is built by whoever needs it, in one or two seconds.
FEW_ROWS = 5_000
# All rows are compared with the table after so long, whatever is known of them.
RECHECK_SECONDS = 3600.0
# Of a building that others wait for.
POLL_SECONDS = 1.0

TABLE = "matching_vector_"
# Advisory locks: (one of these, version).
MAKING, FILLING, BUILDING = 7_301, 7_302, 7_303

# Rows of a version, after an id, without a vector.
MISSING = (
    "{rows}.version_id = %s AND {rows}.id > %s "
    "AND NOT EXISTS (SELECT FROM {table} WHERE key = {rows}.id)"
)

log = logging.getLogger(__name__)


class PgvectorMissing(PawkinError):
    """Codes: pgvector_missing, pgvector_forbidden."""


@contextmanager
def transact() -> Iterator[Any]:
    """A cursor in a transaction of its own, or in the one that is open."""
    with transaction.atomic(), connection.cursor() as cursor:
        yield cursor


class Dogs:
    """The dogs a search may return, as a part of its SQL; only their number is asked for."""

    def __init__(self, dogs: DogQuerySet) -> None:
        self._dogs = dogs

    def __len__(self) -> int:
        return self._number

    def dogs(self) -> np.ndarray:
        keys = self._dogs.values_list("pk", flat=True)
        return np.fromiter(keys.iterator(chunk_size=ROWS_AT_ONCE), np.int64)

    def select(self) -> Select:
        """Raises EmptyResultSet where Django knows without asking that there are none."""
        sql, params = self._dogs.order_by().values("pk").query.sql_with_params()
        return Select(sql, tuple(params), self._number)

    @cached_property
    def _number(self) -> int:
        return self._dogs.count()


class State(NamedTuple):
    """The largest id of a version's rows, the largest of an old row, whether a row has no vector,
    and whether there is a whole graph."""

    newest: int
    settled: int
    some_missing: bool
    has_graph: bool


class PgVectors:
    """A cache of rows that all workers share.

    What `catch_up` looks for is rows without a vector. Ids of embeddings can become visible out of
    their order, but no later than their writer's task may last: before a row older than that, none
    comes any more, so once all were compared, those before it are not looked at again. A deleted
    row takes its vector along (ON DELETE CASCADE). Workers fill one after the other, a batch each.
    """

    def __init__(self, version_id: int) -> None:
        """Makes the table where it is not. Raises PgvectorMissing."""
        self._version_id = version_id
        self._table = VectorTable(f"{TABLE}{version_id}", DIMENSION, transact)
        # Up to this id every row has a vector, and none comes any more.
        self._complete_to = 0
        self._recheck_at = 0.0
        self._has_graph = False
        self._told = False
        self.up_to = 0
        self._make()

    @property
    def recall(self) -> float | None:
        """None: answers along the graph are not held against exact ones while it serves."""
        return None

    def allowed(self, dogs: DogQuerySet) -> Dogs:
        return Dogs(dogs)

    def search(self, vectors: np.ndarray, k: int, allowed: Dogs) -> list[Hit]:
        if not len(allowed):
            return []
        return self._table.search(vectors, k, allowed.select(), walk=self._has_graph)

    def catch_up(self) -> None:
        """Gives a vector to every row that is visible now, and the graph to a table of few rows."""
        if time.monotonic() > self._recheck_at:
            self._complete_to = 0
            self._recheck_at = time.monotonic() + RECHECK_SECONDS
        state = self._state()
        if state.some_missing:
            self._fill()
        self._complete_to = max(self._complete_to, state.settled)
        self._has_graph = state.has_graph
        self.up_to = max(self.up_to, state.newest)
        if not self._has_graph:
            self._build_if_few()

    def count(self) -> int:
        """The vectors there are; this looks at all of them."""
        with connection.cursor() as cursor:
            return int(_first(cursor, self._sql("SELECT count(*) FROM {table}")))

    def build(self, memory: str = "") -> None:
        """Builds the graph over any number of rows unless it is there, holding nobody up; waits for
        whoever builds it. `memory` is PostgreSQL's maintenance_work_mem for it, as in "1GB".

        Not within a transaction.
        """
        with connection.cursor() as cursor:
            # Asked again and again: one that waits for the lock keeps the builder waiting, who
            # waits for every query that began before.
            while not _first(cursor, "SELECT pg_try_advisory_lock(%s, %s)", self._key(BUILDING)):
                time.sleep(POLL_SECONDS)
            try:
                if memory:
                    cursor.execute("SELECT set_config('maintenance_work_mem', %s, false)", [memory])
                if not self._state().has_graph:
                    self._table.build(cursor, beside_writers=True)
                self._has_graph = True
            finally:
                cursor.execute("RESET maintenance_work_mem")
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", self._key(BUILDING))

    def _make(self) -> None:
        with connection.cursor() as cursor:
            if _first(cursor, "SELECT to_regclass(%s) IS NOT NULL", [self._table.name]):
                return
        with transact() as cursor:
            # IF NOT EXISTS fails where two do the same at once.
            cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [MAKING])
            _make_extension(cursor)
            self._table.create(references=Embedding._meta.db_table)

    def _state(self) -> State:
        old = timezone.now() - timedelta(seconds=2 * settings.CELERY_TASK_TIME_LIMIT)
        with connection.cursor() as cursor:
            cursor.execute(
                self._sql(
                    "SELECT (SELECT max(id) FROM {rows} WHERE version_id = %s), "
                    "(SELECT id FROM {rows} WHERE version_id = %s AND created_at < %s "
                    "ORDER BY id DESC LIMIT 1), "
                    "EXISTS (SELECT FROM {rows} WHERE {missing}), EXISTS "
                    "(SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid)"
                ),
                [
                    *(self._version_id, self._version_id, old),
                    *(self._version_id, self._complete_to, self._table.index),
                ],
            )
            newest, settled, some_missing, has_graph = cursor.fetchone()
        return State(newest or 0, settled or 0, some_missing, has_graph)

    def _sql(self, text: str) -> Composed:
        """SQL with the names of the tables of vectors, embeddings (`rows`) and photos; `missing` is
        a condition on rows."""
        names = {
            "table": Identifier(self._table.name),
            "rows": Identifier(Embedding._meta.db_table),
            "photos": Identifier(Photo._meta.db_table),
        }
        return SQL(text).format(**names, missing=SQL(MISSING).format(**names))

    def _fill(self) -> None:
        key: int | None = self._complete_to
        batches = 0
        while key is not None:
            key = self._fill_some(key)
            batches += 1
        if batches > MANY_BATCHES:
            with connection.cursor() as cursor:
                # Until autovacuum comes by, the planner would take the table for a small one.
                cursor.execute(self._sql("ANALYZE {table}"))

    def _fill_some(self, key: int) -> int | None:
        """Gives vectors to the first rows after `key` that have none; the last of them."""
        with transact() as cursor:
            # What the one before brought in is seen by the query after.
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", self._key(FILLING))
            # Locked, so that none of them is deleted before its vector refers to it.
            cursor.execute(
                self._sql(
                    "SELECT {rows}.id, {photos}.id, {photos}.dog_id, {rows}.vector "
                    "FROM {rows} JOIN {photos} ON {photos}.id = {rows}.photo_id "
                    "WHERE {missing} ORDER BY {rows}.id LIMIT %s FOR KEY SHARE OF {rows}"
                ),
                [self._version_id, key, ROWS_AT_ONCE],
            )
            rows = cursor.fetchall()
            if not rows:
                return None
            keys, photos, dogs, vectors = zip(*rows, strict=True)
            self._table.insert(
                cursor, np.array(keys), np.array(photos), np.array(dogs), as_vectors(vectors)
            )
        return int(keys[-1])

    def _build_if_few(self) -> None:
        with transact() as cursor:
            count = self._sql("SELECT count(*) FROM (SELECT FROM {table} LIMIT %s) AS counted")
            if _first(cursor, count, [FEW_ROWS + 1]) > FEW_ROWS:
                if not self._told:
                    log.warning(
                        "%s has no graph, so searches compare all of its rows: run "
                        "manage.py prepare_vectors",
                        self._table.name,
                    )
                self._told = True
            elif _first(cursor, "SELECT pg_try_advisory_xact_lock(%s, %s)", self._key(BUILDING)):
                self._table.build(cursor, beside_writers=False)
                self._has_graph = True

    def _key(self, purpose: int) -> list[int]:
        return [purpose, self._version_id]


def drop_abandoned() -> list[str]:
    """Drops tables whose versions are gone; their names."""
    with transact() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ %s "
            "AND relnamespace = current_schema()::regnamespace",
            [f"^{TABLE}[0-9]+$"],
        )
        found = {int(name.removeprefix(TABLE)): name for (name,) in cursor.fetchall()}
        gone = set(found) - set(ModelVersion.objects.values_list("pk", flat=True))
        for version_id in gone:
            cursor.execute(SQL("DROP TABLE {}").format(Identifier(found[version_id])))
    return sorted(found[version_id] for version_id in gone)


def _make_extension(cursor: Any) -> None:
    """Raises PgvectorMissing where PostgreSQL does not have it, or may not be told to use it."""
    if _first(cursor, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')"):
        return
    if not _first(
        cursor, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
    ):
        raise PgvectorMissing(
            "pgvector_missing",
            "PostgreSQL has no pgvector. Install pgvector 0.5 or newer beside it, or unset "
            "VECTOR_STORE.",
        )
    try:
        # Undone alone, so that the caller's transaction can go on to its end.
        with transaction.atomic():
            cursor.execute("CREATE EXTENSION vector")
    except ProgrammingError as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        raise PgvectorMissing(
            "pgvector_forbidden",
            "This user may not add pgvector to the database. Have a superuser run "
            "CREATE EXTENSION vector in it.",
        ) from error


def _first(cursor: Any, sql: str | Composed, params: list[Any] | None = None) -> Any:
    """The one value of a query's one row."""
    cursor.execute(sql, params)
    return cursor.fetchone()[0]
