"""The adopter's pages."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import segno
from django.conf import settings
from django.contrib import messages
from django.core.files.base import ContentFile, File
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import push_url, replace_url
from django_htmx.middleware import HtmxDetails

from ml.errors import ImageRejected
from portal.dogs.models import Colour, Dog, Photo
from portal.jobs.messages import SENTENCES, sentence
from portal.matching import presentation, progress, services
from portal.matching.choices import Choices
from portal.matching.filters import Filters
from portal.matching.hiding import hidden_from_similar
from portal.matching.likeness_words import face_codes, face_parts
from portal.matching.linked import linked_data
from portal.matching.measures import compared, face_rows
from portal.matching.models import Match, Query, Ranking
from portal.matching.overlay import Overlay
from portal.matching.overlays import photo_overlays, query_overlay
from portal.matching.photos import can_be_shown
from portal.matching.progress import Progress
from portal.matching.weighed import differences, weighed
from portal.media import photo_address, query_photo_address
from portal.shelters.models import Shelter
from portal.throttles import Changes, Uploads, too_often

NEWEST = 12
MAP_WIDTH, MAP_HEIGHT = 361, 342
PAGE_SIZE = 24
SEARCHES_A_MINUTE = 20
EXAMPLES = Path(settings.BASE_DIR) / "static" / "examples"


class Request(HttpRequest):
    """A request that has passed django-htmx's middleware."""

    htmx: HtmxDetails


@cache
def example_names() -> list[str]:
    return sorted(path.stem for path in EXAMPLES.glob("*.jpg"))


# What a photo is of: a dog that somebody likes, their own face, their lost dog.
MODES = ("like", "face", "lost")


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    newest = presentation.for_cards(Dog.objects.searchable().order_by("-listed_at", "-pk"))
    code, mode = request.GET.get("problem", ""), mode_of(request.GET)
    context = {
        "cards": presentation.dog_cards(newest[:NEWEST]),
        "examples": example_names() if mode == "like" else [],
        "mode": mode,
        "site": settings.SITE_URL,
        "choices": Choices(Filters()),
        "problem": {"code": code, "sentence": sentence(code)} if code in SENTENCES else None,
    }
    return render(request, "pages/home.html", context)


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """What a phone needs to put Pawkin on its first screen (W3C Web Application Manifest)."""
    icons = [
        {"src": static("favicon.svg"), "type": "image/svg+xml", "sizes": "any"},
        {"src": static("img/icon-192.png"), "type": "image/png", "sizes": "192x192"},
        {"src": static("img/icon-512.png"), "type": "image/png", "sizes": "512x512"},
        {
            "src": static("img/icon-512.png"),
            "type": "image/png",
            "sizes": "512x512",
            "purpose": "maskable",
        },
    ]
    told = {
        "name": "Pawkin",
        "short_name": "Pawkin",
        "description": _("Show us a dog you like. We find the ones like it that need a home."),
        "lang": get_language(),
        "start_url": reverse("home"),
        "scope": "/",
        "display": "standalone",
        "background_color": "#fbf8f3",
        "theme_color": "#fbf8f3",
        "icons": icons,
        "shortcuts": [
            {"name": _("My lost dog"), "url": f"{reverse('home')}?mode=lost"},
            {"name": _("Favourites"), "url": reverse("favourites")},
        ],
    }
    return JsonResponse(told, content_type="application/manifest+json")


def mode_of(params: QueryDict) -> str:
    mode = params.get("mode", "")
    return mode if mode in MODES else MODES[0]


