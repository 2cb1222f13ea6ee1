"""Staff pages: a dog's clips, one of them, and its film as bytes."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.core.files import File
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ml.containers import CLIP_LIMITS
from portal.accounts.access import SignedInRequest, staff_required
from portal.camera import open_camera
from portal.clips import services, shown
from portal.clips.models import Clip
from portal.dogs.models import Dog
from portal.jobs.messages import sentence
from portal.jobs.models import Job
from portal.matching.photos import PRIVATE, or_later, picture
from portal.throttles import Uploads, limited

STATUS = {"clip_too_large": 413, "too_many_clips": 409, "storage_full": 507, "storage_away": 503}
# What is recorded is played from memory before it is sent.
PLAYS_WHAT_IT_RECORDS = {"media-src": ["'self'", "blob:"]}


@never_cache
@open_camera
@csp_update(PLAYS_WHAT_IT_RECORDS)
@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
@limited(Uploads)
def clips(request: SignedInRequest, slug: str) -> HttpResponse:
    """A dog's clips, and the place to record or choose one. A script that sends one gets JSON."""
    mine = Dog.objects.editable_by(request.user).select_related("shelter")
    dog = get_object_or_404(mine, slug=slug)
    refused = ""
    if request.method == "POST":
        try:
            clip = services.take_clip(dog=dog, by=request.user, file=sent(request))
        except services.ClipRefused as error:
            refused = error.code
        else:
            address = reverse("staff_clips:clip", args=[clip.pk])
            if wants_json(request):
                return JsonResponse({"address": address}, status=201)
            return redirect(address)
    status = STATUS.get(refused, 422) if refused else 200
    if wants_json(request):
        return JsonResponse({"code": refused, "detail": str(sentence(refused))}, status=status)
    context = {
        "dog": dog,
        "clips": dog.clips.listed(),
        "refused": refused,
        "most": services.CLIPS_PER_DOG,
        "seconds": int(CLIP_LIMITS.max_seconds),
        "megabytes": settings.CLIP_MAX_BYTES // 1024 // 1024,
    }
    return render(request, "staff/clips.html", context, status=status)


def sent(request: SignedInRequest) -> File:
    """The film of the form, whichever of its two fields it came by. Raises ClipRefused."""
    files = request.FILES.getlist("film")
    if not files:
        raise services.ClipRefused("empty_file", "Choose a film.")
    return files[0]


def wants_json(request: SignedInRequest) -> bool:
    return request.method == "POST" and request.headers.get("Accept") == "application/json"


def own(request: SignedInRequest, clip_id: int) -> Clip:
    """The clip, if this person may see it; one of another shelter's dog is not there (404)."""
    found = Clip.objects.visible_to(request.user).select_related("dog__shelter", "by")
    return get_object_or_404(found, pk=clip_id)


@never_cache
@staff_required
@require_safe
def clip(request: SignedInRequest, clip_id: int) -> HttpResponse:
    """The film with what was seen in it; asks again by itself until a worker has watched it."""
    found = own(request, clip_id)
    context: dict[str, Any] = {"clip": found, "dog": found.dog}
    if found.state == Clip.State.WAITING:
        context["job"] = Job.objects.for_subject(Job.Kind.WATCH_CLIP, found.pk).first()
    elif found.state == Clip.State.READY:
        context |= {
            "film": shown.film(found),
            "overlay": shown.poster_overlay(found),
            "chart": shown.chart(found),
            "shares": shown.shares(found),
            "second_by_second": shown.seconds(found),
            "seen": round(100 * (found.seen or 0)),
        }
    return render(request, "staff/clip.html", context)


@require_safe
@staff_required
@or_later
def film(request: SignedInRequest, clip_id: int) -> HttpResponseBase:
    """All stills in one file; `Clip.frames` tells where each is."""
    return picture(own(request, clip_id).film.name, PRIVATE, "application/octet-stream")


@require_safe
@staff_required
@or_later
def poster(request: SignedInRequest, clip_id: int) -> HttpResponseBase:
    return picture(own(request, clip_id).poster.name, PRIVATE)


@require_POST
@staff_required
def retry(request: SignedInRequest, clip_id: int) -> HttpResponse:
    found = own(request, clip_id)
    try:
        services.retry_clip(clip=found)
    except services.ClipRefused as error:
        messages.error(request, sentence(error.code))
    return redirect("staff_clips:clip", clip_id=found.pk)


@require_POST
@staff_required
def delete(request: SignedInRequest, clip_id: int) -> HttpResponse:
    found = own(request, clip_id)
    services.delete_clip(clip=found)
    messages.success(request, _("The clip is deleted."))
    return redirect("staff_clips:clips", slug=found.dog.slug)
