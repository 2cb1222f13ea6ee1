"""A broker and a cache that hang are waited for once, not by everybody."""

import pytest
from redis.exceptions import TimeoutError

from portal import cache as cache_module
from portal.absence import Absence
from portal.cache import ForgivingCache
from portal.jobs import services
from portal.jobs.models import Job

pytestmark = pytest.mark.django_db


def test_it_holds_for_its_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("portal.absence.time.monotonic", lambda: now[0])
    absence = Absence(seconds=5)
    assert not absence.holds()
    absence.note()
    now[0] = 104.9
    assert absence.holds()
    now[0] = 105.0
    assert not absence.holds()
    absence.note()
    absence.end()
    assert not absence.holds()


def test_only_the_first_message_waits_for_a_broker(monkeypatch, on_commit):
    asked = []

    def send_task(*args, **_):
        asked.append(args)
        raise TimeoutError("Timeout reading from socket")

    monkeypatch.setattr(services.app, "send_task", send_task)
    made = []
    for number in range(3):
        with on_commit():
            made.append(services.enqueue(kind="rank", subject=number, queue="interactive"))
    assert len(asked) == 1
    # None is thought to have left, so the sweeper sends them all at once.
    assert set(Job.objects.values_list("sent_at", flat=True)) == {None}
    assert set(services.sweep().resent) == set(made)


def test_only_the_first_request_waits_for_the_cache(monkeypatch):
    cache = ForgivingCache("redis://127.0.0.1:1/0", {})
    asked = []

    def get(*_):
        asked.append(1)
        raise TimeoutError("Timeout reading from socket")

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.get", get)
    assert [cache.get("key", 7) for _ in range(3)] == [7, 7, 7]
    assert len(asked) == 1
    cache_module.absence.end()
    cache.get("key")
    assert len(asked) == 2
