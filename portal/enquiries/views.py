"""The page that the link in an enquiry's e-mail leads to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.enquiries import services
from portal.jobs.messages import sentence
from portal.matching.links import button, page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
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
