"""Addresses that no row can have: PostgreSQL stores no NUL, and asking it for one is an error."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

NUL = "\x00"


def has_nul(request: HttpRequest) -> bool:
    """Whether the path, or a parameter's name or value, has a NUL in it."""
    pairs = request.GET.lists()
    return NUL in request.path or any(
        NUL in part for name, values in pairs for part in (name, *values)
    )


def refuse_nul(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: 400 for such addresses. The API says so in its own form."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if has_nul(request) and not request.path.startswith("/api/"):
            raise SuspiciousOperation("NUL in an address")
        return get_response(request)

    return middleware
