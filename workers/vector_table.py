"""Vectors in a table of PostgreSQL, searched with pgvector: SQL, and nothing of the product.

HNSW (Malkov & Yashunin 2016, https://arxiv.org/abs/1603.09320) as pgvector builds it; what its
versions can do is in https://github.com/pgvector/pgvector/blob/master/CHANGELOG.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL, Composable, Composed, Identifier

from ml.index import Hit

FEW_DOGS = 5_000
"""Up to this many allowed dogs all their photos are compared: the answer is complete, and it costs
about what a walk through the graph costs that is wide enough to meet so rare dogs."""

FIRST_WIDTH = 400
"""Photos that a walk through the graph brings at first. A listed dog has two to four photos, which
often come together, and an answer has two dozen dogs."""

WIDEST = 1_000
"""The largest `hnsw.ef_search`, and with it the widest walk before pgvector 0.8."""

WIDEST_ITERATIVE = 8_000
"""The widest walk where pgvector goes on by itself; beyond it comparing all costs no more."""

PHOTOS_A_DOG = 8
"""Photos read for each dog that is wanted, where all allowed ones are compared."""

WIDENING = 4
"""Factor by which an answer grows that held too few dogs."""

MARGIN = 2.0
"""How many times more dogs than wanted a walk has to meet: of those that it meets last, it passes
over some that are nearer."""

LINKS, CONSTRUCTION = 16, 128
"""HNSW's M and efConstruction: pgvector's own M, and twice its efConstruction for the recall."""

ITERATIVE_FROM = (0, 8)

# COPY's binary format, and in it pgvector's: big-endian, each value after its length.
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"

Transact = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT of dogs' keys, with %s for its parameters; `number` is how many it finds."""

    sql: str
    params: tuple[Any, ...]
    number: int


