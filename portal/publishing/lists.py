"""Listings for other sites: an embedded list, RSS and Atom, the sitemap, a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.syndication.views import Feed
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.feedgenerator import (
    Atom1Feed,
    Enclosure,
    Rss201rev2Feed,
    SyndicationFeed,
)
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import conditional_page, require_safe

from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs.imports import COLUMNS, Line, to_cell
from portal.dogs.models import Dog
from portal.dogs.words import facts_line
from portal.matching import presentation
from portal.matching.filters import Filters
from portal.media import photo_address
from portal.shelters.models import Shelter

MOST_EMBEDDED, EMBEDDED = 48, 12
NEWEST = 50
SITEMAP_PAGE = 5000
MAX_AGE = 60
LOADER = Path(settings.BASE_DIR) / "static" / "embed" / "embed.js"
# Characters that XML 1.0 (2.2) has no way to write; one in a description would end a whole feed.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@require_safe
@conditional_page
@xframe_options_exempt
@csp_replace({"frame-ancestors": "*"})
def embedded(request: HttpRequest) -> HttpResponse:
    """A list of dogs for a frame on another site: no cookie, no script of ours but the one that
    tells the frame's height."""
    filters = Filters.from_params(request.GET)
    language = request.GET.get("lang", "")
    if language not in dict(settings.LANGUAGES):
        language = settings.LANGUAGE_CODE
    limit = request.GET.get("limit", "")
    count = min(MOST_EMBEDDED, max(1, int(limit))) if limit.isdecimal() else EMBEDDED
    dogs = filters.apply(Dog.objects.searchable()).order_by("-listed_at", "-pk")
    with override(language):
        context = {
            "cards": presentation.dog_cards(presentation.for_cards(dogs)[:count], filters),
            "language": language,
            "more": with_params(reverse("browse"), filters),
        }
        response = render(request, "publishing/embedded.html", context)
    patch_cache_control(response, public=True, max_age=MAX_AGE)
    # The page's language is its address's, not its reader's, as the middleware would say.
    response["Content-Language"] = language
    return response


def with_params(path: str, filters: Filters) -> str:
    params = filters.params()
    return f"{path}?{params}" if params else path


@cache
def loader() -> bytes:
    return LOADER.read_bytes()


@require_safe
@conditional_page
def embed_script(request: HttpRequest) -> HttpResponse:
    """The script that puts the frame where its tag stands; at an address that stays."""
    response = HttpResponse(loader(), content_type="text/javascript; charset=utf-8")
    patch_cache_control(response, public=True, max_age=3600)
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


class NewDogs(Feed):
    """RSS 2.0 (RSS Advisory Board) and Atom (RFC 4287) of the dogs listed last."""

    feed_type: type[SyndicationFeed] = Rss201rev2Feed
    route = "dogs_rss"
    author_name = "Pawkin"

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Filters:
        return Filters.from_params(request.GET)

    def title(self, filters: Filters) -> str:
        names = Shelter.objects.filter(slug__in=filters.shelter).values_list("name", flat=True)
        return readable(", ".join(names)) or "Pawkin"

    def description(self, filters: Filters) -> str:
        return _("Dogs that can be adopted today")

    def subtitle(self, filters: Filters) -> str:
        return self.description(filters)

    def link(self, filters: Filters) -> str:
        return with_params(reverse("browse"), filters)

    def feed_url(self, filters: Filters) -> str:
        return with_params(reverse(self.route), filters)

    def feed_guid(self, filters: Filters) -> str:
        return f"{settings.SITE_URL}{self.link(filters)}"

    def items(self, filters: Filters) -> list[Dog]:
        dogs = filters.apply(Dog.objects.searchable()).order_by("-listed_at", "-pk")
        return list(presentation.for_cards(dogs)[:NEWEST])

    def item_title(self, dog: Dog) -> str:
        return readable(dog.name)

    def item_author_name(self, dog: Dog) -> str:
        return readable(dog.shelter.name)

    def item_description(self, dog: Dog) -> str:
        parts = (facts_line(dog), dog.shelter.name, dog.description)
        return readable("\n".join(part for part in parts if part))

    def item_link(self, dog: Dog) -> str:
        return reverse("dog", args=[dog.slug])

    def item_guid(self, dog: Dog) -> str:
        return f"{settings.SITE_URL}{self.item_link(dog)}"

    item_guid_is_permalink = True

    def item_pubdate(self, dog: Dog) -> Any:
        return dog.listed_at

    def item_updateddate(self, dog: Dog) -> Any:
        return dog.updated_at

    def item_enclosures(self, dog: Dog) -> list[Enclosure]:
        photo = presentation.first_photo(dog)
        if photo is None:
            return []
        address = urljoin(settings.SITE_URL, photo_address(photo, "full"))
        try:
            size = photo.image.size
        except OSError:
            # Taken back this moment; 0 stands for a size that is not known.
            size = 0
        return [Enclosure(address, str(size), "image/jpeg")]


