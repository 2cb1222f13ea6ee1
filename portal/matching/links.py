"""Pages that links in e-mails lead to. Mail programs open links by themselves, so a link shows a
button, and only pressing it does something."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from portal.jobs.messages import sentence
from portal.matching import services


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_search(request: HttpRequest) -> HttpResponse:
    token = request.GET.get("token", "")
    try:
        if request.method == "POST":
            services.confirm_search(token=token)
            return page(request, _("You will hear from us"), _(
                "When a dog like yours is listed, we write to you, once a day at most."
            ), "check")  # fmt: skip
        services.search_of(token)
    except services.SavedSearchRefused as refused:
        return page(request, _("This didn't work"), str(sentence(refused.code)), "info", 410)
    return button(
        request,
        _("Hear of new dogs"),
        _("We write to you when a dog like yours is listed, once a day at most."),
        _("Yes, write to me"),
    )


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest) -> HttpResponse:
    """One click of a mail program (RFC 8058) is a POST without our cookie; the token is the proof.
    What is gone already is as good as unsubscribed."""
    try:
        saved = services.search_of(request.GET.get("token", ""))
    except services.SavedSearchRefused:
        saved = None
    if request.method == "POST" or saved is None:
        if saved is not None:
            services.delete_search(saved=saved)
        return page(
            request,
            _("You won't hear of this search again"),
            _("The saved search is deleted, with all that we kept for it."),
            "check",
        )
    return button(
        request,
        _("Hear no more of this search?"),
        _("We delete the saved search, with all that we kept for it."),
        _("Delete it"),
    )


def page(
    request: HttpRequest, heading: str, words: str, symbol: str, status: int = 200
) -> HttpResponse:
    context = {"heading": heading, "words": words, "symbol": symbol}
    return render(request, "pages/link.html", context, status=status)


def button(request: HttpRequest, heading: str, words: str, label: str) -> HttpResponse:
    context = {"heading": heading, "words": words, "button": label}
    return render(request, "pages/link_button.html", context)
