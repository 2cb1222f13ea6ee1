"""The page on which staff draw what stays of a photo; a worker cuts it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs import services
from portal.dogs.models import Photo
from portal.jobs.messages import sentence


def side(label: Any, initial: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        initial=initial,
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"type": "range", "min": 0, "max": 100, "step": 1}),
    )


class CropForm(forms.Form):
    """The frame's sides in per cent of the picture's, from its left and upper edge."""

    left = side(gettext_lazy("left edge"), 0)
    top = side(gettext_lazy("upper edge"), 0)
    right = side(gettext_lazy("right edge"), 100)
    bottom = side(gettext_lazy("lower edge"), 100)

    def box(self) -> list[float]:
        """[x0, y0, x1, y1] as fractions."""
        return [self.cleaned_data[name] / 100 for name in ("left", "top", "right", "bottom")]


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def photo_crop(request: SignedInRequest, photo_id: int) -> HttpResponse:
    photos = Photo.objects.editable_by(request.user).shown().select_related("dog")
    photo = get_object_or_404(photos, pk=photo_id)
    form = CropForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.crop_photo(photo=photo, box=form.box(), by=request.user)
        except services.DogConflict as refused:
            form.add_error(None, sentence(refused.code))
        else:
            messages.success(request, _("The photo is being cropped. It is there in a moment."))
            return redirect("staff:dog_edit", slug=photo.dog.slug)
    context = {"photo": photo, "dog": photo.dog, "form": form}
    return render(request, "staff/crop.html", context, status=422 if form.errors else 200)
