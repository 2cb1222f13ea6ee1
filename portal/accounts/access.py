"""Who may open which pages: staff of any shelter, admins; and where each starts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from portal.accounts.models import User


class SignedInRequest(HttpRequest):
    """What a guarded view gets."""

    user: User
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


def works_for_shelter(user: User | AnonymousUser) -> bool:
    """Staff of a shelter, or an admin, who may do what staff may."""
    return isinstance(user, User) and (user.is_admin or user.memberships.exists())


def is_admin(user: User | AnonymousUser) -> bool:
    return isinstance(user, User) and user.is_admin


def required(test: Callable[[User | AnonymousUser], bool]) -> Callable[[View], View]:
    """A visitor is asked to log in; someone logged in without the role is refused (403).

    A script of a page gets 401 instead of the log-in page, which it would show inside its own.
    """

    def decorator(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if "HX-Request" in request.headers:
                    return HttpResponse(status=401)
                return redirect_to_login(request.get_full_path())
            if not test(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorator


staff_required = required(works_for_shelter)
admin_required = required(is_admin)


def start_page(user: User) -> str:
    """The address of the page a user's work begins at."""
    if user.is_admin:
        return reverse("manage:overview")
    return reverse("staff:home") if works_for_shelter(user) else reverse("home")
