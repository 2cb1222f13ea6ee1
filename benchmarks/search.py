"""Nearest dogs among ten thousand to a million photos: ways to find them, with filters.

All engines answer the same question: the ten dogs nearest to one vector among those that a filter
lets pass, three photos a dog. Recall is the share of the exact answer's photos in theirs.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Before NumPy and FAISS, whose threads then wait as they do in the product.
import portal  # noqa: F401  isort: skip
import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks import pgvector, vectors
from benchmarks.plots import lines
from benchmarks.report import Figure, picture, place, table, write_section
from ml.index import VectorIndex

# Its stubs know neither all of it nor the arguments that Python has.
FAISS: Any = faiss

SIZES = (10_000, 100_000, 1_000_000)
SHARES = {"100 %": 1.0, "10 %": 0.1, "1 %": 0.01, "0.1 %": 0.001}
PHOTOS_A_DOG = 3
K = 10
# Photos that an engine is asked for, to have ten dogs among them.
WIDTH = 40
DIM = 128
WARMING = 5
ROWS_AT_ONCE = 5000
ADDED = 1000
# Of FAISS's own indexes: what they are trained with at most, lists probed, neighbours explored.
TRAINED = 200_000
PROBES = 64
EXPLORED = 256

Mask = NDArray[np.bool_] | None
Find = Callable[[NDArray[np.float32], str], list[int]]


class Outcome(NamedTuple):
    """Seconds to build, bytes held, seconds to add ADDED photos later (None: not tried), and for
    each filter the seconds and the photos found, best first, of each query."""

    build_s: float
    bytes: int
    add_s: float | None
    seconds: dict[str, list[float]]
    found: dict[str, list[list[int]]]


class Problem(NamedTuple):
    stored: NDArray[np.float32]
    dogs: NDArray[np.int64]
    queries: NDArray[np.float32]
    allowed: dict[str, NDArray[np.int64]]

    def mask(self, name: str) -> Mask:
        """(n,) of photos; None where all pass."""
        if SHARES[name] == 1:
            return None
        return np.isin(self.dogs, self.allowed[name])


def run(options: argparse.Namespace, machine: dict[str, Any]) -> int:
    with tempfile.TemporaryDirectory(prefix="pawkin-bench-") as name:
        real, queries = vectors.sources(options.photos, Path(name))
    told = []
    for size in (size for size in SIZES if size <= max(SIZES[0], options.vectors)):
        problem = pose(real, queries, size)
        exact = {name: exact_answers(problem, name) for name in SHARES}
        for engine, build in ENGINES.items():
            if build is in_postgresql and size > options.pgvectors:
                continue
            one = {"photos": size, "engine": engine, **judged(build(problem), exact)}
            told.append(one)
            print(*row(one), flush=True)
    keep(told, len(real), len(queries), machine)
    return 0


def pose(real: NDArray[np.float32], queries: NDArray[np.float32], size: int) -> Problem:
    random = np.random.default_rng(2)
    number = -(-size // PHOTOS_A_DOG)
    dogs = np.arange(size, dtype=np.int64) // PHOTOS_A_DOG
    allowed = {
        name: np.sort(random.permutation(number)[: max(K, round(share * number))])
        for name, share in SHARES.items()
    }
    return Problem(vectors.made_from(real, size), dogs, queries, allowed)


def exact_answers(problem: Problem, name: str) -> list[list[int]]:
    mask = problem.mask(name)
    places = np.arange(len(problem.stored)) if mask is None else np.flatnonzero(mask)
    scores = problem.queries @ problem.stored[places].T
    # Ten dogs need thirty photos at most.
    width = min(len(places), K * PHOTOS_A_DOG)
    best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    answers = []
    for row_scores, row_best in zip(scores, best, strict=True):
        order = row_best[np.argsort(-row_scores[row_best], kind="stable")]
        answers.append(of_dogs(places[order], problem.dogs))
    return answers


def of_dogs(photos: NDArray[np.int64], dogs: NDArray[np.int64]) -> list[int]:
    """The best photo of each of the first K dogs; `photos` are best first."""
    photos = photos[photos >= 0]
    _, firsts = np.unique(dogs[photos], return_index=True)
    return [int(photo) for photo in photos[np.sort(firsts)][:K]]


def judged(outcome: Outcome, exact: Mapping[str, list[list[int]]]) -> dict[str, Any]:
    """For JSON."""
    filters = {}
    for name, seconds in outcome.seconds.items():
        figure = Figure(name, seconds)
        shares = [
            len(set(found) & set(answer)) / len(answer)
            for found, answer in zip(outcome.found[name], exact[name], strict=True)
        ]
        filters[name] = {
            "median_ms": round(1000 * figure.median, 3),
            "p95_ms": round(1000 * figure.p95, 3),
            "recall": round(float(np.mean(shares)), 4),
        }
    return {
        "build_s": round(outcome.build_s, 2),
        "megabytes": round(outcome.bytes / 1e6, 1),
        "add_1000_ms": None if outcome.add_s is None else round(1000 * outcome.add_s, 1),
        "filters": filters,
    }


def asked(
    problem: Problem, find: Find
) -> tuple[dict[str, list[float]], dict[str, list[list[int]]]]:
    """Times and answers of `find(query (128,), filter)`, which gives ids of photos, best first."""
    seconds: dict[str, list[float]] = {name: [] for name in SHARES}
    answers: dict[str, list[list[int]]] = {name: [] for name in SHARES}
    for name in SHARES:
        for query in problem.queries[:WARMING]:
            find(query, name)
        for query in problem.queries:
            begun = time.perf_counter()
            answers[name].append(find(query, name))
            seconds[name].append(time.perf_counter() - begun)
    return seconds, answers


def argsort(problem: Problem) -> Outcome:
    """What the ancestor did: all products, all sorted."""

    def find(query: NDArray[np.float32], name: str) -> list[int]:
        scores = problem.stored @ query
        mask = problem.mask(name)
        if mask is not None:
            scores[~mask] = -2
        order = np.argsort(-scores)[:WIDTH]
        return of_dogs(order[scores[order] > -2], problem.dogs)

    return Outcome(0, problem.stored.nbytes, None, *asked(problem, find))


def pawkin(problem: Problem) -> Outcome:
    """The index of a worker, filters as the dogs that they let pass."""
    index = VectorIndex(DIM)
    ids = np.arange(len(problem.stored))
    begun = time.perf_counter()
    for start in range(0, len(ids), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        index.add(ids[part], problem.dogs[part], problem.stored[part])
    index.build()
    built = time.perf_counter() - begun

    def find(query: NDArray[np.float32], name: str) -> list[int]:
        return [hit.id for hit in index.search(query[None], K, problem.allowed[name])]

    results = asked(problem, find)
    more = vectors.made_from(problem.stored[:ROWS_AT_ONCE], ADDED, seed=3)
    begun = time.perf_counter()
    index.add(len(ids) + np.arange(ADDED), np.full(ADDED, -1), more)
    added = time.perf_counter() - begun
    # Vectors, and in the coarse index a byte a number and an id.
    held = problem.stored.nbytes + (len(ids) * (DIM + 8) if index.kind == "approximate" else 0)
    return Outcome(built, held, added, *results)


def of_faiss(
    make: Callable[[int], Any],
    options: Callable[[Any], Any],
) -> Callable[[Problem], Outcome]:
    """`make(number of photos)` gives an index of FAISS, `options(selector)` what it is searched
    with; filters are bitmaps made for each search."""

    def build(problem: Problem) -> Outcome:
        index = make(len(problem.stored))
        begun = time.perf_counter()
        index.train(
            problem.stored[np.random.default_rng(4).permutation(len(problem.stored))[:TRAINED]]
        )
        index.add(problem.stored)
        built = time.perf_counter() - begun

        def find(query: NDArray[np.float32], name: str) -> list[int]:
            mask = problem.mask(name)
            selector = None
            if mask is not None:
                selector = FAISS.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
            _, found = index.search(query[None], WIDTH, params=options(selector))
            return of_dogs(found[0], problem.dogs)

        results = asked(problem, find)
        return Outcome(built, len(FAISS.serialize_index(index)), None, *results)

    return build


def lists_of(number: int) -> int:
    return int(4 * number**0.5)


def inverted(number: int) -> Any:
    """Inverted lists, a byte a number."""
    return FAISS.index_factory(DIM, f"IVF{lists_of(number)},SQ8", FAISS.METRIC_INNER_PRODUCT)


def product(number: int) -> Any:
    """Inverted lists, 64 bytes a photo by product quantization, rescored with the vectors."""
    name = f"IVF{lists_of(number)},PQ64x4fsr,RFlat"
    return FAISS.index_factory(DIM, name, FAISS.METRIC_INNER_PRODUCT)


def hnsw(_number: int) -> Any:
    index = FAISS.IndexHNSWFlat(DIM, 32, FAISS.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80
    return index


def in_postgresql(problem: Problem) -> Outcome:
    masks = {
        name: None if share == 1 else set(problem.allowed[name].tolist())
        for name, share in SHARES.items()
    }
    told = pgvector.measure(problem.stored, problem.dogs, problem.queries, masks, K)
    return Outcome(
        told["fill_s"] + told["build_s"],
        told["rows_bytes"] + told["graph_bytes"],
        None,
        {name: one["seconds"] for name, one in told["filters"].items()},
        {name: one["found"] for name, one in told["filters"].items()},
    )


def probing(selector: Any) -> Any:
    return FAISS.SearchParametersIVF(sel=selector, nprobe=PROBES)


def refined(selector: Any) -> Any:
    return FAISS.IndexRefineSearchParameters(k_factor=4, base_index_params=probing(selector))


ENGINES: dict[str, Callable[[Problem], Outcome]] = {
    "NumPy argsort": argsort,
    "FAISS flat": of_faiss(
        lambda _number: FAISS.IndexFlatIP(DIM), lambda some: FAISS.SearchParameters(sel=some)
    ),
    "FAISS HNSW": of_faiss(
        hnsw, lambda some: FAISS.SearchParametersHNSW(sel=some, efSearch=EXPLORED)
    ),
    "FAISS IVF-SQ8": of_faiss(inverted, probing),
    "FAISS IVF-PQ, refined": of_faiss(product, refined),
    "Pawkin": pawkin,
    "Pawkin on pgvector": in_postgresql,
}


def row(one: Mapping[str, Any]) -> list[str]:
    cells = [f"{told['p95_ms']:.3g} ms, {told['recall']:.3f}" for told in one["filters"].values()]
    return [
        f"{one['photos']:,}",
        one["engine"],
        *cells,
        f"{one['build_s']:.3g} s",
        f"{one['megabytes']:.0f} MB",
    ]


def keep(
    told: Sequence[Mapping[str, Any]], sources: int, queries: int, machine: dict[str, Any]
) -> None:
    curves: dict[str, list[tuple[float, float]]] = {}
    for one in told:
        worst = max(some["p95_ms"] for some in one["filters"].values())
        curves.setdefault(one["engine"], []).append((one["photos"], worst))
    lines(
        place("search.svg"),
        "The slowest filter's 95 %",
        curves,
        across="photos",
        up="ms",
        logarithmic=True,
    )
    added = [
        f"{one['photos']:,}: {one['add_1000_ms']:.0f} ms" for one in told if one["add_1000_ms"]
    ]
    said = [
        f"The ten dogs nearest to one vector, {PHOTOS_A_DOG} photos a dog, under filters that let "
        f"so many of the dogs pass: 95 % of {queries} searches take at most so long, and their "
        "recall of the exact answer. The vectors are made from those of "
        f"{sources} photos; the ones searched with are of other photos. Building is what it takes "
        "from the vectors to the first search, memory what is held or on disk.",
        "",
        *table(("photos", "engine", *SHARES, "build", "memory"), [row(one) for one in told]),
        "",
        f"{ADDED:,} photos more take the worker's index, by how many it holds: {'; '.join(added)}.",
        "",
        picture("The slowest filter's 95 % by engine and number of photos", "search.svg"),
    ]
    facts = {"sources": sources, "queries": queries, "outcomes": list(told)}
    write_section("search", "Nearest dogs", said, machine, facts)
