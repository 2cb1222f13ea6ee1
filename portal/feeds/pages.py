"""Staff pages: tables that are uploaded, feeds that are read, and what came of each."""

from __future__ import annotations

import csv
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs.history import label
from portal.dogs.imports import Line, to_cell
from portal.feeds import archives, services
from portal.feeds.forms import FORMS, ArchiveForm
from portal.feeds.models import Archive, Feed, FeedRun
from portal.jobs.messages import sentence
from portal.jobs.models import Job
from portal.shelters.models import Shelter

RUNS_SHOWN = 10
REJECTIONS_SHOWN = 200


def own(request: SignedInRequest) -> Any:
    return Feed.objects.managed_by(request.user).select_related("shelter")


@never_cache
@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def feeds(request: SignedInRequest) -> HttpResponse:
    """Feeds with their last runs; a table that is sent here is read first and changes nothing."""
    shelters = Shelter.objects.staffed_by(request.user)
    form = ArchiveForm(shelters=shelters)
    if request.method == "POST":
        form = ArchiveForm(request.POST, request.FILES, shelters=shelters)
        if form.is_valid():
            try:
                archive = archives.take_archive(
                    shelter=form.cleaned_data["shelter"],
                    by=request.user,
                    file=form.cleaned_data["archive"],
                    whole=form.cleaned_data["whole"],
                    language=get_language() or "en",
                )
                return redirect("staff_feeds:archive", archive_id=archive.pk)
            except archives.ArchiveRefused as refused:
                form.add_error("archive", sentence(refused.code))
    last = FeedRun.objects.filter(feed=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    found = list(own(request).annotate(last_run=Subquery(last)))
    runs = FeedRun.objects.in_bulk([feed.last_run for feed in found if feed.last_run])
    waiting = Archive.objects.managed_by(request.user).filter(by=request.user)
    waiting = waiting.exclude(state=Archive.State.APPLIED).defer("plan", "rejected")
    return render(
        request,
        "staff/feeds.html",
        {
            "form": form,
            "shelters": list(shelters),
            "rows": [(feed, runs.get(feed.last_run)) for feed in found],
            "kinds": Feed.Kind.choices,
            "archives": list(waiting[:5]),
            "tables": archives.FEED,
        },
        status=422 if form.errors else 200,
    )


@never_cache
@staff_required
@require_safe
def archive(request: SignedInRequest, archive_id: uuid.UUID) -> HttpResponse:
    """What a table would change; asks again by itself until a worker has read it."""
    found = get_object_or_404(
        Archive.objects.managed_by(request.user).select_related("shelter"), pk=archive_id
    )
    if found.state == Archive.State.APPLIED:
        if used := archives.feed_of(found.shelter):
            return redirect("staff_feeds:feed", feed_id=used.pk)
        return redirect("staff_feeds:feeds")
    counts = Counter(row["what"] for row in found.plan)
    rows = [row for row in found.plan if row["what"] != "same"]
    for row in rows:
        row["words"] = [label(name) for name in row["fields"]]
        row["kept_words"] = [label(name) for name in row["kept"]]
    return render(
        request,
        "staff/archive.html",
        {
            "archive": found,
            "rows": rows[: archives.SHOWN],
            "more": max(0, len(rows) - archives.SHOWN),
            "new": counts["new"],
            "changed": counts["changed"],
            "same": counts["same"],
            "gone": counts["gone"],
            "changes": bool(rows),
        },
    )


@require_POST
@staff_required
def archive_apply(request: SignedInRequest, archive_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Archive.objects.managed_by(request.user), pk=archive_id)
    try:
        feed = archives.apply_archive(archive=found)
    except archives.ArchiveRefused as refused:
        messages.error(request, sentence(refused.code))
        return redirect("staff_feeds:archive", archive_id=found.pk)
    return redirect("staff_feeds:feed", feed_id=feed.pk)


@require_POST
@staff_required
def archive_discard(request: SignedInRequest, archive_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Archive.objects.managed_by(request.user), pk=archive_id)
    archives.discard_archive(archive=found)
    messages.success(request, _("The table is deleted; nothing was changed."))
    return redirect("staff_feeds:feeds")


@never_cache
@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def feed_new(request: SignedInRequest, kind: str) -> HttpResponse:
    if kind not in FORMS:
        return redirect("staff_feeds:feeds")
    shelters = Shelter.objects.staffed_by(request.user)
    form = FORMS[kind](request.POST if request.method == "POST" else None, shelters=shelters)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        feed = services.create_feed(
            shelter=values["shelter"],
            kind=kind,
            name=values["name"],
            settings=form.settings(),
            key=form.entered_key() or "",
            every_hours=values["every_hours"],
        )
        services.update_feed(feed=feed, enabled=values["enabled"])
        messages.success(request, _("The feed is there. Read it now, to see what comes."))
        return redirect("staff_feeds:feed", feed_id=feed.pk)
    context = {"form": form, "title": Feed.Kind(kind).label, "feed": None}
    return render(request, "staff/feed_form.html", context, status=422 if form.errors else 200)


@never_cache
@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def feed_edit(request: SignedInRequest, feed_id: int) -> HttpResponse:
    feed = get_object_or_404(own(request), pk=feed_id)
    shelters = Shelter.objects.staffed_by(request.user)
    form = FORMS[feed.kind](
        request.POST if request.method == "POST" else None, shelters=shelters, feed=feed
    )
    if request.method == "POST" and form.is_valid():
        services.update_feed(
            feed=feed,
            key=form.entered_key(),
            name=form.cleaned_data["name"],
            settings=form.settings(),
            enabled=form.cleaned_data["enabled"],
            every_hours=form.cleaned_data["every_hours"],
        )
        messages.success(request, _("Saved."))
        return redirect("staff_feeds:feed", feed_id=feed.pk)
    context = {"form": form, "title": feed.name, "feed": feed}
    return render(request, "staff/feed_form.html", context, status=422 if form.errors else 200)


@never_cache
@staff_required
@require_safe
def feed(request: SignedInRequest, feed_id: int) -> HttpResponse:
    """A feed's last run with what was left out and why, and those before it."""
    found = get_object_or_404(own(request), pk=feed_id)
    runs = list(found.runs.all()[:RUNS_SHOWN])
    run = runs[0] if runs else None
    rejections = run.rejections.all() if run else []
    job = Job.objects.for_subject(Job.Kind.IMPORT_FEED, found.pk).first()
    return render(
        request,
        "staff/feed.html",
        {
            "feed": found,
            "uploaded": found.kind == Feed.Kind.CSVZIP and found.name == archives.FEED,
            "run": run,
            "before": runs[1:],
            "rejections": rejections[:REJECTIONS_SHOWN],
            "job": job if job and job.is_open else None,
        },
    )


@require_POST
@staff_required
def feed_run(request: SignedInRequest, feed_id: int) -> HttpResponse:
    """Reads it now; `gone` confirms that most of its dogs are."""
    found = get_object_or_404(own(request), pk=feed_id)
    if request.POST.get("gone") == "yes":
        services.update_feed(feed=found, may_withdraw_many=True)
    services.request_run(feed=found)
    return redirect("staff_feeds:feed", feed_id=found.pk)


@require_POST
@staff_required
def feed_delete(request: SignedInRequest, feed_id: int) -> HttpResponse:
    services.delete_feed(feed=get_object_or_404(own(request), pk=feed_id))
    messages.success(request, _("The feed is deleted. Its dogs stay."))
    return redirect("staff_feeds:feeds")


@staff_required
@require_safe
def rejections(request: SignedInRequest, run_id: int) -> StreamingHttpResponse:
    """What a run left out, as a table."""
    run = get_object_or_404(FeedRun, pk=run_id, feed__in=own(request))
    response = StreamingHttpResponse(lines(run), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="left-out.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def lines(run: FeedRun) -> Iterator[str]:
    writer = csv.writer(Line())
    yield "\ufeff" + str(writer.writerow([_("where"), _("reason")]))
    for row in run.rejections.all():
        reason = str(sentence(row.code)) if row.of_photo else row.reason
        yield str(writer.writerow([to_cell(row.where), to_cell(reason)]))
