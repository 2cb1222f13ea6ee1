"""Vectors in PostgreSQL: found as the index in memory finds them, and never out of step."""

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import environ
import numpy as np
import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from benchmarks.installation import ROOT
from ml.index import VectorIndex
from portal.dogs.models import Dog, Photo
from portal.matching.models import Embedding, ModelVersion
from portal.shelters.services import create_shelter
from workers import pgvector_store, vector_table
from workers.pgvector_store import PgvectorMissing, PgVectors
from workers.vectors import open_store

DOGS, PHOTOS = 7_000, 21_000
SHARES = [1.0, 0.1, 0.01, 0.001]
BREEDS = 40
QUERIES = 30


def unit(values):
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE DATABASE vectors")
    return postgres_url.replace("/postgres?", "/vectors?")


@pytest.fixture(scope="module")
def database(url, django_db_blocker) -> Iterator[None]:
    """This process as a worker on PostgreSQL."""
    defaults = connections.settings["default"]
    place = dict(environ.Env().db_url_config(url))
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setitem(connections.settings, "default", {**defaults, **place})
        own = connections["default"]
        connections["default"] = connections.create_connection("default")
        call_command("migrate", verbosity=0)
        yield
        connections["default"].close()
        connections["default"] = own


def make_version(name):
    return ModelVersion.objects.create(name=name, fingerprint=name, spec={})


@pytest.fixture(scope="module")
def crowd(database):
    """21,000 photos of 7,000 dogs of 40 breeds, an index of them, and photos that ask.

    A dog's weight is a number below 100 by chance, so that a bound is a share of the dogs.
    """
    chance = np.random.default_rng(1)
    shelter = create_shelter(name="Haneul")
    weights = chance.uniform(0, 100, DOGS).round(2)
    dogs = Dog.objects.bulk_create(
        [
            Dog(shelter=shelter, slug=f"d{n}", name="d", status="available", weight_kg=weight)
            for n, weight in enumerate(weights)
        ]
    )
    breeds = chance.standard_normal((BREEDS, 128))
    looks = breeds[chance.integers(0, BREEDS, DOGS)] + 0.8 * chance.standard_normal((DOGS, 128))
    owners = np.sort(chance.integers(0, DOGS, PHOTOS))
    vectors = unit(looks[owners] + 0.5 * chance.standard_normal((PHOTOS, 128)))
    # The same photo, listed with several dogs.
    vectors[1::500] = vectors[::500]
    photos = Photo.objects.bulk_create(
        [
            Photo(dog=dogs[owner], position=n, state="searchable", sha256=f"{n:064}")
            for n, owner in enumerate(owners)
        ]
    )
    version = make_version("crowd")
    Embedding.objects.bulk_create(
        [
            Embedding(photo=photo, version=version, vector=vector.tobytes())
            for photo, vector in zip(photos, vectors, strict=True)
        ],
        batch_size=3000,
    )
    with connection.cursor() as cursor:
        # As autovacuum would within a minute.
        cursor.execute("ANALYZE dogs_dog, dogs_photo, matching_embedding")
    index = VectorIndex(128)
    index.add(np.array([p.pk for p in photos]), np.array([p.dog_id for p in photos]), vectors)
    store = PgVectors(version.pk)
    store.catch_up()
    store.build()
    store.catch_up()
    asked = unit(looks[:QUERIES] + 0.5 * chance.standard_normal((QUERIES, 128)))
    asked[:5] = vectors[:2500:500]
    return SimpleNamespace(version=version, index=index, store=store, asked=asked)


def share_of(share):
    return Dog.objects.adoptable().with_searchable_photo().filter(weight_kg__lt=100 * share)


def keys(dogs):
    return set(dogs.values_list("pk", flat=True))


@pytest.mark.parametrize("share", SHARES)
def test_all_compared_the_answer_is_that_of_the_index_in_memory(crowd, monkeypatch, share):
    monkeypatch.setattr(vector_table, "FEW_DOGS", DOGS)
    dogs = share_of(share)
    allowed = crowd.store.allowed(dogs)
    for rows in (*np.split(crowd.asked[:10], 10), crowd.asked[:3], crowd.asked[3:9]):
        found = crowd.store.search(rows, 24, allowed)
        assert found == crowd.index.search(rows, 24, keys(dogs))
        assert len(found) == min(24, len(allowed))


@pytest.mark.parametrize("few", [0, vector_table.FEW_DOGS])
@pytest.mark.parametrize("share", SHARES)
def test_along_the_graph_one_in_a_hundred_is_missed_at_most(crowd, monkeypatch, share, few):
    monkeypatch.setattr(vector_table, "FEW_DOGS", few)
    dogs = share_of(share)
    allowed, known = crowd.store.allowed(dogs), keys(dogs)
    met, there = 0, 0
    for row in crowd.asked:
        right = crowd.index.search(row[None], 10, known)
        found = crowd.store.search(row[None], 10, allowed)
        assert {hit.group for hit in found} <= known
        assert found == sorted(found, key=lambda hit: (-hit.score, hit.group))
        met += len(set(right) & set(found))
        there += len(right)
    assert met / there >= 0.99


def test_one_query_filters_and_ranks_and_only_among_many_dogs_along_the_graph(crowd):
    for dogs, planned in ((share_of(1), True), (share_of(0.1), False)):
        allowed = crowd.store.allowed(dogs)
        len(allowed)
        with CaptureQueriesContext(connection) as asked:
            crowd.store.search(crowd.asked[:1], 24, allowed)
        about_dogs = [query["sql"] for query in asked if "dogs_dog" in query["sql"]]
        assert len(about_dogs) == 1
        assert "matching_vector_" in about_dogs[0]
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {about_dogs[0]}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert ("_nearest on" in plan) == planned, plan


