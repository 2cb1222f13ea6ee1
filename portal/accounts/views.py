"""A user's own page; logging in and all around it is allauth's, in our look."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts.access import SignedInRequest, required
from portal.accounts.forms import AccountForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@required(lambda user: user.is_authenticated)
def account(request: SignedInRequest) -> HttpResponse:
    """Name and language, and links to all else that is one's own."""
    form = AccountForm(request.POST if request.method == "POST" else None, instance=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account")
    status = 422 if form.is_bound else 200
    return render(request, "accounts/account.html", {"form": form}, status=status)
