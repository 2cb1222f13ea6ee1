"""Permissions-Policy (W3C): no page may use the camera but those that ask for it, and none the
microphone. A visitor is asked by the browser all the same."""

from __future__ import annotations

import functools
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

HEADER = "Permissions-Policy"
CLOSED = "camera=(), microphone=()"
OPEN = "camera=(self), microphone=()"


def closed(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: closes the camera where nobody has opened it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault(HEADER, CLOSED)
        return response

    return middleware


def open_camera(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The page of this view may ask for the camera."""

    @functools.wraps(view)
    def opened(*args: object, **kwargs: object) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response.headers[HEADER] = OPEN
        return response

    return opened
