"""The only way out: to public addresses, under limits, with patience.

A name is resolved once, every address it has is judged, and the connection goes to the very
address that was judged, so that a name which answers differently a moment later (DNS rebinding)
gains nothing. Redirects are judged in the same way.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode, urljoin, urlsplit

import certifi
import urllib3
from django.conf import settings
from urllib3.exceptions import HTTPError

from portal.feeds.errors import FeedError

REDIRECTS = 3
ATTEMPTS = 4
CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
WHOLE_SECONDS = 60.0
LONGEST_PAUSE = 30.0
CHUNK = 64 * 1024
MAX_BYTES = 32 * 1024 * 1024
AGENT = "Pawkin"
# Addresses that carry an IPv4 address in them (RFC 6052), judged by that one.
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolve = Callable[[str, int], list[str]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Response:
    """`url` is where the answer came from after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """Raises FeedError where it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise FeedError(
                "feed_answer_unreadable",
                "Check the address of the feed.",
                self.body[:200].decode(errors="replace"),
            ) from error


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address can be reached by everybody: no private, loopback, link-local (where
    clouds keep their secrets), shared, multicast or reserved one, in whatever notation."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inside is None and ip in NAT64:
            inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


@dataclass
class Client:
    """`per_second` requests at most. `pause` and `resolve` are there to be replaced in tests."""

    per_second: float = 5.0
    resolve: Resolve = resolve
    pause: Callable[[float], None] = time.sleep
    attempts: int = ATTEMPTS
    _next: float = field(default=0.0, init=False)

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Response:
        """The answer, also one of 4xx. Tried again, ever later, while the other side is busy or
        away; then FeedError (feed_limit_reached, feed_unreachable, feed_key_refused)."""
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        return self._patiently("GET", url, headers or {}, None, max_bytes)

    def post(
        self,
        url: str,
        *,
        content: bytes,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> Response:
        return self._patiently("POST", url, headers or {}, content, max_bytes)

    def _patiently(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Response:
        for attempt in range(self.attempts):
            last = attempt == self.attempts - 1
            try:
                response = self.once(method, url, headers, body, limit)
            except FeedError as error:
                if last or error.code != "feed_unreachable":
                    raise
                self.pause(_backoff(attempt, None))
                continue
            if response.status in (401, 403):
                raise FeedError(
                    "feed_key_refused", "Enter the key of this feed again.", _place(url)
                )
            if response.status != 429 and response.status < 500:
                return response
            if last:
                code = "feed_limit_reached" if response.status == 429 else "feed_unreachable"
                raise FeedError(code, "Try again later.", f"{response.status} from {_place(url)}")
            self.pause(_backoff(attempt, response.headers.get("retry-after")))
        raise AssertionError("unreachable")

    def once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int,
        *, redirects: int = REDIRECTS,
    ) -> Response:  # fmt: skip
        """One request with its redirects, whatever the answer's status."""
        until = time.monotonic() + WHOLE_SECONDS
        origin = _origin(url)
        for _ in range(redirects + 1):
            self._wait()
            # Credentials go to the host they were meant for and to no other.
            sent = headers if _origin(url) == origin else {}
            response = self._request(method, url, sent, body, limit, until)
            place = response.headers.get("location")
            if response.status not in (301, 302, 303, 307, 308) or not place or not redirects:
                return response
            try:
                url = urljoin(url, place)
            except ValueError:
                _refuse(place)
            if response.status == 303:
                method, body = "GET", None
        raise FeedError("feed_unreachable", "Check the address of the feed.", "too many redirects")

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, limit: int,
        until: float,
    ) -> Response:  # fmt: skip
        host, port, address, secure = self._judged(url)
        parts = urlsplit(url)
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        pool = (
            urllib3.HTTPSConnectionPool(
                address, port, server_hostname=host, assert_hostname=host,
                ca_certs=certifi.where(), timeout=timeout, retries=False,
            )
            if secure
            else urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False)
        )  # fmt: skip
        usual = 443 if secure else 80
        name = f"[{host}]" if ":" in host else host
        told = {
            "Host": name if port == usual else f"{name}:{port}",
            "User-Agent": AGENT,
            "Accept-Encoding": "gzip",
            **headers,
        }
        try:
            with pool:
                answer = pool.urlopen(
                    method, target, body=body, headers=told, redirect=False, preload_content=False
                )
                try:
                    data = _read(answer, limit, until)
                finally:
                    answer.close()
        except (HTTPError, OSError) as error:
            raise FeedError(
                "feed_unreachable", "Try again later.", f"{type(error).__name__} from {_place(url)}"
            ) from error
        lower = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, lower, data, url)

    def _judged(self, url: str) -> tuple[str, int, str, bool]:
        """Host, port, the address to connect to, and whether by TLS."""
        try:
            parts = urlsplit(url)
            host, secure = parts.hostname or "", parts.scheme == "https"
            port = parts.port or (443 if secure else 80)
            host = host.encode("idna").decode() if not host.isascii() else host
        except (ValueError, UnicodeError):
            _refuse(url)
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            _refuse(url)
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise FeedError(
                "feed_unreachable", "Check the address of the feed.", f"no address for {host}"
            ) from error
        allowed = f"{host}:{port}" in settings.FEED_ALLOWED_HOSTS
        if not addresses or not (allowed or all(is_public(address) for address in addresses)):
            _refuse(url)
        return host, port, addresses[0], secure

    def _wait(self) -> None:
        now = time.monotonic()
        if now < self._next:
            self.pause(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second


def _read(answer: Any, limit: int, until: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for chunk in answer.stream(CHUNK, decode_content=True):
        size += len(chunk)
        if size > limit:
            raise FeedError("feed_answer_too_large", "Ask for less at once.", f"over {limit} bytes")
        if time.monotonic() > until:
            raise FeedError("feed_unreachable", "Try again later.", "the answer took too long")
        parts.append(chunk)
    return b"".join(parts)


def _backoff(attempt: int, told: str | None) -> float:
    """Seconds until the next try: as the other side says, else doubling, with chance in it so that
    many who were turned away do not come back at once."""
    if told and told.isdecimal():
        return min(LONGEST_PAUSE, float(told))
    return min(LONGEST_PAUSE, 2.0**attempt * random.uniform(0.5, 1.0))


def _origin(url: str) -> tuple[str, str]:
    """Raises FeedError for what is no address: `http://[` among a feed's photos may cost that photo
    and no more."""
    try:
        parts = urlsplit(url)
    except ValueError:
        _refuse(url)
    return parts.scheme, parts.netloc


def _place(url: str) -> str:
    """The address without its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


def _refuse(url: str) -> NoReturn:
    raise FeedError(
        "feed_address_refused",
        "Use an http or https address that everybody can reach.",
        url[:200].partition("?")[0],
    )
