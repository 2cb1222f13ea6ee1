"""An adopter's side of an enquiry: asking about a dog, reading the answer, asking on.

Without an account, the signed link that every e-mail carries opens the conversation.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import SignedInRequest, required
from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.enquiries import services
from portal.enquiries.forms import AskForm, MessageForm
from portal.enquiries.models import Enquiry
from portal.jobs.messages import sentence
from portal.matching import presentation
from portal.matching.links import button, page
from portal.throttles import Letters, limited

PAGE_SIZE = 30


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@limited(Letters)
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """The form to a dog's shelter. A visitor's question leaves once its address is proved."""
    dogs = presentation.for_cards(Dog.objects.exclude(status=Dog.Status.DRAFT))
    dog = get_object_or_404(dogs, slug=slug)
    if dog.status not in services.CAN_BE_ASKED_ABOUT:
        return render(request, "pages/dog_gone.html", {"dog": dog}, status=410)
    user = request.user if isinstance(request.user, User) else None
    if request.method != "POST":
        known = {"name": user.display_name, "email": user.email} if user else {}
        form = AskForm(initial={"submission": uuid.uuid4(), **known})
        return show_form(request, dog, form)
    form = AskForm(request.POST)
    if not form.is_valid():
        return show_form(request, dog, form)
    address = reverse("dog", args=[dog.slug])
    if form.by_a_program:
        return redirect(address)
    asked = form.cleaned_data
    try:
        enquiry = services.send_enquiry(
            dog=dog,
            user=user,
            name=asked["name"],
            email=asked["email"],
            language=get_language() or "en",
            text=asked["text"],
            submission=asked["submission"],
            match_id=request.POST.get("match", ""),
        )
    except services.EnquiryRefused as refused:
        form.add_error(None, str(sentence(refused.code)))
        return show_form(request, dog, form)
    if enquiry.confirmed_at is None:
        messages.success(
            request, _("Almost there: please open the link in the e-mail that we just sent you.")
        )
        return redirect(address)
    messages.success(request, _("Your question is sent"))
    return redirect("enquiry", enquiry_id=enquiry.pk)


def show_form(request: HttpRequest, dog: Dog, form: AskForm) -> HttpResponse:
    match = (request.POST if form.is_bound else request.GET).get("match", "")
    context = {"form": form, "card": presentation.dog_cards([dog])[0], "match": match}
    return render(request, "enquiries/ask.html", context, status=422 if form.is_bound else 200)


@never_cache
@require_safe
@required(lambda user: user.is_authenticated)
def enquiries(request: SignedInRequest) -> HttpResponse:
    """A user's own, newest first."""
    own = Enquiry.objects.filter(user=request.user).for_rows()
    listed = Paginator(own, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "enquiries/enquiries.html", {"page": listed})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enquiry(request: HttpRequest, enquiry_id: uuid.UUID) -> HttpResponse:
    """The conversation, and another word from its adopter."""
    found = own_enquiry(request, enquiry_id)
    form = MessageForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            services.add_message(
                enquiry=found,
                by=request.user if isinstance(request.user, User) else None,
                text=form.cleaned_data["text"],
                from_shelter=False,
            )
        except services.EnquiryRefused as refused:
            messages.error(request, sentence(refused.code))
        else:
            messages.success(request, _("Your message is sent."))
        return redirect(address_of(request, found))
    context: dict[str, Any] = {"enquiry": found, "form": form, "token": request.GET.get("token")}
    return render(request, "enquiries/enquiry.html", context, status=422 if form.is_bound else 200)


@require_POST
def close(request: HttpRequest, enquiry_id: uuid.UUID) -> HttpResponse:
    """The adopter needs no answer any more."""
    found = own_enquiry(request, enquiry_id)
    services.set_state(enquiry=found, state=Enquiry.State.CLOSED)
    messages.success(request, _("The enquiry is closed."))
    return redirect(address_of(request, found))


def own_enquiry(request: HttpRequest, enquiry_id: uuid.UUID) -> Enquiry:
    """The enquiry of this user, or of whoever has the link from its e-mails; else 404."""
    found = Enquiry.objects.select_related("dog__shelter", "shelter").prefetch_related("messages")
    one = get_object_or_404(found, pk=enquiry_id)
    mine = isinstance(request.user, User) and one.user_id == request.user.pk
    if not mine and not services.opens(request.GET.get("token", ""), one):
        raise Http404
    return one


def address_of(request: HttpRequest, found: Enquiry) -> str:
    address, token = reverse("enquiry", args=[found.pk]), request.GET.get("token")
    return f"{address}?{urlencode({'token': token})}" if token else address


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """The page that the link in an enquiry's first e-mail leads to."""
    if request.method != "POST":
        return button(
            request,
            _("Send your question?"),
            _("The shelter gets your question and answers to your e-mail address."),
            _("Send my question"),
        )
    try:
        services.confirm_enquiry(token=request.GET.get("token", ""))
    except services.EnquiryRefused as refused:
        return page(request, _("This didn't work"), str(sentence(refused.code)), "info", 410)
    return page(
        request,
        _("Your question is sent"),
        _("The shelter answers to your e-mail address."),
        "check",
    )
