"""/health: what is missing is said, and 200 means that a search would be answered."""

import datetime
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from portal import health
from portal.jobs.models import WorkerHeartbeat
from portal.matching.models import ModelVersion

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def version() -> ModelVersion:
    return ModelVersion.objects.create(
        name="starter", fingerprint="f" * 64, spec={}, state=ModelVersion.State.ACTIVE
    )


def beat(queue: str, *, seconds_ago: float = 0, ready: bool = True) -> None:
    at = timezone.now() - datetime.timedelta(seconds=seconds_ago)
    WorkerHeartbeat.objects.create(queue=queue, beat_at=at, ready=ready)


def test_ready_with_a_warm_interactive_worker(client: Client) -> None:
    beat("interactive")
    answer = client.get("/health")
    assert answer.status_code == 200
    state = answer.json()
    assert state["ready"]
    assert state["workers"] == {"interactive": "ready", "batch": "absent"}
    assert state["model"]["name"] == "starter"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("beats", "said"),
    [
        ({}, "absent"),
        ({"seconds_ago": 31}, "absent"),
        ({"ready": False}, "starting"),
    ],
)
def test_not_ready_without_one(client: Client, beats: dict[str, Any], said: str) -> None:
    if beats:
        beat("interactive", **beats)
    beat("batch")
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["workers"]["interactive"] == said
    assert answer.json()["live"]


def test_not_ready_without_a_live_model(client: Client, version: ModelVersion) -> None:
    beat("interactive")
    version.delete()
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["model"] is None


def test_not_ready_without_a_broker(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    beat("interactive")

    def refuse() -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(health, "broker_connection", refuse)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["broker"] is False


def test_not_ready_without_a_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DatabaseError

    monkeypatch.setattr(health, "database_state", fail)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["database"] is False


def test_light(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        client.get("/health")


def test_requests_may_come_once_the_tables_are_there(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (
        200,
        {"ready": True, "database": True, "migrated": True},
    )
    # An update under way: the database knows one more, or one is still to come.
    known = health.disk_migrations()
    monkeypatch.setattr(health, "disk_migrations", lambda: known - {("jobs", "0001_initial")})
    assert client.get("/ready").status_code == 200
    monkeypatch.setattr(health, "disk_migrations", lambda: known | {("jobs", "9999_later")})
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["migrated"]) == (503, False)


def test_no_requests_without_a_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> bool:
        raise DatabaseError("away")

    monkeypatch.setattr(health, "migrations_missing", away)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, False)


def test_a_beat_from_before_the_clock_was_set_back_counts_for_nothing(client: Client) -> None:
    beat("interactive", seconds_ago=-3600)
    assert client.get("/health").json()["workers"]["interactive"] == "absent"
