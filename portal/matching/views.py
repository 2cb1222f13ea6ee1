"""The adopter's pages."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.base import ContentFile, File
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url
from django_htmx.middleware import HtmxDetails

from ml.errors import ImageRejected
from portal.dogs.models import Colour, Dog, Photo
from portal.jobs.messages import SENTENCES, sentence
from portal.matching import presentation, progress, services
from portal.matching.choices import Choices
from portal.matching.filters import Filters
from portal.matching.linked import linked_data
from portal.matching.models import Match, Query
from portal.matching.overlays import photo_overlays, query_overlay
from portal.matching.photos import can_be_shown
from portal.matching.progress import Progress

NEWEST = 12
PAGE_SIZE = 24
SEARCHES_A_MINUTE = 20
EXAMPLES = Path(settings.BASE_DIR) / "static" / "examples"


class Request(HttpRequest):
    """A request that has passed django-htmx's middleware."""

    htmx: HtmxDetails


@cache
def example_names() -> list[str]:
    return sorted(path.stem for path in EXAMPLES.glob("*.jpg"))


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    newest = presentation.for_cards(Dog.objects.searchable().order_by("-listed_at", "-pk"))
    code = request.GET.get("problem", "")
    context = {
        "cards": presentation.dog_cards(newest[:NEWEST]),
        "examples": example_names(),
        "problem": {"code": code, "sentence": sentence(code)} if code in SENTENCES else None,
    }
    return render(request, "pages/home.html", context)


@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Starts a search and leads to its page; a refused file leads back with its reason."""
    if not request.session.session_key:
        request.session.create()
    owner_key = request.session.session_key or ""
    lately = timezone.now() - timedelta(minutes=1)
    recent = Query.objects.filter(owner_key=owner_key, created_at__gte=lately)
    if recent.count() >= SEARCHES_A_MINUTE:
        response = render(request, "429.html", status=429)
        response["Retry-After"] = "60"
        return response
    try:
        query = services.start_query(
            file=chosen_file(request),
            owner=request.user if request.user.is_authenticated else None,
            owner_key=owner_key,
            filters=Filters.from_params(request.POST),
        )
    except ImageRejected as error:
        return redirect(f"{reverse('home')}?problem={error.code}#find")
    return redirect("query", query_id=query.pk)


def chosen_file(request: HttpRequest) -> File:
    """The uploaded photo, or the example that was clicked; empty when there is neither."""
    example = request.POST.get("example")
    if example in example_names():
        return ContentFile((EXAMPLES / f"{example}.jpg").read_bytes(), name=f"{example}.jpg")
    return request.FILES.get("photo") or ContentFile(b"", name="")


@never_cache
@require_safe
def query(request: Request, query_id: uuid.UUID) -> HttpResponse:
    """The search's one page: its steps while it works, then its answer under these filters."""
    found = get_object_or_404(Query.objects.owned_by(request), pk=query_id)
    filters = Filters.from_params(request.GET)
    state = progress.of_query(found, filters)
    shown = can_be_shown(found)
    context = {
        "query": found,
        "overlay": query_overlay(found),
        "photo_shown": shown,
        "photo_arrived": shown and request.GET.get("photo") == "waiting",
        "more_polling": "" if shown else "photo=waiting",
    }
    return answer(request, "pages/query.html", reverse("query", args=[query_id]), state, context)


@require_POST
def query_delete(request: HttpRequest, query_id: uuid.UUID) -> HttpResponse:
    services.delete_query(query=get_object_or_404(Query.objects.owned_by(request), pk=query_id))
    messages.success(request, _("Your photo is deleted, with everything we computed from it."))
    return redirect("home")


@never_cache
@require_safe
def compare(request: HttpRequest, query_id: uuid.UUID, dog_id: int) -> HttpResponse:
    """An adopter's photo and a dog's most similar one beside each other."""
    found = get_object_or_404(Query.objects.owned_by(request), pk=query_id)
    dogs = presentation.for_cards(Dog.objects.adoptable())
    dog = get_object_or_404(dogs, pk=dog_id)
    filters = Filters.from_params(request.GET)
    matches = Match.objects.filter(ranking__query=found, dog=dog).select_related("photo")
    match = matches.filter(ranking__filters_key=filters.key()).first() or matches.first()
    photo = match.photo if match else presentation.first_photo(dog)
    overlays = photo_overlays([photo] if photo else [])
    sides = [
        {
            "label": _("Your photo"),
            "url": reverse("query_photo", args=[found.pk]) if can_be_shown(found) else "",
            "overlay": query_overlay(found),
        },
        {
            "label": dog.name,
            "url": reverse("photo", args=[photo.name, "full"]) if photo else "",
            "overlay": overlays.get(photo.pk) if photo else None,
        },
    ]
    context = {
        "query": found,
        "dog": dog,
        "card": presentation.Card(dog, photo, [], match),
        "sides": sides,
        "frame": frame((found.width, found.height), (photo.width, photo.height) if photo else None),
        "filter_params": filters.params(),
    }
    return render(request, "pages/compare.html", context)


def frame(*sizes: tuple[int, int] | None) -> str:
    """The shape that wastes least around pictures of these sizes; they all get the same."""
    known = [size for size in sizes if size and all(size)]
    if known and all(width > height for width, height in known):
        return "wide"
    return "tall" if known and all(width < height for width, height in known) else "square"


