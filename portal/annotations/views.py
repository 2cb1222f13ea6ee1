"""The pages on which staff mark points, and what comes out of it."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ml.skeleton import KEYPOINTS, SKELETON
from portal.accounts.access import SignedInRequest, staff_required
from portal.annotations import services
from portal.annotations.coco import zipped
from portal.annotations.forms import AnnotationForm
from portal.annotations.models import Annotation
from portal.annotations.queries import annotatable, guess_of, next_photo, progress
from portal.annotations.words import figure
from portal.dogs.models import Photo
from portal.jobs.messages import sentence
from portal.matching.overlays import photo_overlays
from portal.shelters.models import Shelter

LATEST = 12


@never_cache
@require_safe
@staff_required
def overview(request: SignedInRequest) -> HttpResponse:
    """How far the shelter is, what it is for, and what the reader marked last."""
    mine = Annotation.objects.visible_to(request.user).filter(by=request.user)
    dogs = Prefetch("photo", Photo.objects.select_related("dog"))
    context = {
        "progress": progress(request.user),
        "shelters": Shelter.objects.staffed_by(request.user).count(),
        "latest": mine.prefetch_related(dogs)[:LATEST],
        "any": Annotation.objects.complete().visible_to(request.user).exists(),
    }
    return render(request, "annotations/overview.html", context)


@never_cache
@require_safe
@staff_required
def following(request: SignedInRequest) -> HttpResponse:
    """The photo that is to be annotated next; back to the start once there is none."""
    photo = next_photo(request.user)
    if photo is None:
        messages.success(request, _("You have seen every photo. Thank you."))
        return redirect("annotations:overview")
    return redirect("annotations:photo", photo_id=photo.pk)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def photo(request: SignedInRequest, photo_id: int) -> HttpResponse:
    """One photo with its points: what the reader said before, else the live version's guesses."""
    found = own_photo(request, photo_id)
    before = Annotation.objects.filter(photo=found, by=request.user).first()
    guess = guess_of(found)
    data = request.POST if request.method == "POST" else None
    form = AnnotationForm(data, annotation=before, guess=guess)
    if form.is_valid():
        try:
            services.save_annotation(
                photo=found,
                by=request.user,
                points=form.points(),
                box=form.box(),
                posture=form.cleaned_data["posture"],
                view=form.cleaned_data["view"],
                n_dogs=form.cleaned_data["n_dogs"],
            )
        except services.AnnotationRefused as refused:
            messages.error(request, sentence(refused.code))
        return redirect("annotations:next")
    context = {
        "photo": found,
        "dog": found.dog,
        "form": form,
        "before": before,
        "guessed": guess is not None and (before is None or before.skipped),
        "overlay": photo_overlays([found]).get(found.pk),
        "figure": figure(),
        "edges": " ".join(f"{KEYPOINTS[a]}-{KEYPOINTS[b]}" for a, b in SKELETON),
        "progress": progress(request.user),
        "shelters": Shelter.objects.staffed_by(request.user).count(),
    }
    status = 422 if form.is_bound else 200
    return render(request, "annotations/photo.html", context, status=status)


@require_POST
@staff_required
def skip(request: SignedInRequest, photo_id: int) -> HttpResponse:
    """Leaves a photo out, and takes the next."""
    try:
        services.skip_photo(photo=own_photo(request, photo_id), by=request.user)
    except services.AnnotationRefused as refused:
        messages.error(request, sentence(refused.code))
    return redirect("annotations:next")


@require_POST
@staff_required
def delete(request: SignedInRequest, photo_id: int) -> HttpResponse:
    """Forgets what the reader said of a photo."""
    if services.delete_annotation(photo=own_photo(request, photo_id), by=request.user):
        messages.success(request, _("Your points of this photo are deleted."))
    return redirect("annotations:overview")


@require_safe
@staff_required
def download(request: SignedInRequest) -> StreamingHttpResponse:
    """Annotated photos of the reader's shelters as `python -m ml` reads them, in a ZIP."""
    pieces = zipped(Annotation.objects.visible_to(request.user))
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Disposition"] = 'attachment; filename="annotations.zip"'
    response["Cache-Control"] = "private, no-store"
    return response


def own_photo(request: SignedInRequest, photo_id: int) -> Photo:
    """One that the reader may annotate; another shelter's is not there (404)."""
    return get_object_or_404(annotatable(request.user).select_related("dog"), pk=photo_id)
