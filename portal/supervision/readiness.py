"""Waiting for what was started: the portal's own answer, and the photos of a first start."""

import http.client
import json
import time
from typing import Any

from portal.supervision.programs import Programs
from portal.supervision.terminal import Progress

READY_SECONDS = 600
# A program that ended so often before it was ready will not get ready.
FAILURES = 3


class NotReady(Exception):
    """`waiting_for` says what is missing, `culprit` which program's log has the reason."""

    def __init__(self, waiting_for: str, culprit: str) -> None:
        super().__init__(f"waiting for {waiting_for}")
        self.waiting_for = waiting_for
        self.culprit = culprit


def reachable(host: str) -> str:
    """The host to connect to for a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # nosec B104


def health(host: str, port: int) -> dict[str, Any]:
    """What /health says; empty while nothing answers."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=5)
    try:
        connection.request("GET", "/health")
        state: dict[str, Any] = json.loads(connection.getresponse().read())
        return state
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()


def missing(state: dict[str, Any]) -> tuple[str, str]:
    """What `state` still lacks, in words, and the program that should provide it."""
    if not state:
        return "the portal", "web"
    if not state["database"]:
        return "the database", "web"
    if not state["broker"]:
        return "the broker", "redis"
    return "the models, which the first start compiles for this machine", "interactive"


def wait_until_ready(programs: Programs, host: str, port: int) -> None:
    """Return when /health says ready. Raises NotReady."""
    progress = Progress()
    deadline = time.monotonic() + READY_SECONDS
    try:
        while True:
            state = health(host, port)
            if state.get("ready"):
                return
            words, culprit = missing(state)
            for name, count in programs.failures.items():
                if count >= FAILURES:
                    raise NotReady(words, name)
            if not programs.running or time.monotonic() > deadline:
                raise NotReady(words, culprit)
            progress.show(f"waiting for {words}")
            time.sleep(0.2)
    finally:
        progress.end()


def follow_indexing(programs: Programs) -> None:
    """Count up on the terminal until no photo waits any more."""
    from django.db import connection

    from portal.dogs.models import Photo

    progress = Progress()
    while programs.running:
        total = Photo.objects.count()
        waiting = Photo.objects.filter(state=Photo.State.WAITING).count()
        connection.close()
        progress.show(f"{total - waiting} of {total} photos prepared for search")
        if not waiting:
            break
        time.sleep(1)
    progress.end()
