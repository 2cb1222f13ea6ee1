"""Settings read from the environment, each case in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCTION = {
    "SECRET_KEY": "s",
    "ALLOWED_HOSTS": "pawkin.example",
    "DATABASE_URL": "postgresql://u:p@db/pawkin",
    "REDIS_URL": "redis://broker/0",
}


def load(expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"from portal.settings import *; print({expression})"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )


def value(expression: str, **environment: str) -> str:
    result = load(expression, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("absent", sorted(PRODUCTION))
def test_production_does_not_start_without(absent: str) -> None:
    result = load("1", **{name: text for name, text in PRODUCTION.items() if name != absent})
    assert result.returncode != 0
    assert f"Set {absent} in the environment" in result.stderr


def test_production_keeps_to_https() -> None:
    assert value("SECURE_SSL_REDIRECT and SESSION_COOKIE_SECURE", **PRODUCTION) == "True"


def test_an_embedded_installation_makes_its_own_secret_once(tmp_path: Path) -> None:
    embedded = {"PAWKIN_EMBEDDED": "true", "PAWKIN_DATA": str(tmp_path / "d")}
    first = value("SECRET_KEY", **embedded)
    assert len(first) > 40
    assert value("SECRET_KEY", **embedded) == first
    assert (tmp_path / "d" / "secret-key").stat().st_mode & 0o777 == 0o600
    assert value("ALLOWED_HOSTS", **embedded) == "['localhost', '127.0.0.1', '[::1]']"


def test_sqlite_is_ready_for_several_writers(tmp_path: Path) -> None:
    options = value("DATABASES['default']", PAWKIN_EMBEDDED="true", PAWKIN_DATA=str(tmp_path))
    assert "IMMEDIATE" in options
    assert "journal_mode=WAL" in options
    assert str(tmp_path / "pawkin.sqlite3") in options


def test_no_installation_promises_to_keep_photos_longer_than_a_day(tmp_path: Path) -> None:
    embedded = {"PAWKIN_EMBEDDED": "true", "PAWKIN_DATA": str(tmp_path / "d")}
    assert value("QUERY_LIFETIME_HOURS", **embedded, QUERY_LIFETIME_HOURS="6") == "6"
    result = load("1", **embedded, QUERY_LIFETIME_HOURS="48")
    assert result.returncode != 0
    assert "QUERY_LIFETIME_HOURS is 48: choose 1 to 24" in result.stderr
