"""The product started as a newcomer starts it, in a process of its own."""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

import psutil
import redis

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 660
STOP_SECONDS = 60
READY = re.compile(r"Pawkin is ready: (http://\S+?)/?$")
PREPARED = re.compile(r"(\d+) of (\d+) photos prepared")
# What the suite's own settings put into the environment must not reach the product.
TESTS_ONLY = ("PAWKIN_EMBEDDED", "PAWKIN_DATA", "SECRET_KEY", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


class Installation:
    """One running installation, ready when the constructor returns.

    `url` has no slash at its end; `data` is its data folder; `environment` is what its processes
    were started with, for commands beside them. Raises RuntimeError when it does not get ready.
    """

    def __init__(self, data: Path, *options: str, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in TESTS_ONLY}
        self.data = data
        self.environment = inherited | environment | {"PYTHONPATH": str(ROOT)}
        self.output: list[str] = []
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        # script/server's last step, without its check of the virtual environment we are in.
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
            self.url = self.wait_for_line(READY, START_SECONDS)[1]
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.output.append(line)
                self.lines.put(line.rstrip())
        self.lines.put(None)

    def wait_for_line(self, pattern: re.Pattern[str], seconds: float) -> re.Match[str]:
        """The next line of its output that matches; earlier lines are not looked at again."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                said = "".join(self.output)
                raise RuntimeError(f"no line like {pattern.pattern!r} came; it said:\n{said}")
            found = pattern.search(line)
            if found:
                return found

    def wait_until_prepared(self, seconds: float) -> int:
        """Return the number of photos once none waits any more; call it once, after loading."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.wait_for_line(PREPARED, deadline - time.monotonic())
            if found[1] == found[2]:
                return int(found[1])

    def health(self) -> dict[str, Any]:
        """What /health answers, 503 included; empty when nothing does."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except (OSError, ValueError):
            return {}

    def manage(self, *arguments: str) -> str:
        """The output of a management command on this data. Raises RuntimeError with its errors."""
        result = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment | {"PAWKIN_DATA": str(self.data)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if result.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{result.stdout}{result.stderr}")
        return result.stdout

    def logins(self) -> dict[str, tuple[str, str]]:
        """Address and password of the demo accounts by role: staff, adopter, admin."""
        lines = (self.data / "demo-logins.txt").read_text().splitlines()
        return {role: (address, password) for role, address, password in map(str.split, lines)}

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end as Ctrl-C does; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=STOP_SECONDS)
        self.listener.join(timeout=STOP_SECONDS)
        return status

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
            # One may end while it is looked at.
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(sign in argument for argument in process.cmdline()):
                    return process
        raise LookupError(f"{name} does not run")

    def broker(self) -> redis.Redis:
        address = self.environment.get("REDIS_URL")
        return redis.Redis.from_url(
            address or (self.data / "run" / "redis-url").read_text().strip()
        )
