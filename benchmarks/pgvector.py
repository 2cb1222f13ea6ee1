"""What pgvector takes to find the nearest dogs: the tables and queries of a worker, and no worker.

    measure(vectors, groups, queries, {"all": None, "few": {1, 5}}, k=24)

Its PostgreSQL comes from the wheel that tests use (requirements-test.txt), with the settings that
it comes with; on the same machine a server with more memory of its own is no slower.
"""

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from workers.vector_table import Select, VectorTable

ROWS_AT_ONCE = 5000


def measure(
    vectors: NDArray[np.float32],
    groups: NDArray[np.int64],
    queries: NDArray[np.float32],
    masks: Mapping[str, set[int] | None],
    k: int,
    *,
    memory: str = "1GB",
) -> dict[str, Any]:
    """Photos `vectors` (n, 128) of dogs `groups` (n,), asked with each of `queries` (q, 128).

    `masks` are filters: a name, and the dogs that pass it, None for all. A photo's id is its
    place in `vectors`. `memory` is PostgreSQL's maintenance_work_mem for building.

    Returns `version` (pgvector's), `fill_s`, `build_s`, `rows_bytes` and `graph_bytes` on disk, and
    for each name in `filters`: `dogs` that pass, `seconds` (a latency for each query, the query
    that counts the dogs left out) and `found` (a list of photos' ids for each query, best first).
    """
    with (
        tempfile.TemporaryDirectory(prefix="pawkin-pgvector-") as name,
        server(Path(name)) as url,
        psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection,
    ):
        connection.execute("CREATE EXTENSION vector")
        return _measure(connection, vectors, groups, queries, masks, k, memory)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL in a folder, for as long as it is needed."""
    import pgserver

    logging.getLogger("pgserver").setLevel(logging.WARNING)
    # It steps down from root.
    folder.chmod(0o755)
    started = pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()


def _measure(
    connection: psycopg.Connection[Any],
    vectors: NDArray[np.float32],
    groups: NDArray[np.int64],
    queries: NDArray[np.float32],
    masks: Mapping[str, set[int] | None],
    k: int,
    memory: str,
) -> dict[str, Any]:
    @contextmanager
    def transact() -> Iterator[Any]:
        with connection.transaction(), connection.cursor() as cursor:
            yield cursor

    def first(sql: str, *params: object) -> Any:
        row = connection.execute(sql, params).fetchone()
        assert row is not None
        return row[0]

    table = VectorTable("photo", vectors.shape[1], transact)
    table.create()
    begun = time.perf_counter()
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        ids = np.arange(start, start + len(vectors[part]))
        with transact() as cursor:
            table.insert(cursor, ids, ids, groups[part], vectors[part])
    filled = time.perf_counter()
    connection.execute("SELECT set_config('maintenance_work_mem', %s, false)", [memory])
    with connection.cursor() as cursor:
        table.build(cursor, beside_writers=True)
    built = time.perf_counter()
    allowed = list(_filters(connection, groups, masks))
    connection.execute("ANALYZE")
    filters = {}
    for name, select in allowed:
        seconds, found = [], []
        for query in queries:
            asked = time.perf_counter()
            hits = table.search(query[None], k, select)
            seconds.append(time.perf_counter() - asked)
            found.append([hit.id for hit in hits])
        filters[name] = {"dogs": select.number, "seconds": seconds, "found": found}
    graph_bytes = first("SELECT pg_relation_size(%s)", table.index)
    return {
        "version": first("SELECT extversion FROM pg_extension WHERE extname = 'vector'"),
        "fill_s": filled - begun,
        "build_s": built - filled,
        "rows_bytes": first("SELECT pg_total_relation_size(%s)", table.name) - graph_bytes,
        "graph_bytes": graph_bytes,
        "filters": filters,
    }


def _filters(
    connection: psycopg.Connection[Any],
    groups: NDArray[np.int64],
    masks: Mapping[str, set[int] | None],
) -> Iterator[tuple[str, Select]]:
    """A table of dogs with a column for each filter, as dogs have columns that filters look at."""
    dogs = np.unique(groups).tolist()
    columns = [f"passes_{number}" for number in range(len(masks))]
    told = "".join(f", {column} boolean NOT NULL" for column in columns)
    connection.execute(f"CREATE TABLE dog (id bigint PRIMARY KEY{told})")
    with connection.cursor().copy("COPY dog FROM STDIN") as copy:
        for dog in dogs:
            copy.write_row([dog, *(mask is None or dog in mask for mask in masks.values())])
    for column, (name, mask) in zip(columns, masks.items(), strict=True):
        number = len(dogs) if mask is None else len(mask.intersection(dogs))
        # The column is one of those made above.
        yield name, Select(f"SELECT id FROM dog WHERE {column}", (), number)  # nosec B608
