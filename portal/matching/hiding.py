"""Dogs that somebody does not want to see in one answer: taken out, and brought back."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.matching import services
from portal.matching.keeping import back_to
from portal.matching.models import NotAlike, Query, Ranking
from portal.throttles import Changes, limited


@require_POST
@limited(Changes)
def hide_from_query(request: HttpRequest, query_id: uuid.UUID) -> HttpResponse:
    """Takes a dog out of the answer to one's photo, or brings it back with `hide=no`."""
    query = get_object_or_404(Query.objects.owned_by(request), pk=query_id)
    page = reverse("query", args=[query_id])
    return decide(request, query.rankings.all(), query.not_alike.all(), page)


@require_POST
@limited(Changes)
def hide_from_similar(request: HttpRequest, slug: str) -> HttpResponse:
    """The same in the answer to a listed dog."""
    dog = get_object_or_404(Dog.objects.visible_to(request.user), slug=slug)
    if not request.session.session_key:
        request.session.create()
    page = reverse("dog_similar", args=[slug])
    return decide(request, dog.rankings.all(), hidden_from_similar(request, dog), page)


def decide(
    request: HttpRequest,
    rankings: QuerySet[Ranking],
    hidden: QuerySet[NotAlike],
    page: str,
) -> HttpResponse:
    """By the form's `dog`, which has to be in one of the rankings; `hide=no` brings it back."""
    number = request.POST.get("dog", "")
    if not number.isdecimal() or len(number) > 18:
        return HttpResponseBadRequest()
    if request.POST.get("hide") == "no":
        for row in hidden.filter(dog=int(number)):
            services.show_dog(hidden=row)
        return redirect(back_to(request, page))
    holding = rankings.filter(matches__dog=int(number)).select_related("query")
    ranking = holding.order_by("-ranked_at").first()
    if ranking is None:
        raise Http404
    dog = Dog.objects.get(pk=int(number))
    owner = request.user if isinstance(request.user, User) else None
    services.hide_dog(
        dog=dog, ranking=ranking, owner=owner, owner_key=request.session.session_key or ""
    )
    if "HX-Request" in request.headers:
        back = request.headers.get("HX-Current-URL", page)
        context = {"dog": dog, "hide_url": request.path, "back": back}
        return render(request, "partials/hidden.html", context)
    return redirect(back_to(request, page))


def hidden_from_similar(request: HttpRequest, dog: Dog) -> QuerySet[NotAlike]:
    """What this user, or this browser, took out of the answer to a listed dog."""
    rows = NotAlike.objects.filter(source=dog)
    if request.user.is_authenticated:
        return rows.filter(owner=request.user)
    return rows.filter(owner=None, owner_key=request.session.session_key or "-")
