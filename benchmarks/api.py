"""Calls of the REST API as an admin's program makes them."""

import json
import urllib.request
from typing import Any

from benchmarks.installation import Installation


class Api:
    """With a token of the demo's admin. Raises urllib.error.HTTPError for what is refused."""

    def __init__(self, server: Installation) -> None:
        address, _ = server.logins()["admin"]
        told = server.manage("createtoken", address, "bench", "--scope", "admin", "--json")
        self.token = json.loads(told.splitlines()[-1])["token"]
        self.url = f"{server.url}/api/v1"

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What /api/v1/{path} answers; None where it answers nothing."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None
