"""Photos as bytes: a listed dog's to everybody who may see the dog, an adopter's to its owner."""

from __future__ import annotations

import uuid
from pathlib import PurePosixPath

from django.contrib.auth.models import AnonymousUser
from django.core.files.base import File
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from portal.dogs.models import Photo
from portal.matching.models import Query

PUBLIC = "public, max-age=31536000, immutable"
PRIVATE = "private, no-store"
TYPES = {".jpg": "image/jpeg", ".webp": "image/webp"}
# What a browser can show of an upload that no worker has turned into a picture yet.
UPLOAD_TYPES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n", "image/png"))


@require_safe
def photo(request: HttpRequest, name: str, size: str) -> HttpResponseBase:
    field = {"full": "image", "thumb": "thumbnail"}.get(size)
    if field is None:
        raise Http404
    photos = Photo.objects.shown().filter(name=name)
    # First without asking who it is, so that a public photo's answer is the same for all.
    found = photos.visible_to(AnonymousUser()).first()
    caching = PUBLIC
    if found is None:
        found = get_object_or_404(photos.visible_to(request.user))
        caching = PRIVATE
    file: File = getattr(found, field) or found.image
    return picture(file, TYPES.get(PurePosixPath(file.name or "").suffix, "image/jpeg"), caching)


@require_safe
def query_photo(request: HttpRequest, query_id: uuid.UUID) -> HttpResponseBase:
    query = get_object_or_404(Query.objects.owned_by(request), pk=query_id)
    if query.image:
        suffix = PurePosixPath(query.image.name).suffix
        return picture(query.image, TYPES.get(suffix, "image/jpeg"), PRIVATE)
    kind = upload_type(query)
    if kind is None:
        raise Http404
    return picture(query.upload, kind, PRIVATE)


def upload_type(query: Query) -> str | None:
    """The content type by which a browser can show the upload itself; None where it cannot."""
    if not query.upload:
        return None
    try:
        with query.upload.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError:
        return None
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in UPLOAD_TYPES if head.startswith(start)), None)


def can_be_shown(query: Query) -> bool:
    return bool(query.image) or upload_type(query) is not None


def picture(file: File, content_type: str, caching: str) -> FileResponse:
    """Raises Http404 when the row's file is gone."""
    try:
        opened = file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(opened, content_type=content_type)
    response["Cache-Control"] = caching
    response["X-Content-Type-Options"] = "nosniff"
    # Bytes that came from a person stay a picture, even if opened as a page of their own.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Content-Disposition"] = "inline"
    return response