@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Starts a search and leads to its page; a refused file leads back with its reason."""
    if not request.session.session_key:
        request.session.create()
    owner_key = request.session.session_key or ""
    lately = timezone.now() - timedelta(minutes=1)
    recent = Query.objects.filter(owner_key=owner_key, created_at__gte=lately)
    if recent.count() >= SEARCHES_A_MINUTE or not Uploads().allow_request(request, None):
        return too_often(request)
    mode, filters = mode_of(request.POST), Filters.from_params(request.POST)
    if mode == "face" and request.POST.get("consent") != "yes":
        return redirect(f"{reverse('home')}?mode=face&problem=face_consent_needed#find")
    try:
        query = services.start_query(
            file=chosen_file(request),
            owner=request.user if request.user.is_authenticated else None,
            owner_key=owner_key,
            filters=filters,
            subject=Query.Subject.PERSON if mode == "face" else Query.Subject.DOG,
            lost=mode == "lost",
        )
    except ImageRejected as error:
        chosen = "" if mode == MODES[0] else f"mode={mode}&"
        return redirect(f"{reverse('home')}?{chosen}problem={error.code}#find")
    address, params = reverse("query", args=[query.pk]), filters.params()
    return redirect(f"{address}?{params}" if params else address)


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
    mine = Query.objects.owned_by(request).select_related("version")
    found = get_object_or_404(mine, pk=query_id)
    filters = Filters.from_params(request.GET)
    if not may_rank(request, filters, query=found):
        return too_often(request)
    state = progress.of_query(found, filters)
    shown = can_be_shown(found)
    context = {
        "query": found,
        "overlay": query_overlay(found),
        "photo_shown": shown,
        "mode": "face"
        if found.subject == Query.Subject.PERSON
        else "lost"
        if found.lost
        else "like",
        "face": face_rows(found.face) if found.face else [],
        "source": presentation.Likeness.of_query(found),
        "hide_url": reverse("hide_from_query", args=[query_id]),
        "hidden": found.not_alike.all(),
        "photo_arrived": shown and request.GET.get("photo") == "waiting",
        "more_polling": "" if shown or found.face else "photo=waiting",
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
    listed = Dog.objects.in_shelters() if found.lost else Dog.objects.adoptable()
    dogs = presentation.for_cards(listed)
    dog = get_object_or_404(dogs, pk=dog_id)
    filters = Filters.from_params(request.GET)
    matches = Match.objects.filter(ranking__query=found, dog=dog).select_related("photo")
    matches = matches.with_weights()
    match = matches.filter(ranking__filters_key=filters.key()).first() or matches.first()
    photo = match.photo if match else presentation.first_photo(dog)
    overlays = photo_overlays([photo] if photo else [])
    if found.face:
        return compare_faces(request, found, presentation.Card(dog, photo, [], match), overlays)
    both, source = compared(found, photo), presentation.Likeness.of_query(found)
    codes = source.reasons(match, dog, filters) if match else []
    sides = [
        {
            "label": _("Your photo"),
            "url": query_photo_address(found.pk) if can_be_shown(found) else "",
            "overlay": query_overlay(found),
        },
        {
            "label": dog.name,
            "url": photo_address(photo, "full") if photo else "",
            "overlay": overlays.get(photo.pk) if photo else None,
        },
    ]
    context = {
        "query": found,
        "dog": dog,
        "card": presentation.Card(dog, photo, [], match),
        "sides": sides,
        "compared": both,
        "weighed": weighed(match, source.mode),
        "reasons": presentation.reason_words(codes, presentation.REASONS_COMPARED),
        "differences": differences(both.ratios),
        "frame": frame((found.width, found.height), (photo.width, photo.height) if photo else None),
        "filter_params": filters.params(),
    }
    return render(request, "pages/compare.html", context)


def compare_faces(
    request: HttpRequest, found: Query, card: presentation.Card, overlays: dict[int, Overlay]
) -> HttpResponse:
    """A person's face, of which there are only proportions, and a dog's."""
    parts = card.match.parts or {} if card.match else {}
    photo = card.photo
    context = {
        "query": found,
        "dog": card.dog,
        "card": card,
        "url": photo_address(photo, "full") if photo else "",
        "overlay": overlays.get(photo.pk) if photo else None,
        "frame": frame((photo.width, photo.height) if photo else None),
        "parts": face_parts(parts),
        "reasons": presentation.reason_words(face_codes(parts), presentation.REASONS_COMPARED),
        "filter_params": Filters.from_params(request.GET).params(),
    }
    return render(request, "pages/compare_faces.html", context)


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
    dogs = filters.in_order(filters.apply(Dog.objects.adoptable()))
    page = Paginator(presentation.for_cards(dogs), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "cards": presentation.dog_cards(page.object_list, filters),
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
    services.count_click(match_id=request.GET.get("match", ""), dog=found)
    known = [badge for badge in presentation.temperament(found) if badge.answer != "unknown"]
    unknown = [badge for badge in presentation.temperament(found) if badge.answer == "unknown"]
    photos = presentation.searchable_first(found)
    overlays = photo_overlays(photos)
    cover = photo_address(photos[0], "full") if photos else ""
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
        "cover": urljoin(settings.SITE_URL, cover) if cover else "",
        "site": settings.SITE_URL,
        "place": place_on_map(found.shelter),
        "can_edit": Dog.objects.editable_by(request.user).filter(pk=found.pk).exists(),
    }
    return render(request, "pages/dog.html", context)


@require_safe
def sheet(request: HttpRequest, slug: str) -> HttpResponse:
    """One page to print and hang up, with a code that leads to the dog's page."""
    dogs = presentation.for_cards(Dog.objects.visible_to(request.user))
    found = get_object_or_404(dogs, slug=slug)
    known = [badge for badge in presentation.temperament(found) if badge.answer != "unknown"]
    address = f"{settings.SITE_URL}{reverse('dog', args=[found.slug])}"
    context = {
        "dog": found,
        "photo": presentation.first_photo(found),
        "known": known,
        "breeds": list(found.breeds.all()),
        "address": address,
        "code": qr_code(address),
    }
    return render(request, "pages/sheet.html", context)


