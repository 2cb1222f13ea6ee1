"""How often one may call, send a photo, or have something written; uncounted while the cache is
away. Behind proxies, NUM_PROXIES says whose X-Forwarded-For counts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView


class Rate(SimpleRateThrottle):
    """Per user, or per address for visitors. Rates are read when asked, so that a test or a
    deployment may change them."""

    visitors_only = False
    users_only = False
    cache_format = "api-rate-%(scope)s-%(ident)s"

    def get_rate(self) -> str | None:
        rates: dict[str, str | None] = api_settings.DEFAULT_THROTTLE_RATES
        return rates[self.scope]

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        signed_in = bool(request.user and request.user.is_authenticated)
        if (self.visitors_only and signed_in) or (self.users_only and not signed_in):
            return None
        ident: Any = request.user.pk if signed_in else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}


class Visitors(Rate):
    scope = "visitors"
    visitors_only = True


class Users(Rate):
    scope = "users"
    users_only = True


class Searches(Rate):
    """Photos cost a worker's time, so they are counted apart; only what starts one counts."""

    scope = "searches"

    def allow_request(self, request: Request, view: APIView) -> bool:
        return request.method != "POST" or super().allow_request(request, view)


class Enquiries(Rate):
    scope = "enquiries"

    def allow_request(self, request: Request, view: APIView) -> bool:
        return request.method != "POST" or super().allow_request(request, view)


class Uploads(Rate):
    """Photos sent from the site's own pages, by address: a session is counted apart, but whoever
    sends no cookies begins a new one each time."""

    scope = "uploads"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class Letters(Uploads):
    """Forms after which an e-mail goes to an address that somebody typed."""

    scope = "letters"


class Changes(Uploads):
    """What a visitor presses that leaves a row or work: a dog kept or taken out of an answer, other
    filters."""

    scope = "changes"


def too_often(request: HttpRequest) -> HttpResponse:
    response = render(request, "429.html", status=429)
    response["Retry-After"] = "60"
    return response


def limited(rate: type[Uploads]) -> Callable[..., Any]:
    """Decorates a page: what is posted to it more often than this is refused with 429."""

    def decorated(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def limit(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST" and not rate().allow_request(request, None):
                return too_often(request)
            return view(request, *args, **kwargs)

        return limit

    return decorated
