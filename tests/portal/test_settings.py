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


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, in the checkout, with this environment and no other."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )


def load(expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("-c", f"from portal.settings import *; print({expression})", **environment)


def value(expression: str, **environment: str) -> str:
    result = load(expression, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("given", [{}, {"OPENBLAS_NUM_THREADS": "4"}])
def test_libraries_do_not_spin_between_searches(given: dict[str, str]) -> None:
    """OpenBLAS and OpenMP read it when they are loaded, so the first import of portal sets it."""
    said = run("-c", "import os, portal; print(os.environ['OPENBLAS_NUM_THREADS'])", **given)
    assert said.stdout.strip() == given.get("OPENBLAS_NUM_THREADS", "1")
    said = run("-c", "import os, portal; print(os.environ['OMP_WAIT_POLICY'])")
    assert said.stdout.strip() == "PASSIVE"


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


@pytest.mark.parametrize(
    ("store", "remedy"),
    [("pgvector", "needs PostgreSQL: name one in DATABASE_URL"), ("faiss", "choose memory or")],
)
def test_vectors_are_kept_where_they_can_be(tmp_path: Path, store: str, remedy: str) -> None:
    embedded = {"PAWKIN_EMBEDDED": "true", "PAWKIN_DATA": str(tmp_path / "d")}
    result = load("1", **embedded, VECTOR_STORE=store)
    assert result.returncode != 0
    assert remedy in result.stderr
    assert value("VECTOR_STORE", **embedded) == "memory"
    assert value("VECTOR_STORE", **PRODUCTION, VECTOR_STORE="pgvector") == "pgvector"


def test_no_installation_promises_to_keep_photos_longer_than_a_day(tmp_path: Path) -> None:
    embedded = {"PAWKIN_EMBEDDED": "true", "PAWKIN_DATA": str(tmp_path / "d")}
    assert value("QUERY_LIFETIME_HOURS", **embedded, QUERY_LIFETIME_HOURS="6") == "6"
    result = load("1", **embedded, QUERY_LIFETIME_HOURS="48")
    assert result.returncode != 0
    assert "QUERY_LIFETIME_HOURS is 48: choose 1 to 24" in result.stderr


def test_django_finds_nothing_to_say_about_production() -> None:
    result = run(
        "manage.py",
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        **{
            **PRODUCTION,
            "SECRET_KEY": "".join(chr(33 + number) for number in range(60)),
            "DATABASE_URL": "sqlite:///:memory:",
        },
    )
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_production_answers_over_https_only_and_keeps_its_cookies_there(tmp_path: Path) -> None:
    code = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "client = Client(headers={'host': 'pawkin.example'})\n"
        "plain = client.get('/browse/')\n"
        "print(plain.status_code, plain['Location'])\n"
        "answer = client.get('/health/live', headers={'X-Forwarded-Proto': 'https'})\n"
        "for name in ('Strict-Transport-Security', 'X-Frame-Options', 'X-Content-Type-Options',\n"
        "    'Referrer-Policy', 'Cross-Origin-Opener-Policy', 'Content-Security-Policy'):\n"
        "    print(answer[name])\n"
        "from django.conf import settings as s\n"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY,\n"
        "    s.SESSION_COOKIE_SAMESITE, s.CSRF_COOKIE_SAMESITE)\n"
        "print(client.get('/health/live', headers={'host': 'elsewhere.example'}).status_code)\n"
    )
    result = run(
        "-c",
        code,
        **{
            **PRODUCTION,
            "DATABASE_URL": "sqlite:///:memory:",
            "REDIS_URL": "memory://",
            "PAWKIN_DATA": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            # The page of an error is written with hashed names of files, which nobody made here.
            "DEBUG": "true",
        },
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "301 https://pawkin.example/browse/"
    assert lines[1:6] == ["max-age=31536000", "DENY", "nosniff", "same-origin", "same-origin"]
    policy = dict(part.strip().split(" ", 1) for part in lines[6].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert not any("unsafe" in part for part in policy.values())
    assert lines[7] == "True True True Lax Lax"
    assert lines[8] == "400"


@pytest.mark.parametrize(
    ("at", "zone", "utc"), [("03:30", "Asia/Seoul", "18:30"), ("7:05", "Europe/Paris", "06:05")]
)
def test_faces_are_measured_at_a_time_of_day_where_people_are(at: str, zone: str, utc: str) -> None:
    code = (
        "from datetime import datetime, timedelta, timezone\n"
        "from portal.settings import CELERY_BEAT_SCHEDULE\n"
        "schedule = CELERY_BEAT_SCHEDULE['start_measuring']['schedule']\n"
        f"when = datetime.fromisoformat('2026-12-01T{utc}:00+00:00')\n"
        "for minutes in (-1, 1):\n"
        "    schedule.nowfun = lambda: when + timedelta(minutes=minutes)\n"
        "    print(schedule.is_due(when - timedelta(hours=23)).is_due)\n"
    )
    result = run("-c", code, **PRODUCTION, FACE_BATCH_AT=at, TIME_ZONE=zone)
    assert result.stdout.split() == ["False", "True"], result.stderr


def test_a_time_that_is_none_is_refused() -> None:
    result = load("FACE_BATCH_AT", **PRODUCTION, FACE_BATCH_AT="25:00")
    assert "FACE_BATCH_AT is 25:00: write a time of day" in result.stderr
