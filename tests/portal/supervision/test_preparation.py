"""What is settled before a program starts."""

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from portal.jobs.models import WorkerHeartbeat
from portal.jobs.services import beat_worker
from portal.supervision.preparation import (
    CannotStart,
    collect_static_files,
    only_one,
    prepare_database,
    prepare_environment,
    usable_port,
)


def test_a_data_folder_is_its_owners_and_held_by_one(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    with only_one(data):
        assert data.stat().st_mode & 0o777 == 0o700
        with pytest.raises(CannotStart, match="already runs on"), only_one(data):
            pass
    with only_one(data):
        pass


def test_a_taken_port_is_refused_and_zero_finds_another() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {taken} is in use"):
            usable_port("127.0.0.1", taken)
        assert usable_port("127.0.0.1", 0) != taken


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotStart, match=r"Cannot listen on 192\.0\.2\.1:8000"):
        usable_port("192.0.2.1", 8000)


@pytest.mark.parametrize(
    ("host", "bind", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:80", None),
        ("::1", "[::1]:80", "[::1]"),
        ("0.0.0.0", "0.0.0.0:80", "*"),
        ("10.1.2.3", "10.1.2.3:80", "10.1.2.3"),
    ],
)
def test_only_named_hosts_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, bind: str, allowed: str | None
) -> None:
    environment = {"REDIS_URL": "redis://elsewhere/0"}
    monkeypatch.setattr(os, "environ", environment)
    prepare_environment(tmp_path, host, 80)
    assert environment["PAWKIN_BIND"] == bind
    assert environment.get("ALLOWED_HOSTS") == allowed
    assert environment["PAWKIN_OWN_REDIS"] == "false", "the one in REDIS_URL is used"
    assert environment["REDIS_URL"] == "redis://elsewhere/0"


@pytest.mark.django_db
def test_workers_of_an_earlier_run_do_not_count() -> None:
    beat_worker(queue="interactive", ready=True)
    prepare_database()
    assert not WorkerHeartbeat.objects.exists()


def test_static_files_are_collected_again_only_after_a_change(
    tmp_path: Path, settings: Any
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    sheet = source / "sheet.css"
    sheet.write_text("a {}")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = str(tmp_path / "collected")
    copy = tmp_path / "collected" / "sheet.css"

    collect_static_files()
    first = copy.stat().st_mtime_ns
    time.sleep(0.01)
    collect_static_files()
    assert copy.stat().st_mtime_ns == first

    sheet.write_text("b {}")
    collect_static_files()
    assert copy.read_text() == "b {}"
