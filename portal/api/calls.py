"""What every call has: conditional answers (RFC 9110), POSTs that may be repeated, deprecation."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.http import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import http_date
from django.views.decorators.http import conditional_page
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ml.errors import ImageRejected
from portal.accounts.models import User
from portal.addresses import has_foreign_charset, has_nul
from portal.api import services
from portal.api.models import ApiToken, IdempotencyKey
from portal.api.permissions import Everyone
from portal.api.problems import problem
from portal.throttles import Users, Visitors

# Besides the files, in bytes.
ROOM_FOR_FIELDS = 256 * 1024
KEY = re.compile(r"[!-~]{1,128}")


class Call(APIView):
    """`problems` are the statuses of its problems beyond the usual ones, `most_files` how many
    files of the largest allowed size one call may carry, `waits` whether it waits for a worker.
    `deprecated_since` and `gone_from` announce its end in every answer (RFC 9745, RFC 8594)."""

    permission_classes = [Everyone]
    throttle_classes = [Visitors, Users]
    problems: ClassVar[tuple[int, ...]] = ()
    most_files: ClassVar[int] = 1
    waits: ClassVar[bool] = False
    deprecated_since: ClassVar[datetime | None] = None
    gone_from: ClassVar[datetime | None] = None

    _call: IdempotencyKey | None = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = super().as_view(**initkwargs)
        wrapped = conditional_page(view)
        # Django's decorator does not copy what DRF and the schema generator read.
        wrapped.cls, wrapped.initkwargs = view.cls, view.initkwargs
        wrapped.csrf_exempt = True
        return wrapped

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if has_nul(request._request):
            raise exceptions.ParseError("An address cannot have a NUL in it.")
        if has_foreign_charset(request._request):
            raise exceptions.ParseError("Send text as UTF-8.")
        self._refuse_large(request)
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and "Idempotency-Key" in request.headers:
            self._begin(request)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Answered):
            row = exc.row
            response = Response(row.body, status=row.status)
            if row.location:
                response["Location"] = row.location
            response["Idempotent-Replayed"] = "true"
            return response
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response):
            self._end(response)
        patch_vary_headers(response, ["Authorization", "Cookie", "X-Search-Secret"])
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        if self.deprecated_since:
            response["Deprecation"] = f"@{int(self.deprecated_since.timestamp())}"
        if self.gone_from:
            response["Sunset"] = http_date(self.gone_from.timestamp())
        return response

    def _refuse_large(self, request: Request) -> None:
        """Before a byte of it is read. Raises ImageRejected (413)."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        most = settings.UPLOAD_MAX_BYTES * self.most_files + ROOM_FOR_FIELDS
        if length.isdecimal() and int(length) > most:
            raise ImageRejected("file_too_large", "Send a smaller version.", length)

    def _begin(self, request: Request) -> None:
        key = request.headers["Idempotency-Key"]
        if not KEY.fullmatch(key):
            raise exceptions.ValidationError(
                {"Idempotency-Key": "1 to 128 visible ASCII characters, please."}
            )
        row = services.begin_call(caller=caller_of(request), key=key, content=content_of(request))
        if row.status is not None:
            raise _Answered(row)
        self._call = row
        if not self.waits:
            # Looked up by this name once `initial` has ended.
            name = "post"
            setattr(self, name, functools.partial(self._once, getattr(self, name)))

    def _once(self, post: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
        """What the call does and the note of its answer are written together or not at all: the
        repetition of a call whose process was killed does it once more, never twice."""
        with transaction.atomic():
            response = post(*args, **kwargs)
            self._end(response)
        return response

    def _end(self, response: Response) -> None:
        if self._call is not None:
            services.end_call(
                row=self._call,
                status=response.status_code,
                body=json.loads(JSONRenderer().render(response.data) or b"null"),
                location=response.get("Location", ""),
            )
            self._call = None

    def caller(self) -> User | None:
        user = self.request.user
        return user if isinstance(user, User) else None


class _Answered(Exception):
    def __init__(self, row: IdempotencyKey) -> None:
        self.row = row


def caller_of(request: Request) -> str:
    """Whose keys are apart from others': a token's, a user's, a visitor's by its address."""
    if isinstance(request.auth, ApiToken):
        return f"token {request.auth.pk}"
    if request.user.is_authenticated:
        return f"user {request.user.pk}"
    visitor = f"{Visitors().get_ident(request)} {request.headers.get('X-Search-Secret', '')}"
    return "visitor " + hashlib.sha256(visitor.encode()).hexdigest()[:40]


def content_of(request: Request) -> str:
    """A hash of what is asked; reads files and puts them back to their start."""
    told = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    data = request.data
    files = request.FILES
    if hasattr(data, "lists"):
        for name, values in sorted(data.lists()):
            if name not in files:
                told.update(json.dumps([name, values]).encode())
        for name in sorted(files):
            for file in files.getlist(name):
                told.update(json.dumps([name, file.name]).encode())
                for chunk in file.chunks():
                    told.update(chunk)
                file.seek(0)
    else:
        told.update(json.dumps(data, sort_keys=True).encode())
    return told.hexdigest()


def etag_of(data: Any) -> str:
    """The strong entity tag of a representation."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def refuse_changed(request: Request, data: Any) -> Response | None:
    """412 where If-Match names another state than the present one."""
    wanted = request.headers.get("If-Match")
    if wanted is None or wanted.strip() == "*":
        return None
    if etag_of(data) in [tag.strip() for tag in wanted.split(",")]:
        return None
    return problem(
        412, "changed_meanwhile", "Somebody changed this meanwhile. Read it again first."
    )


def refuse_unknown(request: Request, known: Iterable[str]) -> None:
    """Raises ValidationError for query parameters that do not exist: a misspelt filter would
    otherwise give all dogs."""
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        raise exceptions.ValidationError(
            {name: ["There is no such parameter."] for name in unknown}
        )
