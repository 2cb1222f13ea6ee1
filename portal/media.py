"""Addresses of photos: on the site itself, or on an origin of their own (`MEDIA_ORIGIN`).

On their own origin photos cannot act for the site, whatever a browser makes of their bytes: no
cookie goes there, and it answers for nothing else. What is not public is asked for there by a
signed link that ends within 70 minutes, since nobody is logged in.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signing import Signer
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

if TYPE_CHECKING:
    from portal.dogs.models import Photo

# A link is the same for ten minutes, so that a page that asks again shows the picture it has.
STEP_SECONDS = 600
LINK_SECONDS = 3600
PHOTO = re.compile(r"/photos/[^/]+/[^/]+/|/search/[0-9a-f-]{36}/photo/")


def photo_address(photo: Photo, size: str) -> str:
    """Of a photo that anybody may see, or that its reader's session may."""
    return f"{settings.MEDIA_ORIGIN}{photo_path(photo.name, size)}"


def own_photo_address(photo: Photo, size: str) -> str:
    """Of a photo that its reader may see, though perhaps not everybody."""
    return private(photo_path(photo.name, size))


# Lists name a few for each of their dogs, and mostly the same ones again.
@lru_cache(maxsize=10_000)
def photo_path(name: str, size: str) -> str:
    return reverse("photo", args=[name, size])


def query_photo_address(query_id: object) -> str:
    """Of an adopter's own photo."""
    return private(reverse("query_photo", args=[query_id]))


def private(path: str) -> str:
    """The path where sessions reach it, else a signed link that ends by itself."""
    if not settings.MEDIA_ORIGIN:
        return path
    now = int(timezone.now().timestamp())
    until = (now // STEP_SECONDS + 1) * STEP_SECONDS + LINK_SECONDS
    return f"{settings.MEDIA_ORIGIN}{path}?until={until}&key={signature(path, until)}"


def signature(path: str, until: int) -> str:
    return Signer(salt="portal.media").signature(f"{path}|{until}")


def is_signed(request: HttpRequest) -> bool:
    """Whether the request comes by a link of `private` whose time is not over."""
    until, key = request.GET.get("until", ""), request.GET.get("key", "")
    if not (until.isdecimal() and len(until) < 12):
        return False
    right = secrets.compare_digest(key.encode(), signature(request.path, int(until)).encode())
    return right and timezone.now().timestamp() < int(until)


def only_photos(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: at the photos' own origin there is nothing else."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        host = urlsplit(settings.MEDIA_ORIGIN).netloc
        if host and request.get_host() == host and not PHOTO.fullmatch(request.path):
            return HttpResponse("Not found.", status=404, content_type="text/plain")
        return get_response(request)

    return middleware
