"""The whole product as real processes, on SQLite as script/server runs it and on PostgreSQL.

`live_stack` and `postgres_stack` share nothing but the drawn dogs; each is started once a run. A
test may kill what it likes: the supervisor starts it again.
"""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import redis

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 240
STOP_SECONDS = 60
READY = re.compile(r"Pawkin is ready: (http://\S+?)/?$")
# What the tests' own settings put into this process must not reach the product's.
TESTS_ONLY = ("PAWKIN_EMBEDDED", "PAWKIN_DATA", "SECRET_KEY", "REDIS_URL", "DJANGO_SETTINGS_MODULE")

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


class Stack:
    """One running installation.

    `url` has no slash at its end; `data` is its data folder; `environment` is what its processes
    were started with, for commands beside them.
    """

    def __init__(self, data: Path, *options: str, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in TESTS_ONLY}
        self.data = data
        self.environment = inherited | environment | {"PYTHONPATH": str(ROOT)}
        self.output: list[str] = []
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # The shell script's last step, without its check of the virtual environment we are in.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "portal.supervision", "--data", str(data), *options],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        try:
            self.url = self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.output.append(line)
                self.lines.put(line.rstrip())
        self.lines.put(None)

    def wait_until_ready(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"not ready after {START_SECONDS} s:\n{''.join(self.output)}")
            if line is None:
                pytest.fail(f"ended before it was ready:\n{''.join(self.output)}")
            found = READY.search(line)
            if found:
                return found[1]

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for this installation, the first process included."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def program(self, name: str) -> psutil.Process:
        """The main process of `web`, `interactive`, `batch`, `scheduler` or `redis`."""
        signs = {"web": "gunicorn", "scheduler": "beat", "redis": "redis-server"}
        sign = signs.get(name, f"{name}@")
        supervisor = psutil.Process(self.process.pid).children()[0]
        for process in supervisor.children():
            if any(sign in argument for argument in process.cmdline()):
                return process
        raise LookupError(f"{name} does not run")

    def health(self) -> dict[str, Any]:
        """What /health answers, 503 included; empty when nothing does."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return {}

    def broker(self) -> "redis.Redis":
        address = self.environment.get("REDIS_URL")
        return redis.Redis.from_url(
            address or (self.data / "run" / "redis-url").read_text().strip()
        )

    def manage(self, *arguments: str) -> str:
        """The output of a management command on this installation's data."""
        result = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment | {"PAWKIN_DATA": str(self.data)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        if result.returncode:
            pytest.fail(f"manage.py {' '.join(arguments)}:\n{result.stdout}{result.stderr}")
        return result.stdout

    def logins(self) -> dict[str, tuple[str, str]]:
        """Address and password by role: staff, adopter, admin."""
        lines = (self.data / "demo-logins.txt").read_text().splitlines()
        pairs = [tuple(line.split()[-2:]) for line in lines if "@" in line]
        return {address.partition("@")[0]: (address, password) for address, password in pairs}

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end as Ctrl-C does; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=STOP_SECONDS)
        self.listener.join(timeout=STOP_SECONDS)
        return status


@pytest.fixture(scope="session")
def temporary() -> Iterator[Path]:
    """A folder that other users may enter: PostgreSQL steps down from root."""
    with tempfile.TemporaryDirectory(prefix="pawkin-live-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def drawn_dogs(temporary: Path) -> Path:
    """A folder of twelve drawn dogs, as `--photos` takes it."""
    folder = temporary / "drawn"
    command = [sys.executable, "-m", "ml", "draw", str(folder), "--dogs", "12", "--seed", "1"]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="session")
def postgres_url(temporary: Path) -> Iterator[str]:
    """A real PostgreSQL, alone on a socket."""
    import pgserver

    server = pgserver.get_server(temporary / "postgres", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def live_stack(temporary: Path, drawn_dogs: Path) -> Iterator[Stack]:
    """SQLite and its own Redis, twelve drawn dogs, the demo logins."""
    # A folder's name may be unkind.
    stack = Stack(temporary / "sqlite data ü", "--port", "0", "--photos", str(drawn_dogs))
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def postgres_stack(temporary: Path, drawn_dogs: Path, postgres_url: str) -> Iterator[Stack]:
    """The same on PostgreSQL."""
    stack = Stack(
        temporary / "postgres-data",
        "--port",
        "0",
        "--photos",
        str(drawn_dogs),
        DATABASE_URL=postgres_url,
    )
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium; the suite does not download one."""
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        found = name and shutil.which(name)
        if found:
            return found
    pytest.fail("The browser tests need Chromium: install it, or name one in CHROMIUM.")
