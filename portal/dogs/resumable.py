"""Photos in pieces: the core and creation parts of tus 1.0 (https://tus.io/protocols), for staff.

A POST makes a place and says where; a HEAD says how much is there; a PATCH adds the next piece.
The last piece's answer says what came of the file.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs import pieces
from portal.dogs.models import Dog, PartialUpload
from portal.jobs.messages import sentence

VERSION = "1.0.0"
STATUS = {
    "file_too_large": 413,
    "upload_elsewhere": 409,
    "too_many_uploads": 429,
    "storage_full": 507,
    "storage_away": 503,
}


def answer(status: int, **headers: Any) -> HttpResponse:
    named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return HttpResponse(status=status, headers={"Tus-Resumable": VERSION, **named})


def problem(refused: pieces.UploadRefused) -> HttpResponse:
    body = {"code": refused.code, "detail": str(sentence(refused.code))}
    response = JsonResponse(body, status=STATUS.get(refused.code, 422))
    response["Tus-Resumable"] = VERSION
    return response


def number(request: HttpRequest, header: str) -> int:
    text = request.headers.get(header, "")
    return int(text) if text.isdecimal() and len(text) < 12 else -1


def file_name(request: HttpRequest) -> str:
    """`filename` of Upload-Metadata: pairs with commas between, values in base64."""
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _space, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                return base64.b64decode(value).decode("utf-8", "replace").replace("\0", "")
            except ValueError:
                return ""
    return ""


@never_cache
@require_POST
@staff_required
def create(request: SignedInRequest) -> HttpResponse:
    """A place for one file; `?dog=` names the dog that gets it."""
    dog = None
    if "dog" in request.GET:
        mine = Dog.objects.editable_by(request.user)
        dog = get_object_or_404(mine, slug=request.GET["dog"])
    try:
        upload = pieces.begin(
            owner=request.user,
            dog=dog,
            name=file_name(request),
            length=number(request, "Upload-Length"),
        )
    except pieces.UploadRefused as refused:
        return problem(refused)
    return answer(201, Location=reverse("staff:upload", args=[upload.pk]), Upload_Offset=0)


@never_cache
@require_http_methods(["HEAD", "PATCH", "DELETE"])
@staff_required
def upload(request: SignedInRequest, upload_id: uuid.UUID) -> HttpResponse:
    own = PartialUpload.objects.filter(owner=request.user).select_related("dog")
    found = get_object_or_404(own, pk=upload_id)
    if request.method == "HEAD":
        return answer(200, Upload_Offset=found.received, Upload_Length=found.length)
    if request.method == "DELETE":
        pieces.discard(uploads=[found])
        return answer(204)
    if request.content_type != "application/offset+octet-stream":
        return answer(415)
    try:
        pieces.append(upload=found, offset=number(request, "Upload-Offset"), data=request.body)
        if found.is_complete:
            pieces.complete(upload=found, by=request.user)
    except pieces.UploadRefused as refused:
        return problem(refused)
    return answer(204, Upload_Offset=found.received)
