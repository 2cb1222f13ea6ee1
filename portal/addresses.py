"""What no page is asked for: addresses with a NUL, which PostgreSQL stores in no row, and forms in
a charset that no browser sends."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

NUL = "\x00"
# Python knows more codecs than charsets: "zlib" is one. By the names that Python gives them.
CHARSETS = frozenset({"utf-8", "ascii", "iso8859-1", "euc_kr", "cp949"})


def has_nul(request: HttpRequest) -> bool:
    """Whether the path, or a parameter's name or value, has a NUL in it."""
    pairs = request.GET.lists()
    return NUL in request.path or any(
        NUL in part for name, values in pairs for part in (name, *values)
    )


def has_foreign_charset(request: HttpRequest) -> bool:
    """Whether the request names a codec that is none of CHARSETS for its form."""
    named = request.encoding
    return bool(named) and codecs.lookup(str(named)).name not in CHARSETS


def refuse_odd(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: 400 for both. The API says so in its own form."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            if has_nul(request):
                raise SuspiciousOperation("NUL in an address")
            if has_foreign_charset(request):
                raise SuspiciousOperation("a charset that no browser sends")
        return get_response(request)

    return middleware
