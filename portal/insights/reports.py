"""Admin pages that look back: charts of what people did, and the log of what models answered."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from portal.accounts.access import SignedInRequest, admin_required
from portal.dogs.imports import Line, to_cell
from portal.dogs.models import Breed
from portal.insights import activity
from portal.insights.charts import activity_charts
from portal.insights.models import Prediction
from portal.insights.spans import LAST_DAY, SPANS
from portal.matching.models import Query
from portal.matching.queries import active_version

ANSWERS_A_PAGE = 50
# Rows of a downloaded table: what a spreadsheet still opens.
ROWS = 100_000
COLUMNS = (
    "at", "purpose", "outcome", "model", "build", "breed", "dog", "score", "band", "milliseconds",
)  # fmt: skip


@admin_required
@require_GET
def charts(request: SignedInRequest) -> HttpResponse:
    """`span` is one of SPANS, the last day where it is none of them."""
    span = SPANS.get(request.GET.get("span", ""), LAST_DAY)
    seen = activity.activity(span)
    breeds, without_breed, adoptable = activity.breeds_listed()
    version = active_version()
    return render(
        request,
        "manage/charts.html",
        {
            "span": span,
            "spans": SPANS.values(),
            "activity": seen,
            "charts": activity_charts(seen.columns, span),
            "columns": [(span.clock(column.start), column) for column in seen.columns],
            "ranks": activity.clicks_by_rank(span),
            "served": activity.versions_served(),
            "breeds": breeds,
            "without_breed": without_breed,
            "adoptable": adoptable,
            "told": activity.breeds_told(version),
            "postures": activity.postures_seen(version),
        },
    )


def narrowed(request: SignedInRequest) -> tuple[QuerySet[Prediction], str, str]:
    """The answers asked for, and by which purpose and outcome."""
    purpose, outcome = request.GET.get("purpose", ""), request.GET.get("outcome", "")
    found = Prediction.objects.select_related("version", "dog")
    if purpose in Query.Purpose.values:
        found = found.filter(purpose=purpose)
    if outcome:
        found = found.filter(outcome=outcome[:40])
    return found, purpose, outcome


@admin_required
@require_GET
def predictions(request: SignedInRequest) -> HttpResponse:
    """What the models answered, newest first; `purpose` and `outcome` narrow it."""
    found, purpose, outcome = narrowed(request)
    page = Paginator(found, ANSWERS_A_PAGE).get_page(request.GET.get("page"))
    breeds = Breed.objects.filter(slug__in={row.breed for row in page})
    names = {breed.slug: str(breed) for breed in breeds}
    outcomes = Prediction.objects.order_by("outcome").values_list("outcome", flat=True).distinct()
    return render(
        request,
        "manage/predictions.html",
        {
            "page": page,
            "rows": [(row, names.get(row.breed, row.breed)) for row in page],
            "purpose": purpose,
            "outcome": outcome,
            "purposes": [("", _("all")), *Query.Purpose.choices],
            "outcomes": list(outcomes),
        },
    )


@admin_required
@require_GET
def predictions_table(request: SignedInRequest) -> StreamingHttpResponse:
    """The same as a table for a spreadsheet, at most ROWS of them."""
    found, _purpose, _outcome = narrowed(request)
    response = StreamingHttpResponse(lines(found[:ROWS]), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="pawkin-answers.csv"'
    return response


def lines(found: QuerySet[Prediction]) -> Iterator[str]:
    writer = csv.writer(Line())
    yield "\ufeff" + str(writer.writerow(COLUMNS))
    for row in found.iterator(chunk_size=2000):
        values = (
            row.at.isoformat(timespec="seconds"),
            row.purpose,
            row.outcome,
            row.version.name if row.version else "",
            row.version.build if row.version else "",
            row.breed,
            row.dog.slug if row.dog else "",
            "" if row.score is None else row.score,
            row.band,
            row.milliseconds,
        )
        yield str(writer.writerow([to_cell(str(value)) for value in values]))
