"""What a new dog's first photo says to the staff who list it: likely breeds, and dogs that are
listed already and look much the same. A hint; the search behind it is deleted with its answer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ml.errors import ImageRejected
from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs.models import Breed
from portal.jobs.messages import sentence
from portal.matching import progress, services
from portal.matching.filters import Filters
from portal.matching.models import Match, Query

BREEDS = 3
TWINS = 2
# Least probability of a breed that is named.
LIKELY = 0.1


@dataclass(frozen=True)
class BreedHint:
    name: str
    percent: int


@require_POST
@staff_required
def photo_hints(request: SignedInRequest) -> HttpResponse:
    """Has the photo looked at; the answer asks again by itself until that is done."""
    if not request.session.session_key:
        request.session.create()
    try:
        query = services.start_query(
            file=request.FILES.get("photo") or ContentFile(b"", name=""),
            owner=request.user,
            owner_key=request.session.session_key or "",
            filters=Filters(),
            purpose=Query.Purpose.PREDICT,
            lost=True,
        )
    except ImageRejected as error:
        return show(request, problem=sentence(error.code))
    return show(request, query=query)


@never_cache
@require_safe
@staff_required
def photo_hint(request: SignedInRequest, query_id: uuid.UUID) -> HttpResponse:
    query = get_object_or_404(Query.objects.owned_by(request), pk=query_id)
    state = progress.of_query(query, Filters())
    if state.is_open:
        return show(request, query=query)
    if state.error_code:
        services.delete_query(query=query)
        return show(request, problem=sentence(state.error_code))
    matches = Match.objects.filter(ranking=state.ranking, band="strong").shown()
    mine = {row.shelter_id for row in request.user.memberships.all()}
    found = matches.select_related("dog__shelter", "photo")[:TWINS]
    twins = [(match, match.dog.shelter_id in mine) for match in found]
    breeds = hints_of(query)
    services.delete_query(query=query)
    return show(request, breeds=breeds, twins=twins, done=True)


def hints_of(query: Query) -> list[BreedHint]:
    likely = [(slug, chance) for slug, chance in query.breeds or [] if chance >= LIKELY][:BREEDS]
    rows = {row.slug: row for row in Breed.objects.filter(slug__in=[slug for slug, _ in likely])}
    return [BreedHint(str(rows[slug]), round(100 * c)) for slug, c in likely if slug in rows]


def show(request: SignedInRequest, **context: object) -> HttpResponse:
    return render(request, "staff/photo_hints.html", context)
