"""Admin pages for what needs a person: photos of a shelter, dogs listed twice, how long things are
kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Min, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.access import SignedInRequest, admin_required
from portal.dogs.models import Photo
from portal.insights.models import Prediction
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.consent import DESCRIPTION
from portal.matching.models import DuplicateHint, Query, SavedSearch
from portal.matching.queries import active_version, missing_photos, retention
from portal.shelters.models import Shelter

SHELTERS_A_PAGE = 50
HINTS_A_PAGE = 20
COUNTED = ("dogs", "photos", "waiting", "failed", "no_dog")


@dataclass(frozen=True)
class ShelterRow:
    """`lacking` photos would be tried again: failed, without a dog, or not described yet."""

    shelter: Shelter
    dogs: int
    photos: int
    waiting: int
    failed: int
    no_dog: int
    missing: int

    @property
    def lacking(self) -> int:
        return self.failed + self.no_dog + self.missing


@admin_required
@require_GET
def shelters(request: SignedInRequest) -> HttpResponse:
    """Shelters by name, and what their photos lack."""
    page = Paginator(Shelter.objects.order_by("name", "pk"), SHELTERS_A_PAGE).get_page(
        request.GET.get("page")
    )
    mine = Photo.objects.filter(dog__shelter__in=[shelter.pk for shelter in page])
    counted: dict[int, Any] = {
        row["dog__shelter"]: row
        for row in mine.order_by()
        .values("dog__shelter")
        .annotate(
            dogs=Count("dog", distinct=True),
            photos=Count("pk"),
            waiting=Count("pk", filter=Q(state=Photo.State.WAITING)),
            failed=Count("pk", filter=Q(state=Photo.State.FAILED)),
            no_dog=Count("pk", filter=Q(state=Photo.State.NO_DOG)),
        )
    }
    missing: dict[int, int] = {}
    if version := active_version():
        lacking = missing_photos(version).filter(
            state=Photo.State.SEARCHABLE, pk__in=mine.values("pk")
        )
        missing = dict(
            lacking.order_by().values_list("dog__shelter").annotate(Count("pk", distinct=True))
        )
    rows = []
    for shelter in page:
        row = counted.get(shelter.pk)
        numbers = {name: row[name] if row else 0 for name in COUNTED}
        rows.append(ShelterRow(shelter=shelter, missing=missing.get(shelter.pk, 0), **numbers))
    # While photos wait, the table follows them by itself.
    waiting = any(row.waiting for row in rows)
    return render(request, "manage/shelters.html", {"page": page, "rows": rows, "waiting": waiting})


@admin_required
@require_POST
def shelter_retry(request: SignedInRequest, shelter_id: int) -> HttpResponse:
    shelter = get_object_or_404(Shelter, pk=shelter_id)
    count = services.retry_shelter(shelter=shelter)
    if count:
        words = ngettext(
            "%(n)d photo of %(shelter)s waits for a worker.",
            "%(n)d photos of %(shelter)s wait for a worker.",
            count,
        )
        messages.success(request, words % {"n": count, "shelter": shelter.name})
    else:
        messages.info(request, _("No photo of this shelter is to be tried again."))
    return redirect("manage:shelters")


@admin_required
@require_GET
def duplicates(request: SignedInRequest) -> HttpResponse:
    """Pairs of dogs that nobody has decided on and that are both still listed, most alike first."""
    public = ("available", "on_hold", "draft")
    hints = DuplicateHint.objects.filter(
        state=DuplicateHint.State.OPEN, dog__status__in=public, other__status__in=public
    ).select_related("dog__shelter", "other__shelter", "photo", "other_photo")
    page = Paginator(hints, HINTS_A_PAGE).get_page(request.GET.get("page"))
    looks = Job.objects.for_subject(Job.Kind.FIND_DUPLICATES, "listed")
    return render(
        request,
        "manage/duplicates.html",
        {
            "page": page,
            "rows": [
                (hint, [(hint.dog, hint.photo), (hint.other, hint.other_photo)]) for hint in page
            ],
            "look": looks.first(),
        },
    )


@admin_required
@require_POST
def duplicates_look(request: SignedInRequest) -> HttpResponse:
    services.start_looking()
    messages.success(request, _("A worker compares all listed dogs now. Come back in a minute."))
    return redirect("manage:duplicates")


@admin_required
@require_POST
def duplicate_decide(request: SignedInRequest, hint_id: int) -> HttpResponse:
    """`keep` is the primary key of the listing that stays, or `both`."""
    found = DuplicateHint.objects.select_related("dog", "other")
    hint = get_object_or_404(found, pk=hint_id)
    answer = request.POST.get("keep", "")
    kept = next((dog for dog in (hint.dog, hint.other) if str(dog.pk) == answer), None)
    if kept is None and answer != "both":
        messages.error(request, _("Choose which of the two stays."))
    elif not services.decide_hint(hint=hint, keep=kept, by=request.user):
        messages.info(request, _("This pair was decided before."))
    elif kept is None:
        messages.success(request, _("Noted: two dogs. The pair is not shown again."))
    else:
        messages.success(
            request, _("%(name)s stays; the other listing is withdrawn.") % {"name": kept.name}
        )
    return redirect("manage:duplicates")


class RetentionForm(forms.Form):
    """Times up to what the installation promises at most."""

    query_hours = forms.IntegerField(label=gettext_lazy("Adopters' photos, in hours"))
    saved_search_days = forms.IntegerField(label=gettext_lazy("Saved searches, in days"))
    predictions_days = forms.IntegerField(label=gettext_lazy("The log of answers, in days"))

    def __init__(self, request: SignedInRequest) -> None:
        now = retention()
        super().__init__(
            request.POST if request.method == "POST" else None,
            initial={name: getattr(now, name) for name in self.base_fields},
        )
        longest = {
            "query_hours": settings.QUERY_LIFETIME_HOURS,
            "saved_search_days": settings.SAVED_SEARCH_DAYS,
            "predictions_days": settings.PREDICTIONS_KEPT_DAYS,
        }
        for name, most in longest.items():
            field = self.fields[name]
            field.widget.attrs |= {"min": 1, "max": most, "inputmode": "numeric"}
            field.help_text = _("1 to %(most)d") % {"most": most}
            field.error_messages["required"] = _("Say how long, from 1 to %(most)d.") % {
                "most": most
            }

    def clean(self) -> dict[str, int]:
        for name, field in self.fields.items():
            value, most = self.cleaned_data.get(name), field.widget.attrs["max"]
            if value is not None and not 1 <= value <= most:
                less = _("This can be from 1 to %(most)d. Choose less.")
                more = _("This can be from 1 to %(most)d. Choose more.")
                self.add_error(name, (less if value > most else more) % {"most": most})
        return self.cleaned_data


@dataclass(frozen=True)
class Kept:
    """What is there of one kind: how many, since when, and how many should be gone already."""

    label: str
    count: int
    oldest: datetime | None
    overdue: int


def what_is_kept() -> list[Kept]:
    now = timezone.now()
    late = Count("pk", filter=Q(expires_at__lt=now))

    queries = Query.objects.aggregate(n=Count("pk"), oldest=Min("created_at"), late=late)
    searches = SavedSearch.objects.aggregate(n=Count("pk"), oldest=Min("created_at"), late=late)
    log = Prediction.objects.aggregate(n=Count("pk"), oldest=Min("at"))
    return [
        Kept(_("Adopters' photos"), queries["n"], queries["oldest"], queries["late"]),
        Kept(_("Saved searches"), searches["n"], searches["oldest"], searches["late"]),
        Kept(_("Answers in the log"), log["n"], log["oldest"], 0),
    ]


@admin_required
@require_http_methods(["GET", "HEAD", "POST"])
def retention_page(request: SignedInRequest) -> HttpResponse:
    form = RetentionForm(request)
    if request.method == "POST" and form.is_valid():
        services.set_retention(by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved. It holds from now on, for what is there too."))
        return redirect("manage:retention")
    consents = (
        SavedSearch.objects.exclude(consent="")
        .order_by("-consent")
        .values_list("consent")
        .annotate(Count("pk"), Min("consented_at"))
    )
    return render(
        request,
        "manage/retention.html",
        {
            "form": form,
            "chosen": retention(),
            "kept": what_is_kept(),
            "consents": consents,
            "consent_now": DESCRIPTION.version,
        },
        status=422 if form.errors else 200,
    )
