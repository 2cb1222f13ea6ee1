"""Photos as bytes: a listed dog's to everybody who may see the dog, an adopter's to its owner."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from portal.dogs.models import Photo
from portal.files import FilesAway, beginning
from portal.matching.models import Query
from portal.media import is_signed

PUBLIC = "public, max-age=31536000, immutable"
PRIVATE = "private, no-store"
TYPES = {".jpg": "image/jpeg", ".webp": "image/webp", ".avif": "image/avif"}
# A photo's picture, its thumbnail, and the variants that workers make.
SIZES = ("full", "thumb", "a480", "a960", "w960")
# What a browser can show of an upload that no worker has turned into a picture yet.
UPLOAD_TYPES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n", "image/png"))

View = Callable[..., HttpResponseBase]


def or_later(view: View) -> View:
    """503 while nobody can say whether a photo is there, and nothing keeps that answer."""

    @functools.wraps(view)
    def answer(*args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(*args, **kwargs)
        except FilesAway:
            response = HttpResponse("Photos are away.", status=503, content_type="text/plain")
            response["Cache-Control"] = PRIVATE
            response["Retry-After"] = "10"
            return response

    return answer


@require_safe
@or_later
def photo(request: HttpRequest, name: str, size: str) -> HttpResponseBase:
    if size not in SIZES:
        raise Http404
    photos = Photo.objects.shown().filter(name=name)
    # First without asking who it is, so that a public photo's answer is the same for all.
    found = photos.visible_to(AnonymousUser()).first()
    caching = PUBLIC
    if found is None:
        found = get_object_or_404(photos if is_signed(request) else photos.visible_to(request.user))
        caching = PRIVATE
    stored = {"full": found.image.name, "thumb": found.thumbnail.name, **(found.variants or {})}
    return picture(stored.get(size) or found.image.name, caching)


@require_safe
@or_later
def query_photo(request: HttpRequest, query_id: uuid.UUID) -> HttpResponseBase:
    queries = Query.objects.current() if is_signed(request) else Query.objects.owned_by(request)
    query = get_object_or_404(queries, pk=query_id)
    kind = None if query.image else upload_type(query)
    if kind:
        return picture(query.upload.name, PRIVATE, kind)
    # A worker may have replaced the upload by its picture since the row was read.
    query.refresh_from_db()
    return picture(query.image.name, PRIVATE)


def upload_type(query: Query) -> str | None:
    """The content type by which a browser can show the upload itself; None where it cannot. Raises
    FilesAway."""
    name = query.upload.name
    if not name:
        return None
    try:
        head = beginning(name, 12)
    except FileNotFoundError:
        return None
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in UPLOAD_TYPES if head.startswith(start)), None)


def can_be_shown(query: Query) -> bool:
    try:
        return bool(query.image) or upload_type(query) is not None
    except FilesAway:
        return False


def picture(name: str | None, caching: str, content_type: str | None = None) -> FileResponse:
    """Raises Http404 where there is no file, whatever the row says, and FilesAway."""
    if not name:
        raise Http404
    try:
        file = default_storage.open(name)
    except FileNotFoundError as error:
        raise Http404 from error
    kind = content_type or TYPES.get(PurePosixPath(name).suffix, "image/jpeg")
    response = FileResponse(file, content_type=kind)
    response["Cache-Control"] = caching
    response["X-Content-Type-Options"] = "nosniff"
    # Bytes that came from a person stay a picture, even if opened as a page of their own.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Content-Disposition"] = "inline"
    return response
