"""Which request and which job a line of the log belongs to.

Every request has an id: the one its proxy gave it (`X-Request-ID`), or a new one. A job remembers
the request that asked for it, so the id reaches the worker with the row, also when the message was
lost. Lines of the log tell both; what they never tell is who asked, what for, or a private address:
a path is logged as its pattern.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"
# What proxies write: hexadecimal digits, or a UUID. Anything else could forge lines of the log.
GIVEN = re.compile(r"[0-9A-Za-z-]{8,64}")

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")

log = logging.getLogger("portal.requests")


def trace(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: gives the request its id, says it in the answer, and logs one line about it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        # Not reset afterwards: Django's own line about an answer of 500 comes after this one, and
        # the thread's next request has the next id.
        request_id.set(given if GIVEN.fullmatch(given) else uuid.uuid4().hex)
        begun = time.perf_counter()
        response = get_response(request)
        response[HEADER] = request_id.get()
        milliseconds = round(1000 * (time.perf_counter() - begun))
        log.info(
            "%s %s %s %s ms",
            request.method,
            route_of(request),
            response.status_code,
            milliseconds,
            extra={
                "method": request.method,
                "route": route_of(request),
                "status": response.status_code,
                "milliseconds": milliseconds,
            },
        )
        return response

    return middleware


@contextlib.contextmanager
def working(*, job: str, request: str) -> Iterator[None]:
    """In a worker: lines logged in this block belong to a job and to the request behind it."""
    job_token, request_token = job_id.set(job), request_id.set(request)
    try:
        yield
    finally:
        job_id.reset(job_token)
        request_id.reset(request_token)


def route_of(request: HttpRequest) -> str:
    """The pattern of the request's address, such as `search/<uuid:query_id>/`; `-` for none."""
    match = request.resolver_match
    return f"/{match.route}" if match else "-"


class Traces(logging.Filter):
    """Adds `request_id`, `job_id` and `trace` (both, for a line) to a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        request, job = request_id.get(), job_id.get()
        ids = [f"request={request}"] if request else []
        ids += [f"job={job}"] if job else []
        trace = f" [{' '.join(ids)}]" if ids else ""
        vars(record).update(request_id=request, job_id=job, trace=trace)
        return True


class Routes(logging.Filter):
    """Django's own lines about a request tell its pattern in place of its path."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and isinstance(record.args, tuple) and record.args:
            record.args = (*record.args[:-1], route_of(request))
        return True
