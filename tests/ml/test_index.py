"""The index against a search that compares everything with everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import index as module
from ml.errors import DataError, ModelMismatch
from ml.index import Hit, VectorIndex

DIM = 4


def brute_force(rows, queries, k, allowed):
    """`rows` are (id, group, vector); the definition of the answer, one pair at a time."""
    best: dict[int, tuple] = {}
    for key, group, vector in rows:
        if allowed is not None and group not in allowed:
            continue
        for number, query in enumerate(queries):
            products = (float(a) * float(b) for a, b in zip(vector, query, strict=True))
            score = float(np.float32(sum(products)))
            rank = (-score, key, number)
            if group not in best or rank < best[group]:
                best[group] = rank
    order = sorted(best.items(), key=lambda item: (item[1][0], item[0]))
    return [Hit(group, key, -score, number) for group, (score, key, number) in order[:k]]


# Few distinct values, so that equal scores and equal vectors are the normal case.
vectors = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=DIM, max_size=DIM)
photos = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 12), vectors), max_size=40)


def filled(rows):
    index = VectorIndex(DIM)
    ids, groups, values = ([row[part] for row in rows] for part in range(3))
    index.add(np.array(ids), np.array(groups), np.array(values, np.float32).reshape(-1, DIM))
    return index


def first_of_each_id(rows):
    seen: dict[int, tuple] = {}
    for row in rows:
        seen.setdefault(row[0], row)
    return list(seen.values())


@pytest.mark.parametrize("few", [0, 10_000], ids=["wide", "narrow"])
@settings(deadline=None, max_examples=150)
@given(
    rows=photos,
    queries=st.lists(vectors, min_size=1, max_size=3),
    k=st.integers(1, 20),
    allowed=st.none() | st.sets(st.integers(1, 20)),
    removed=st.sets(st.integers(1, 70), max_size=20),
)
def test_both_ways_find_what_brute_force_finds(few, rows, queries, k, allowed, removed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW_ROWS", few)
        patch.setattr(module, "WIDEST", 1.0)
        patch.setattr(module, "FIRST_WIDTH", 1)
        index = filled(rows)
        index.remove(removed)
        kept = [row for row in first_of_each_id(rows) if row[0] not in removed]
        assert len(index) == len(kept)
        found = index.search(np.array(queries, np.float32), k, allowed)
        assert found == brute_force(kept, queries, k, allowed)


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_both_ways_agree_on_unit_vectors_with_twins(monkeypatch, share):
    random = np.random.default_rng(5)
    values = random.normal(size=(3000, 32)).astype(np.float32)
    values[1000:1100] = values[:100]
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    index = VectorIndex(32)
    groups = random.integers(0, 900, 3000)
    index.add(np.arange(3000), groups, values)
    queries = values[[3, 50, 2000]] + np.float32(0.05)
    allowed = {group for group in range(900) if random.random() < share}
    monkeypatch.setattr(module, "FEW_ROWS", 10_000)
    narrow = index.search(queries, 12, allowed)
    monkeypatch.setattr(module, "FEW_ROWS", 0)
    monkeypatch.setattr(module, "WIDEST", 1.0)
    assert index.search(queries, 12, allowed) == narrow
    assert len({hit.group for hit in narrow}) == 12


def test_a_wide_search_widens_past_the_photos_of_one_dog(monkeypatch):
    monkeypatch.setattr(module, "FEW_ROWS", 0)
    widths = []
    best_of = VectorIndex._best_of
    monkeypatch.setattr(
        VectorIndex,
        "_best_of",
        lambda self, vectors, found: widths.append(found.shape[1]) or best_of(self, vectors, found),
    )
    near = [(i, 1, [1.0, 0.0, 0.0, i / 1000]) for i in range(50)]
    far = [(100 + i, 2 + i, [0.5 - i / 1000, 0.0, 0.0, 0.0]) for i in range(3000)]
    hits = filled(near + far).search(np.array([[1, 0, 0, 0]], np.float32), 3, None)
    assert [hit.group for hit in hits] == [1, 2, 3]
    assert widths == [12, 48, 192]


# Among many photos


def clustered(number, seed=0, dim=32):
    """(number, dim) float32 of length 1, in 40 heaps as breeds lie, and random for more of them."""
    random = np.random.default_rng(seed)
    middles = np.random.default_rng(9).normal(size=(40, dim))
    values = middles[random.integers(0, 40, number)] + random.normal(size=(number, dim)) * 0.8
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def many(monkeypatch):
    """20,000 photos, three of a dog, searched as a million are."""
    monkeypatch.setattr(module, "FEW_ROWS", 50)
    monkeypatch.setattr(module, "EXACT_ROWS", 500)
    index = VectorIndex(32)
    index.add(np.arange(20_000), np.arange(20_000) // 3, clustered(20_000))
    return index


def recall(index, queries, k, allowed):
    mask = index._there if allowed is None else np.isin(index._groups, list(allowed))
    shares = []
    for query in queries:
        exact = {hit.id for hit in index._search_exact(query[None], k, mask & index._there)}
        found = {hit.id for hit in index.search(query[None], k, allowed)}
        shares.append(len(exact & found) / len(exact))
    return np.mean(shares)


def test_a_coarse_index_is_made_beside_the_live_one(many):
    query = clustered(1, seed=3)
    exact = many.search(query, 10, None)
    assert many.kind == "exact"  # answered at once, while the other is being made
    many.build()
    assert many.kind == "approximate"
    assert many.search(query, 10, None) == exact


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1, 0.01, 0.001])
def test_approximate_answers_hold_the_recall_that_is_promised(many, share):
    many.build()
    random = np.random.default_rng(4)
    allowed = set(np.flatnonzero(random.random(6700) < share).tolist())
    assert recall(many, clustered(100, seed=5), 10, allowed) >= 0.99
    for query in clustered(20, seed=6):
        hits = many.search(query[None], 10, allowed)
        assert {hit.group for hit in hits} <= allowed
        assert len(hits) == min(10, len(allowed))
        assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.group))


def test_what_comes_and_goes_after_the_coarse_index_was_made_is_known_to_it(many):
    many.build()
    query = clustered(1, seed=7)
    many.add(np.array([90_000]), np.array([90_000]), query)
    assert many.search(query, 3, None)[0].id == 90_000
    many.remove([90_000])
    assert many.search(query, 3, None)[0].id != 90_000
    assert many.kind == "approximate"


def test_the_coarse_index_is_made_anew_when_the_photos_have_doubled_or_lost_a_quarter(many):
    many.build()
    first = many._coarse
    many.add(np.arange(20_000, 41_000), np.arange(20_000, 41_000), clustered(21_000, seed=8))
    many.build()
    assert many._coarse is not first
    assert many._coarse.trained_for == 41_000
    assert len(many._coarse) == 41_000
    many.remove(range(12_000))
    assert many.kind == "exact"
    assert len(many) == len(many._ids) == 29_000
    many.build()
    assert recall(many, clustered(20, seed=9), 10, None) >= 0.99


def test_a_coarse_index_begun_before_places_were_given_back_is_thrown_away(many, monkeypatch):
    tune = module.CoarseIndex.tune

    def tune_late(self, *args):
        if len(many) == 20_000:
            many.remove(range(6000))
        return tune(self, *args)

    monkeypatch.setattr(module.CoarseIndex, "tune", tune_late)
    many.build()
    assert many.kind == "exact"
    many.build()
    assert many.kind == "approximate"


def test_a_recall_under_the_floor_makes_it_probe_more(many, monkeypatch, caplog):
    monkeypatch.setattr(module, "CHECK_EVERY", 1)
    many.build()
    many._coarse.probes = 1
    before = []
    for query in clustered(400, seed=11):
        many.search(query[None], 10, None)
        before.append(many.recall)
    assert min(share for share in before if share is not None) < module.FLOOR
    assert many._coarse.probes > 1
    assert "Recall" in caplog.text
    assert many.recall >= module.FLOOR


def test_the_hit_names_the_photo_and_the_query_row_that_matched():
    index = filled([(7, 1, [1, 0, 0, 0]), (8, 1, [0, 1, 0, 0]), (9, 2, [0, 0, 1, 0])])
    queries = np.array([[0.2, 0.9, 0, 0], [0, 0, 0.5, 0]], np.float32)
    assert index.search(queries, 5, None) == [
        Hit(1, 8, float(np.float32(0.9)), 0),
        Hit(2, 9, 0.5, 1),
    ]


def test_an_empty_index_finds_nothing():
    query = np.ones((1, DIM), np.float32)
    assert VectorIndex(DIM).search(query, 5, None) == []
    assert filled([(1, 1, [1, 0, 0, 0])]).search(query, 5, set()) == []
    assert filled([(1, 1, [1, 0, 0, 0])]).search(query, 0, None) == []


def test_an_id_already_there_keeps_its_vector_and_comes_back_once():
    index = filled([(1, 1, [1, 0, 0, 0])])
    index.add(np.array([1, 2, 2]), np.array([1, 2, 3]), np.eye(4, dtype=np.float32)[1:])
    assert len(index) == 2
    hits = index.search(np.array([[1, 0, 0.5, 0]], np.float32), 5, None)
    assert hits == [Hit(1, 1, 1.0, 0), Hit(2, 2, 0.5, 0)]


def test_a_removed_id_can_come_back_with_another_vector():
    index = filled([(1, 1, [1, 0, 0, 0]), (2, 2, [0, 1, 0, 0])])
    index.remove([1, 99])
    index.add(np.array([1]), np.array([3]), np.array([[0, 0, 1, 0]], np.float32))
    hits = index.search(np.array([[0, 0, 1, 0]], np.float32), 5, None)
    assert [(hit.group, hit.id) for hit in hits] == [(3, 1), (2, 2)]


def test_other_lengths_and_values_not_finite_are_refused():
    index = VectorIndex(DIM)
    with pytest.raises(ModelMismatch):
        index.add(np.array([1]), np.array([1]), np.ones((1, DIM + 1), np.float32))
    with pytest.raises(ModelMismatch):
        index.search(np.ones((1, DIM - 1), np.float32), 3, None)
    with pytest.raises(DataError):
        index.add(np.array([1]), np.array([1, 2]), np.ones((1, DIM), np.float32))
    with pytest.raises(DataError):
        index.add(np.array([1]), np.array([1]), np.full((1, DIM), np.nan, np.float32))
    assert len(index) == 0
