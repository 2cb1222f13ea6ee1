"""What staff decide of what a feed says."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs.models import Dog
from portal.feeds import services
from portal.feeds.models import TemperamentSuggestion


@staff_required
@require_POST
def suggestion(request: SignedInRequest, suggestion_id: int) -> HttpResponse:
    """Takes it over in the reader's name, or dismisses it; what was decided before stays."""
    own = TemperamentSuggestion.objects.filter(dog__in=Dog.objects.editable_by(request.user))
    found = get_object_or_404(own.select_related("dog"), pk=suggestion_id)
    if found.state == TemperamentSuggestion.State.OPEN:
        if request.POST.get("decision") == "take":
            services.take_suggestion(suggestion=found, by=request.user)
            messages.success(request, _("Saved."))
        else:
            services.dismiss_suggestion(suggestion=found, by=request.user)
    return redirect("staff:dog_edit", slug=found.dog.slug)
