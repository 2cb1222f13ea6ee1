"""Errors as problem details (RFC 9457): a stable code, a sentence with the remedy, the fields."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import IntegrityError
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, serializers, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ml.errors import PawkinError
from portal.jobs.messages import SENTENCES, sentence

TYPE = "application/problem+json"

# By code: what is no mistake in the request's form. All others are 422.
STATUS_BY_CODE = {
    "file_too_large": 413,
    "not_an_image": 415,
    "unsupported_format": 415,
    "search_expired": 410,
    "dog_gone": 410,
    "nothing_paused": 409,
    "reindex_running": 409,
    "photos_missing": 409,
    "no_active_version": 503,
    "idempotency_in_progress": 409,
    "unknown_model": 404,
    "timed_out": 503,
    "failed_inside": 503,
    "worker_lost": 503,
    "no_match": 404,
    "storage_full": 507,
    "storage_away": 503,
}

log = logging.getLogger(__name__)


class ProblemSerializer(serializers.Serializer[Any]):
    """An error (RFC 9457)."""

    type = serializers.CharField(help_text="always about:blank; `code` tells the kind")
    title = serializers.CharField(help_text="the status in words")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="stable, for programs")
    detail = serializers.CharField(help_text="a sentence with the remedy, for people")
    errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="what is wrong, by field",
    )

    class Meta:
        ref_name = "Problem"


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The exception handler of all API views; None for what is our own mistake (500)."""
    set_rollback()
    if isinstance(error, PawkinError):
        return of_code(error.code)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return problem(413, "request_too_large", _("This request is too large. Send less at once."))
    elif isinstance(error, SuspiciousOperation | UnicodeError):
        error = exceptions.ParseError()
    elif isinstance(error, IntegrityError):
        log.warning("A constraint refused a call: %s", error)
        return problem(
            409, "conflict", _("This contradicts what is stored now. Read it again first.")
        )
    if not isinstance(error, exceptions.APIException):
        return None
    return of_api_exception(error)


def of_code(code: str, http_status: int | None = None) -> Response:
    """The problem for one of Pawkin's own codes."""
    return problem(http_status or STATUS_BY_CODE.get(code, 422), code, str(sentence(code)))


def of_api_exception(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        errors = {name: list(lines) for name, lines in _flat(error.detail)}
        first = next(iter(errors.values()), [""])[0]
        return problem(400, "invalid", first, errors)
    code = error.get_codes()
    names = {
        exceptions.NotAuthenticated: "not_authenticated",
        exceptions.AuthenticationFailed: "token_invalid",
        exceptions.PermissionDenied: "not_allowed",
        exceptions.Throttled: "throttled",
        exceptions.ParseError: "unreadable",
        exceptions.MethodNotAllowed: "method_not_allowed",
        exceptions.NotAcceptable: "not_acceptable",
        exceptions.UnsupportedMediaType: "unsupported_media_type",
    }
    named = code if isinstance(code, str) and code in SENTENCES else None
    response = problem(
        error.status_code,
        named or names.get(type(error), code if isinstance(code, str) else "invalid"),
        str(error.detail),
    )
    if isinstance(error, exceptions.Throttled):
        response["Retry-After"] = str(max(1, round(error.wait or 60)))
    header = getattr(error, "auth_header", None)
    if header:
        response["WWW-Authenticate"] = header
    return response


def problem(
    http_status: int, code: str, detail: str, errors: dict[str, list[str]] | None = None
) -> Response:
    return Response(body(http_status, code, detail, errors), status=http_status, content_type=TYPE)


def body(
    http_status: int, code: str, detail: str, errors: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": title_of(http_status),
        "status": http_status,
        "code": code,
        "detail": detail,
    }
    return told | ({"errors": errors} if errors else {})


def title_of(http_status: int) -> str:
    return HTTPStatus(http_status).phrase


@csrf_exempt
def unknown_address(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """404 for addresses below /api/ that lead nowhere."""
    told = body(status.HTTP_404_NOT_FOUND, "not_found", _("There is nothing at this address."))
    return JsonResponse(told, status=404, content_type=TYPE)


def _flat(detail: Any, at: str = "") -> Iterator[tuple[str, list[str]]]:
    """Nested field errors with dotted names."""
    if isinstance(detail, dict):
        for name, inside in detail.items():
            yield from _flat(inside, f"{at}.{name}" if at else str(name))
    elif isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        for number, inside in enumerate(detail):
            yield from _flat(inside, f"{at}.{number}")
    else:
        lines = detail if isinstance(detail, list) else [detail]
        if lines:
            yield at or "non_field_errors", [str(line) for line in lines]