@require_safe
def browse(request: Request) -> HttpResponse:
    filters = Filters.from_params(request.GET)
    choices = Choices(filters)
    dogs = filters.apply(Dog.objects.adoptable()).order_by("-listed_at", "-pk")
    page = Paginator(presentation.for_cards(dogs), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "cards": presentation.dog_cards(page.object_list, filters.traits),
        "choices": choices,
        "filter_params": filters.params(),
        "relaxations": [] if page.paginator.count else filters.relaxations(),
        "url": reverse("browse"),
    }
    parts = {"answer": "partials/browse_list.html", "results": "partials/browse_results.html"}
    return whole_or_part(request, "pages/browse.html", parts, context)


@require_safe
def dog(request: HttpRequest, slug: str) -> HttpResponse:
    dogs = presentation.for_cards(Dog.objects.visible_to(request.user))
    found = dogs.filter(slug=slug).select_related("bonded_with").first()
    if found is None:
        return gone(request, slug)
    known = [badge for badge in presentation.temperament(found) if badge.answer != "unknown"]
    unknown = [badge for badge in presentation.temperament(found) if badge.answer == "unknown"]
    photos = presentation.searchable_first(found)
    overlays = photo_overlays(photos)
    cover = reverse("photo", args=[photos[0].name, "full"]) if photos else ""
    context = {
        "dog": found,
        "pictures": [{"photo": p, "overlay": overlays.get(p.pk)} for p in photos],
        "has_overlay": bool(overlays),
        "known": known,
        "unknown": unknown,
        "breeds": list(found.breeds.all()),
        "colours": [str(Colour(c).label) for c in found.colours if c in Colour.values],
        "neutered": presentation.yes_no(found.neutered),
        "partner": partner_of(request, found),
        "linked_data": linked_data(found, cover),
        "cover": f"{settings.SITE_URL}{cover}" if cover else "",
        "site": settings.SITE_URL,
        "can_edit": Dog.objects.editable_by(request.user).filter(pk=found.pk).exists(),
    }
    return render(request, "pages/dog.html", context)


def gone(request: HttpRequest, slug: str) -> HttpResponse:
    """410 and a calm page for a dog that was listed once; 404 for what never was."""
    once_listed = [Dog.Status.ADOPTED, Dog.Status.WITHDRAWN]
    found = get_object_or_404(
        Dog.objects.select_related("shelter"), slug=slug, status__in=once_listed
    )
    return render(request, "pages/dog_gone.html", {"dog": found}, status=410)


def partner_of(request: HttpRequest, found: Dog) -> presentation.Card | None:
    if found.bonded_with_id is None:
        return None
    others = presentation.for_cards(Dog.objects.visible_to(request.user))
    cards = presentation.dog_cards(others.filter(pk=found.bonded_with_id))
    return cards[0] if cards else None


@never_cache
@require_safe
def dog_similar(request: Request, slug: str) -> HttpResponse:
    """Dogs like a listed one: a page, and a part of the dog's own page."""
    found = get_object_or_404(Dog.objects.visible_to(request.user), slug=slug)
    if not found.photos.filter(state=Photo.State.SEARCHABLE).exists():
        template = "partials/not_comparable.html" if request.htmx else "pages/similar.html"
        return render(request, template, {"dog": found, "not_comparable": True})
    state = progress.of_dog(found, Filters.from_params(request.GET))
    url = reverse("dog_similar", args=[slug])
    return answer(request, "pages/similar.html", url, state, {"dog": found})


def answer(
    request: Request, page: str, url: str, state: Progress, context: dict[str, Any]
) -> HttpResponse:
    """A page about a ranking, or the part of it that was asked for."""
    filters = Filters.from_params(request.GET)
    params = filters.params()
    more = context.pop("more_polling", "")
    polling = "&".join(part for part in (params, more) if part)
    context |= {
        "progress": state,
        "url": url,
        "poll_url": f"{url}?{polling}" if polling else url,
        "filter_params": params,
        "choices": Choices(filters),
    }
    if state.has_answer and state.ranking and not state.error_code:
        answers = presentation.answers(state.ranking.matches.all(), filters.traits)
        context |= {
            "answers": answers,
            "candidates": state.ranking.candidates,
            "relaxations": [] if answers.close else filters.relaxations(),
        }
    parts = {"results": "partials/results.html", "similar": "partials/similar.html"}
    return whole_or_part(request, page, parts, context, otherwise="partials/answer.html")


def whole_or_part(
    request: Request,
    page: str,
    parts: dict[str, str],
    context: dict[str, Any],
    *,
    otherwise: str = "",
) -> HttpResponse:
    """The page, or for htmx the part that takes the place of its target.

    The address follows when filters change, not when a page only asks how far its job is.
    """
    template = page
    if request.htmx and not request.htmx.history_restore_request:
        template = parts.get(request.htmx.target or "", otherwise or page)
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    if template != page and request.htmx.target in ("answer", "results"):
        asks_again = request.htmx.trigger == "answer"
        if not asks_again:
            params = context["filter_params"]
            push_url(response, f"{context['url']}?{params}" if params else context["url"])
    return response