def qr_code(text: str) -> SafeString:
    """An inline SVG drawing of the text as a QR code (ISO/IEC 18004), error correction M."""
    drawn = segno.make(text, error="m", micro=False)
    svg = drawn.svg_inline(border=2, omitsize=True, svgclass="qr", lineclass="qr-line")
    # Made here of modules only; the text itself does not stand in it.
    return mark_safe(svg)  # noqa: S308  # nosec B308 B703


def gone(request: HttpRequest, slug: str) -> HttpResponse:
    """410 and a calm page for a dog that was listed once; 404 for what never was."""
    once_listed = [Dog.Status.ADOPTED, Dog.Status.WITHDRAWN]
    found = get_object_or_404(
        Dog.objects.select_related("shelter"), slug=slug, status__in=once_listed
    )
    return render(request, "pages/dog_gone.html", {"dog": found}, status=410)


def place_on_map(shelter: Shelter) -> tuple[float, float] | None:
    """Where the shelter lies on static/img/korea.svg; None where that is unknown or elsewhere."""
    if shelter.point is None:
        return None
    x, y = shelter.point.on_map
    return (x, y) if 0 < x < MAP_WIDTH and 0 < y < MAP_HEIGHT else None


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
    filters = Filters.from_params(request.GET)
    if not may_rank(request, filters, dog=found):
        return too_often(request)
    state = progress.of_dog(found, filters)
    url = reverse("dog_similar", args=[slug])
    context = {
        "dog": found,
        "source": presentation.Likeness.of_dog(found),
        "hide_url": reverse("hide_from_similar", args=[slug]),
        "hidden": hidden_from_similar(request, found),
    }
    return answer(request, "pages/similar.html", url, state, context)


def may_rank(request: HttpRequest, filters: Filters, **source: Dog | Query) -> bool:
    """Whether the answer under these filters is there, or this address may have one more made: each
    is a row and takes a worker's time, and filters can be made up without end."""
    if not filters.params():
        return True
    there = Ranking.objects.filter(filters_key=filters.key(), **source)
    return there.exists() or Changes().allow_request(request, None)


def answer(
    request: Request, page: str, url: str, state: Progress, context: dict[str, Any]
) -> HttpResponse:
    """A page about a ranking, or the part of it that was asked for."""
    filters = Filters.from_params(request.GET)
    params = filters.params()
    more, source = context.pop("more_polling", ""), context.pop("source")
    hidden = context.pop("hidden")
    polling = "&".join(part for part in (params, more) if part)
    context |= {
        "progress": state,
        "url": url,
        "poll_url": f"{url}?{polling}" if polling else url,
        "filter_params": params,
        "choices": Choices(filters),
    }
    part = part_of(request)
    if state.has_answer and state.ranking and not state.error_code:
        matches = state.ranking.matches.all()
        answers = presentation.answers(matches, filters, source, hidden, part)
        context |= {
            "answers": answers,
            "candidates": state.ranking.candidates,
            "relaxations": [] if answers.close else filters.relaxations(),
        }
    if part == "rest":
        # Whoever comes back to this page finds as many dogs on it.
        whole = "&".join(part for part in (params, "part=all") if part)
        return replace_url(render(request, "partials/rest.html", context), f"{url}?{whole}")
    parts = {"results": "partials/results.html", "similar": "partials/similar.html"}
    return whole_or_part(request, page, parts, context, otherwise="partials/answer.html")


def part_of(request: Request) -> presentation.Part:
    """How much of an answer is asked for: the first dogs, all of them, or for a page that shows the
    first ones the others."""
    asked = request.GET.get("part")
    if asked == "rest" and request.htmx and not request.htmx.history_restore_request:
        return "rest"
    return "all" if asked in ("rest", "all") else "first"


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
