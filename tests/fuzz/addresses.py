"""Addresses that a feed names, and where they redirect: a line each, the first one is asked for."""

from __future__ import annotations

import ipaddress
from random import Random
from typing import Any
from urllib.parse import urlsplit

from portal.feeds.errors import FeedError
from portal.feeds.network import Client, Response, is_public
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import Change, changed_text
from tests.fuzz.records import check_refusal

PUBLIC = "93.184.216.34"
PLACES = (
    "http://a.example/1.jpg", "https://a.example:8443/x?y=1", "//b.example/", "/1.jpg", "?a=b",
    "..",
    "http://[", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://127.0.0.1:6379/", "http://0x7f.1/", "http://2130706433/", "http://169.254.169.254/",
    "http://[fe80::1%25eth0]/", "http://user:pass@a.example/", "http://a.example:99999/",
    "http://a.example:x/", "http://보리.example/", "http://xn--a/", "http://a..b/", "ftp://a.example",
    "file:///etc/passwd", "http:a.example", "http:///a", "http://\\\\a.example", "http://a.example\\@b",
    "http://" + "a" * 300, "http://a\u2100b/", "http://[v1.a]/", "http://ⓐ.example/",
)  # fmt: skip


class Redirecting(Client):
    """Judges as the product does, connects to nothing, and is led from each line to the next."""

    def __init__(self, places: list[str]) -> None:
        super().__init__(per_second=10**9, resolve=resolved, pause=lambda _seconds: None)
        self.places = places

    def _request(self, method: str, url: str, *rest: Any) -> Response:
        host, port, address, _secure = self._judged(url)
        assert is_public(address), (url, address)
        assert host
        assert 0 <= port < 65_536
        place = self.places.pop(0) if self.places else ""
        return Response(302 if place else 200, {"location": place}, b"", url)


def resolved(host: str, _port: int) -> list[str]:
    """Itself where it is an address; any other name is public."""
    try:
        return [str(ipaddress.ip_address(host.partition("%")[0]))]
    except ValueError:
        return [PUBLIC]


def one(data: bytes) -> None:
    """An answer or FeedError, and never a connection to what is not public."""
    first, *rest = data[:2000].decode("utf-8", "replace").split("\n")
    with in_time():
        try:
            answer = Redirecting(rest[:8]).get(first)
        except FeedError as error:
            check_refusal(error)
        else:
            assert urlsplit(answer.url).scheme in ("http", "https")


def seeds() -> list[bytes]:
    return [
        *(place.encode() for place in PLACES),
        *(f"http://a.example/\n{place}".encode() for place in PLACES),
        b"http://a.example/\n/1\n/2\n/3\n/4\n/5",
    ]


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    if not random.randrange(4):
        return change(data)
    lines = data.decode("utf-8", "replace").split("\n")
    at = random.randrange(len(lines))
    match random.randrange(3):
        case 0:
            lines.insert(at, random.choice(PLACES))
        case 1:
            lines[at] = random.choice(PLACES)
        case _:
            lines[at] = changed_text(lines[at], random)
    return "\n".join(lines).encode("utf-8", "surrogatepass")[:2000]
