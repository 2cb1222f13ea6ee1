"""The whole product as real processes, on SQLite as script/server runs it and on PostgreSQL.

`live_stack` and `postgres_stack` share nothing but the drawn dogs; each is started once a run. A
test may kill what it likes: the supervisor starts it again.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks.installation import ROOT, Installation

Value = TypeVar("Value")


def eventually(
    condition: Callable[[], Value], *, within: float, what: str, every: float = 0.1
) -> Value:
    """The first true value of `condition`; fails the test after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within:g} s: {what}")
        time.sleep(every)


def patience() -> float:
    """How many times longer a machine as busy as this one may take; 1 for an idle one."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


@pytest.fixture(scope="session")
def temporary() -> Iterator[Path]:
    """A folder that other users may enter: PostgreSQL steps down from root."""
    with tempfile.TemporaryDirectory(prefix="pawkin-live-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def compiled_models(temporary: Path) -> dict[str, str]:
    """For a stack's environment: networks are compiled once a run, not once a stack."""
    return {"MODEL_CACHE_DIR": str(temporary / "models")}


@pytest.fixture(scope="session")
def drawn_dogs(temporary: Path) -> Path:
    """A folder of ten drawn dogs, as `--photos` takes it."""
    folder = temporary / "drawn"
    command = [sys.executable, "-m", "ml", "draw", str(folder), "--dogs", "10", "--seed", "1"]
    subprocess.run([*command, "--size", "480"], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="session")
def postgres_url(temporary: Path) -> Iterator[str]:
    """A real PostgreSQL, alone on a socket."""
    import pgserver

    # It tells its end after the run's own output is closed.
    logging.getLogger("pgserver").setLevel(logging.WARNING)
    server = pgserver.get_server(temporary / "postgres", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def live_stack(
    temporary: Path, drawn_dogs: Path, compiled_models: dict[str, str]
) -> Iterator[Installation]:
    """SQLite and its own Redis, ten drawn dogs, the demo logins."""
    options = ("--port", "0", "--photos", str(drawn_dogs))
    # Of its own, so that a test can say what is left in it.
    passing = temporary / "passing"
    passing.mkdir()
    environment = {**compiled_models, "TMPDIR": str(passing)}
    # A folder's name may be unkind.
    with Installation(temporary / "sqlite data ü", *options, **environment) as stack:
        stack.wait_until_prepared(120 * patience())
        yield stack


@pytest.fixture(scope="session")
def postgres_stack(
    temporary: Path, drawn_dogs: Path, compiled_models: dict[str, str], postgres_url: str
) -> Iterator[Installation]:
    """The same on PostgreSQL, where pgvector compares."""
    options = ("--port", "0", "--photos", str(drawn_dogs))
    # It is asked by few callers, and more often than each may.
    rates = dict.fromkeys(("API_RATE_VISITORS", "API_RATE_USERS", "API_RATE_SEARCHES"), "9999/min")
    environment = {"DATABASE_URL": postgres_url, "VECTOR_STORE": "pgvector"}
    environment |= {**compiled_models, **rates}
    with Installation(temporary / "postgres-data", *options, **environment) as stack:
        stack.wait_until_prepared(120 * patience())
        yield stack


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium; the suite does not download one."""
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        found = name and shutil.which(name)
        if found:
            return found
    pytest.fail("The browser tests need Chromium: install it, or name one in CHROMIUM.")
