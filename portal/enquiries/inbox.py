"""A shelter's side of enquiries: what came, what waits for an answer, what is done."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import SignedInRequest, staff_required
from portal.enquiries import services
from portal.enquiries.forms import MessageForm
from portal.enquiries.models import Enquiry
from portal.jobs.messages import sentence

PAGE_SIZE = 30


@never_cache
@require_safe
@staff_required
def inbox(request: SignedInRequest) -> HttpResponse:
    """Enquiries of the user's shelters by state; those that wait for an answer first."""
    mine = Enquiry.objects.for_staff(request.user)
    counts = dict(mine.order_by().values_list("state").annotate(Count("pk")))
    state = request.GET.get("state", "")
    shown = mine.filter(state=state) if state in Enquiry.State.values else mine
    context = {
        "page": Paginator(shown.for_rows(), PAGE_SIZE).get_page(request.GET.get("page")),
        "state": state,
        "tabs": [("", _("all"), sum(counts.values()))]
        + [(s.value, str(s.label), counts.get(s.value, 0)) for s in Enquiry.State],
        "shelters": len({membership.shelter_id for membership in request.user.memberships.all()}),
    }
    return render(request, "enquiries/inbox.html", context)


def received(request: SignedInRequest, enquiry_id: uuid.UUID) -> Enquiry:
    """One that the user's shelters got; another shelter's is not there (404)."""
    mine = Enquiry.objects.for_staff(request.user).select_related("dog", "shelter", "user")
    return get_object_or_404(mine.prefetch_related("messages__by"), pk=enquiry_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def conversation(request: SignedInRequest, enquiry_id: uuid.UUID) -> HttpResponse:
    """The messages and the answer's form. Who opens it has read it."""
    found = received(request, enquiry_id)
    form = MessageForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.add_message(
                enquiry=found, by=request.user, text=form.cleaned_data["text"], from_shelter=True
            )
        except services.EnquiryRefused as refused:
            messages.error(request, sentence(refused.code))
        else:
            words = {"name": found.name}
            messages.success(request, _("Your answer is on its way to %(name)s.") % words)
        return redirect("inbox_enquiry", enquiry_id=enquiry_id)
    if request.method == "GET":
        services.mark_read(enquiry=found)
    context = {"enquiry": found, "form": form}
    return render(
        request,
        "enquiries/conversation.html",
        context,
        status=422 if form.is_bound else 200,
    )


@require_POST
@staff_required
def state(request: SignedInRequest, enquiry_id: uuid.UUID) -> HttpResponse:
    """Closes an enquiry, or opens it again."""
    found = received(request, enquiry_id)
    opened = request.POST.get("open") == "yes"
    services.set_state(enquiry=found, state=Enquiry.State.READ if opened else Enquiry.State.CLOSED)
    done = _("The enquiry is open again.") if opened else _("The enquiry is closed.")
    messages.success(request, done)
    return redirect("inbox_enquiry", enquiry_id=enquiry_id)
