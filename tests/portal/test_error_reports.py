"""Errors told to Sentry: a server of our own takes them and looks for what must not be there."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.portal.test_settings import PRODUCTION, run

BREAK = """
import django; django.setup()
from django.test import Client
from django.core.files.uploadedfile import SimpleUploadedFile
def broken(*_, **__):
    secret_value = "a face"
    raise ValueError("broken inside")
from django.contrib.sessions.middleware import SessionMiddleware
SessionMiddleware.process_request = broken
photo = open(__import__("sys").argv[1], "rb").read()
client = Client(raise_request_exception=False, headers={"host": "pawkin.example"})
client.cookies["secret"] = "cookie-value"
answer = client.post("/search/?token=in-the-query", {"photo": SimpleUploadedFile("me.jpg", photo)},
    secure=True, headers={"X-Request-ID": "0123456789abcdef"})
assert answer.status_code == 500, answer.status_code
import sentry_sdk; sentry_sdk.flush(10)
"""


@pytest.fixture
def server():
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            taken.append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://key@127.0.0.1:{server.server_port}/1", taken
    server.shutdown()


def test_an_error_is_told_without_whom_it_befell(server, tmp_path):
    from tests.portal.uploads import jpeg

    address, taken = server
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    environment = {
        **PRODUCTION,
        "DATABASE_URL": "sqlite:///:memory:",
        "REDIS_URL": "memory://",
        "PAWKIN_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "SENTRY_DSN": address,
        # Static files have no hashed names here.
        "DEBUG": "true",
    }
    result = run("-c", BREAK, str(photo), **environment)
    assert result.returncode == 0, result.stderr
    events = [
        json.loads(line)
        for body in taken
        for line in body.splitlines()
        if line.startswith(b"{") and b'"exception"' in line
    ]
    [event] = events
    assert event["exception"]["values"][-1]["value"] == "broken inside"
    assert event["tags"]["request_id"] == "0123456789abcdef"
    assert event["request"].keys() == {"method"}
    everything = b"".join(taken).decode()
    for secret in ("in-the-query", "cookie-value", "a face", "me.jpg", "127.0.0.1:"):
        assert secret not in everything.replace(address, ""), secret