class NewDogsAtom(NewDogs):
    feed_type = Atom1Feed
    route = "dogs_atom"


def served(feed: NewDogs) -> Callable[..., HttpResponse]:
    """A feed as a view that answers 304 to readers who have it (by ETag, else by date)."""

    @require_safe
    @conditional_page
    def view(request: HttpRequest) -> HttpResponse:
        response = feed(request)
        patch_cache_control(response, public=True, max_age=MAX_AGE)
        return response

    return view


def readable(text: str) -> str:
    return NOT_IN_XML.sub(" ", text)


class Dogs(Sitemap):
    """Dogs that can be adopted (sitemaps.org 0.9)."""

    changefreq = "daily"
    limit = SITEMAP_PAGE

    def items(self) -> Any:
        return Dog.objects.searchable().only("slug", "updated_at").order_by("pk")

    def lastmod(self, dog: Dog) -> Any:
        return dog.updated_at

    def get_latest_lastmod(self) -> Any:
        # Django's own reads every row.
        return self.items().aggregate(latest=Max("updated_at"))["latest"]

    def location(self, dog: Dog) -> str:
        return reverse("dog", args=[dog.slug])


class Pages(Sitemap):
    def items(self) -> list[str]:
        return ["home", "browse"]

    def location(self, name: str) -> str:
        return reverse(name)


SITEMAPS = {"dogs": Dogs, "pages": Pages}
# One sitemap may hold 50,000 addresses; the index names as many as there are.
SITEMAP = {"sitemaps": SITEMAPS, "sitemap_url_name": "sitemap_section"}


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """RFC 9309: searches, staff and admin pages are nobody's to index."""
    private = ("/search/", "/staff/", "/manage/", "/admin/", "/api/", "/saved-searches/")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in private)]
    lines.append(f"Sitemap: {settings.SITE_URL}{reverse('sitemap')}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
@staff_required
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """All dogs of the reader's shelters as the table that `load_dogs` and feeds read."""
    dogs = Dog.objects.editable_by(request.user).select_related("shelter", "bonded_with")
    dogs = dogs.prefetch_related("breeds", "temperament").order_by("pk")
    response = StreamingHttpResponse(table(dogs), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="dogs.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def table(dogs: Any) -> Iterator[str]:
    columns = ["dog", *sorted(COLUMNS - {"dog"})]
    writer = csv.DictWriter(Line(), columns, extrasaction="raise")
    # Spreadsheets take UTF-8 for what it is by this mark.
    yield "\ufeff" + str(writer.writeheader())
    for dog in dogs.iterator(chunk_size=500):
        yield str(writer.writerow({name: to_cell(value) for name, value in row(dog).items()}))


def row(dog: Dog) -> dict[str, str]:
    values = {value.trait: value.answer or str(value.level) for value in dog.temperament.all()}
    formats = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}

    def yes_no(value: bool | None) -> str:
        return "" if value is None else "yes" if value else "no"

    return {
        "dog": dog.slug,
        "name": dog.name,
        "shelter": dog.shelter.name,
        "sex": "" if dog.sex == Dog.Sex.UNKNOWN else dog.sex,
        "birth_date": (
            dog.birth_date.strftime(formats[dog.birth_precision]) if dog.birth_date else ""
        ),
        "birth_precision": dog.birth_precision if dog.birth_date else "",
        "weight_kg": "" if dog.weight_kg is None else f"{dog.weight_kg.normalize():f}",
        "breeds": "|".join(breed.name_en for breed in dog.breeds.all()),
        "colours": "|".join(dog.colours),
        "tags": "|".join(dog.tags),
        "mixed": yes_no(dog.mixed),
        "neutered": yes_no(dog.neutered),
        "status": dog.status,
        "bonded_with": dog.bonded_with.slug if dog.bonded_with else "",
        "description": dog.description,
        "health": dog.health,
        **values,
    }