class VectorTable:
    """Vectors of `dim` numbers in the table `name`, a row a photo.

    `transact` opens a transaction, or joins the one that is open, and gives its cursor (psycopg's
    or Django's).

    Equal scores are ordered by dog, then photo, then query row, and scores are summed as
    `ml.index.VectorIndex` sums them, so that both give the same answer for the same vectors.
    """

    def __init__(self, name: str, dim: int, transact: Transact) -> None:
        self.name = name
        self.dim = dim
        self.index = f"{name}_nearest"
        self._transact = transact
        self._row = np.dtype(
            [
                ("fields", ">i2"),
                ("size_of_key", ">i4"),
                ("key", ">i8"),
                ("size_of_photo", ">i4"),
                ("photo", ">i8"),
                ("size_of_dog", ">i4"),
                ("dog", ">i8"),
                ("size_of_vector", ">i4"),
                ("dim", ">i2"),
                ("unused", ">i2"),
                ("vector", ">f4", (dim,)),
            ]
        )

    def create(self, references: str = "") -> None:
        """Makes the table where it is not; `references` is the table whose primary keys its keys
        are, and with whose rows its own go."""
        of = SQL("REFERENCES {} ON DELETE CASCADE").format(Identifier(references))
        with self._transact() as cursor:
            cursor.execute(
                self._sql(
                    "CREATE TABLE IF NOT EXISTS {table} (key bigint PRIMARY KEY {of}, "
                    "photo bigint NOT NULL, dog bigint NOT NULL, vector vector({dim}) NOT NULL)",
                    of=of if references else SQL(""),
                    dim=self.dim,
                )
            )
            cursor.execute(
                self._sql(
                    "CREATE INDEX IF NOT EXISTS {by_dog} ON {table} (dog)",
                    by_dog=Identifier(f"{self.name}_dog"),
                )
            )

    def insert(
        self,
        cursor: Any,
        keys: NDArray[np.int64],
        photos: NDArray[np.int64],
        dogs: NDArray[np.int64],
        vectors: NDArray[np.float32],
    ) -> None:
        """Adds rows (n,) with vectors (n, dim); none of their keys may be there yet."""
        rows = np.zeros(len(keys), self._row)
        rows["fields"] = 4
        rows["size_of_key"] = rows["size_of_photo"] = rows["size_of_dog"] = 8
        rows["size_of_vector"] = 4 + 4 * self.dim
        rows["key"], rows["photo"], rows["dog"] = keys, photos, dogs
        rows["dim"], rows["vector"] = self.dim, vectors
        into = self._sql("COPY {table} (key, photo, dog, vector) FROM STDIN (FORMAT BINARY)")
        with cursor.copy(into) as copy:
            copy.write(SIGNATURE + rows.tobytes() + END)

    def build(self, cursor: Any, *, beside_writers: bool) -> None:
        """Builds the graph. `beside_writers` holds nobody up, takes longer, and cannot be done in a
        transaction; what an earlier such build left unfinished goes first."""
        cursor.execute(self._sql("DROP INDEX IF EXISTS {index}"))
        cursor.execute(
            self._sql(
                "CREATE INDEX {how} {index} ON {table} USING hnsw (vector vector_ip_ops) "
                "WITH (m = {links}, ef_construction = {construction})",
                how=SQL("CONCURRENTLY" if beside_writers else ""),
                links=LINKS,
                construction=CONSTRUCTION,
            )
        )

    def search(
        self, vectors: NDArray[np.float32], k: int, allowed: Select, *, walk: bool = True
    ) -> list[Hit]:
        """The `k` dogs nearest to any of `vectors` (m, dim), each with its best photo, best first.

        Complete, unless more than FEW_DOGS are allowed and `walk` lets it use the graph, which
        passes over some. Dogs without a vector here are passed over. Every query limits by
        `allowed` itself, so a dog that is not allowed now cannot be in an answer.
        """
        if k < 1 or not len(vectors) or not allowed.number:
            return []
        with self._transact() as cursor:
            if walk and allowed.number > FEW_DOGS:
                hits = self._walk(cursor, vectors, k, allowed)
                if hits is not None:
                    return hits
            return self._compare(cursor, vectors, k, allowed)

    def _walk(
        self, cursor: Any, vectors: NDArray[np.float32], k: int, allowed: Select
    ) -> list[Hit] | None:
        """Along the graph, wider while there are too few dogs; None where that is not worth it."""
        iterative = self._is_iterative(cursor)
        widest = WIDEST_ITERATIVE if iterative else WIDEST
        width = FIRST_WIDTH
        while True:
            settings = {"jit": "off", "hnsw.ef_search": min(width, WIDEST)}
            if iterative:
                # In strict order, what it meets too late would be left out; it is sorted here.
                settings |= {
                    "hnsw.iterative_scan": "relaxed_order",
                    "hnsw.max_scan_tuples": 2 * width,
                }
            _set(cursor, settings)
            # The innermost LIMIT keeps the planner to the order of the graph, and the scalar
            # subquery to looking at each photo's dog by its key; joined, it would read all dogs.
            found = self._near(
                cursor,
                vectors,
                "ORDER BY vector <#> query.vector LIMIT {width}) AS near "
                "WHERE (SELECT true FROM ({allowed}) AS allowed (dog) "
                "WHERE allowed.dog = near.dog)",
                width,
                allowed,
            )
            hits = self._best(vectors, found)
            if len(hits) >= MARGIN * k:
                return hits[:k]
            if width == widest or len(hits) * widest < MARGIN * k * width:
                return None
            width = min(widest, max(WIDENING * width, int(MARGIN * k * width / len(hits))))

    def _compare(
        self, cursor: Any, vectors: NDArray[np.float32], k: int, allowed: Select
    ) -> list[Hit]:
        """All photos of allowed dogs."""
        _set(cursor, {"jit": "off"})
        width = PHOTOS_A_DOG * k
        longest = float(np.linalg.norm(vectors, axis=1).max())
        while True:
            # "+ 0" is an order that no graph has.
            found = self._near(
                cursor,
                vectors,
                "WHERE dog IN ({allowed}) "
                "ORDER BY (vector <#> query.vector) + 0 LIMIT {width}) AS near",
                width,
                allowed,
            )
            hits = self._best(vectors, found)
            last: dict[int, tuple[int, float]] = {}
            for row, *_, distance in found:
                number, worst = last.get(row, (0, -np.inf))
                last[row] = number + 1, max(worst, distance)
            unseen = max((-w for n, w in last.values() if n == width), default=-np.inf)
            # What PostgreSQL's float32 inner products can be off by, for vectors of length 1.
            slack = self.dim * 2.0**-23 * longest * 1.01
            if unseen == -np.inf or (len(hits) >= k and hits[k - 1].score > unseen + slack):
                return hits[:k]
            width *= WIDENING

    def _near(
        self,
        cursor: Any,
        vectors: NDArray[np.float32],
        which: str,
        width: int,
        allowed: Select,
    ) -> list[Any]:
        """Rows (query row, photo, dog, vector, distance) of the photos that `which`, the rest of
        the SELECT, leaves of each query row's."""
        cursor.execute(
            self._sql(
                "SELECT query.row, near.photo, near.dog, vector_send(near.vector), near.distance "
                "FROM {queries} CROSS JOIN LATERAL ("
                "SELECT photo, dog, vector, vector <#> query.vector AS distance FROM {table} "
                "{which}",
                queries=_queries(vectors),
                which=self._sql(which, width=width, allowed=SQL(allowed.sql)),
            ),
            allowed.params,
        )
        return list(cursor.fetchall())

    def _best(self, vectors: NDArray[np.float32], found: Sequence[Sequence[Any]]) -> list[Hit]:
        """The best of each dog's rows (query row, photo, dog, vector, …), best dog first."""
        if not found:
            return []
        rows, photos, dogs = (np.array([row[n] for row in found], np.int64) for n in range(3))
        # pgvector's own form: two numbers of 16 bits, then the values, big-endian.
        sent = np.frombuffer(b"".join(bytes(row[3]) for row in found), ">i2")
        stored = sent.reshape(len(found), -1)[:, 2:].copy().view(">f4").astype(np.float64)
        stored *= vectors[rows]
        scores = stored.sum(axis=1).astype(np.float32)
        order = np.lexsort((rows, photos, dogs, -scores))
        _, firsts = np.unique(dogs[order], return_index=True)
        return [
            Hit(int(dogs[one]), int(photos[one]), float(scores[one]), int(rows[one]))
            for one in order[np.sort(firsts)]
        ]

    def _sql(self, text: str, **parts: Composable | int) -> Composed:
        names = {"table": Identifier(self.name), "index": Identifier(self.index)}
        return SQL(text).format(**names, **parts)

    def _is_iterative(self, cursor: Any) -> bool:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        major, minor = cursor.fetchone()[0].split(".")[:2]
        return (int(major), int(minor)) >= ITERATIVE_FROM


def _set(cursor: Any, settings: dict[str, Any]) -> None:
    """Sets what holds until the transaction ends."""
    calls = SQL(", ").join([SQL("set_config(%s, %s, true)")] * len(settings))
    values = [str(value) for pair in settings.items() for value in pair]
    cursor.execute(SQL("SELECT {}").format(calls), values)


def _queries(vectors: NDArray[np.float32]) -> Composed:
    """The query vectors as a table `query (row, vector)`. Literals, since the planner sees through
    them; a float32's digits as a float64 name it exactly."""
    rows = [
        SQL("({}, {}::vector)").format(row, str(vector))
        for row, vector in enumerate(np.asarray(vectors, np.float32).tolist())
    ]
    return SQL("(VALUES {}) AS query (row, vector)").format(SQL(", ").join(rows))