def test_nobody_is_found_where_nobody_is_allowed(crowd):
    for dogs in (Dog.objects.none(), share_of(0)):
        allowed = crowd.store.allowed(dogs)
        assert (len(allowed), len(allowed.dogs())) == (0, 0)
        assert crowd.store.search(crowd.asked[:1], 24, allowed) == []


@pytest.fixture
def listed(database):
    """Lists a dog with a photo that a version of its own has described."""
    shelter = create_shelter(name="Haneul")
    version = make_version(f"small {ModelVersion.objects.count()}")

    def add(number, vector=None):
        dog = Dog.objects.create(
            shelter=shelter, slug=f"{version.name} {number}", name="d", status="available"
        )
        photo = Photo.objects.create(dog=dog, state="searchable", sha256=f"{version.pk}-{dog.pk}")
        Embedding.objects.create(
            photo=photo, version=version, vector=axis(number if vector is None else vector)
        )
        return photo

    add.version = version
    return add


def axis(number):
    return np.eye(128, dtype="<f4")[number].tobytes()


def found(store, number=0):
    """Photos by their likeness to the vector of a number, as `store` knows them now."""
    row = np.frombuffer(axis(number), "<f4")[None]
    hits = store.search(row, 24, store.allowed(Dog.objects.adoptable()))
    return [hit.id for hit in hits]


def test_a_listed_photo_is_found_and_a_deleted_one_is_gone_at_once(listed, settings):
    settings.VECTOR_STORE = "pgvector"
    store = open_store(listed.version)
    assert isinstance(store, PgVectors)
    store.catch_up()
    assert (found(store), store.up_to) == ([], 0)
    one, other = listed(0), listed(1)
    store.catch_up()
    assert found(store) == [one.pk, other.pk]
    assert store.up_to == Embedding.objects.latest("pk").pk
    one.delete()
    assert found(store) == [other.pk]
    Dog.objects.filter(pk=other.dog_id).update(status="adopted")
    assert found(store) == []


def test_a_row_that_became_visible_after_a_later_one_is_found(listed, url):
    first, late = listed(0), listed(2)
    Embedding.objects.filter(photo=late).delete()
    # So long ago that no row before it can come any more.
    Embedding.objects.filter(photo=first).update(created_at="2026-01-01T00:00:00Z")
    store = PgVectors(listed.version.pk)
    with psycopg.connect(url) as other:
        other.execute(
            "INSERT INTO matching_embedding (photo_id, version_id, vector, created_at) "
            "VALUES (%s, %s, %s, now())",
            [late.pk, listed.version.pk, axis(2)],
        )
        seen = listed(1)
        store.catch_up()
        assert found(store) == [first.pk, seen.pk]
    store.catch_up()
    assert found(store, 2) == [late.pk, first.pk, seen.pk]


def test_two_workers_fill_and_build_at_once(database, url, temporary, crowd):
    version = make_version("twice")
    rows = Embedding.objects.filter(version=crowd.version).order_by("pk")[:6_000]
    Embedding.objects.bulk_create(
        [Embedding(photo_id=row.photo_id, version=version, vector=row.vector) for row in rows],
        batch_size=3000,
    )
    ModelVersion.objects.filter(pk=version.pk).update(state="building")
    environment = {"PATH": "/usr/bin:/bin", "PAWKIN_EMBEDDED": "true", "DATABASE_URL": url}
    environment |= {"PAWKIN_DATA": str(temporary / "two"), "VECTOR_STORE": "pgvector"}
    command = [sys.executable, "manage.py", "prepare_vectors", "--memory", "64MB"]
    both = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(2)
    ]
    for process in both:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        assert b"6000 vectors" in output
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchone() == (0,)
    table = f"matching_vector_{version.pk}"
    version.delete()
    assert pgvector_store.drop_abandoned() == [table]


def test_many_rows_without_a_graph_are_compared_and_the_log_says_so(crowd, monkeypatch, caplog):
    monkeypatch.setattr(pgvector_store, "FEW_ROWS", 1)
    version = make_version("bare")
    rows = Embedding.objects.filter(version=crowd.version).order_by("pk")[:2]
    for row in rows:
        Embedding.objects.create(photo_id=row.photo_id, version=version, vector=row.vector)
    store = PgVectors(version.pk)
    for _ in range(2):
        store.catch_up()
    assert len(found(store)) == len({row.photo.dog_id for row in rows})
    assert [record.message.endswith("prepare_vectors") for record in caplog.records] == [True]


def test_what_is_missing_is_told_with_its_remedy(database, monkeypatch):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION IF EXISTS vector CASCADE")
        cursor.execute("CREATE ROLE nobody")
        cursor.execute("SET LOCAL ROLE nobody")
        with pytest.raises(PgvectorMissing, match="CREATE EXTENSION vector") as refused:
            pgvector_store._make_extension(cursor)
        assert refused.value.code == "pgvector_forbidden"
        transaction.set_rollback(True)
    monkeypatch.setattr(pgvector_store, "_first", lambda *_: False)
    with pytest.raises(PgvectorMissing, match="Install pgvector") as refused:
        PgVectors(1)
    assert refused.value.code == "pgvector_missing"
