"""Admin pages: is everything well, which models answer, what are the workers doing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.access import SignedInRequest, admin_required
from portal.dogs.models import Dog, Photo
from portal.insights import health
from portal.insights.charts import jobs_chart, wait_chart
from portal.insights.learning import learning_context
from portal.insights.reindexing import latest_reindex
from portal.jobs import services as jobs_services
from portal.jobs.messages import sentence
from portal.jobs.models import Job, JobQuerySet
from portal.matching import services
from portal.matching.models import Embedding, ModelVersion, Rejection
from portal.matching.queries import missing_photos

JOBS_A_PAGE = 50
# Jobs tried again at once: each costs a message.
RETRIES = 1000
# A reindex is asked for again on the overview; an adopter's search that failed has no photo left.
REPEATABLE = (Job.Kind.INDEX_PHOTO, Job.Kind.RANK)


@admin_required
@require_GET
def overview(request: SignedInRequest) -> HttpResponse:
    hours = health.last_day()
    failures = health.failures()
    return render(
        request,
        "manage/overview.html",
        {
            "queues": health.queues(),
            "failures": failures,
            "failed_today": sum(failure.today for failure in failures),
            "failed_before": sum(failure.before for failure in failures),
            "charts": [jobs_chart(hours), wait_chart(hours)],
            "dogs": health.counts(Dog, "status", Dog.Status),
            "photos": health.counts(Photo, "state", Photo.State),
            **versions_context(),
            **learning_context(),
        },
    )


def versions_context() -> dict[str, Any]:
    """The model versions, how much each has described, and the reindex that runs or ran last."""

    def number(model: Any) -> Coalesce:
        rows = model.objects.filter(version=OuterRef("pk")).order_by().values("version")
        return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n")), 0)

    versions = list(
        ModelVersion.objects.defer("spec").annotate(
            described=number(Embedding), without_dog=number(Rejection)
        )
    )
    progress = latest_reindex()
    building = next((v for v in versions if v.state == ModelVersion.State.BUILDING), None)
    return {
        "versions": [(version, missing_photos(version).count()) for version in versions],
        "live": next((v for v in versions if v.state == ModelVersion.State.ACTIVE), None),
        "names": list(dict.fromkeys(version.name for version in versions)),
        "progress": progress,
        # Being built and nobody at it: somebody has paused it.
        "paused": building if building and not (progress and progress.job.is_open) else None,
        "version_built": progress
        and next((v for v in versions if str(v.pk) == progress.job.subject), None),
    }


def answer_versions(request: SignedInRequest) -> HttpResponse:
    if not request.htmx:
        return redirect("manage:overview")
    return render(request, "manage/versions.html", versions_context())


@admin_required
@require_GET
def versions(request: SignedInRequest) -> HttpResponse:
    return answer_versions(request)


@admin_required
@require_POST
def reindex(request: SignedInRequest) -> HttpResponse:
    """`version` names the models, empty for the live ones; `rebuild` runs them over all photos."""
    try:
        services.request_reindex(
            version_name=request.POST.get("version") or None,
            by=request.user,
            rebuild=request.POST.get("rebuild") == "yes",
        )
    except services.VersionConflict as conflict:
        messages.error(request, sentence(conflict.code))
    return answer_versions(request)


@admin_required
@require_POST
def reindex_cancel(request: SignedInRequest, version_id: int) -> HttpResponse:
    services.cancel_reindex(version=get_object_or_404(ModelVersion, pk=version_id), by=request.user)
    return answer_versions(request)


@admin_required
@require_POST
def reindex_pause(request: SignedInRequest, version_id: int) -> HttpResponse:
    services.pause_reindex(version=get_object_or_404(ModelVersion, pk=version_id))
    return answer_versions(request)


@admin_required
@require_POST
def reindex_resume(request: SignedInRequest, version_id: int) -> HttpResponse:
    try:
        services.resume_reindex(version=get_object_or_404(ModelVersion, pk=version_id))
    except services.VersionConflict as conflict:
        messages.error(request, sentence(conflict.code))
    return answer_versions(request)


@admin_required
@require_POST
def version_activate(request: SignedInRequest, version_id: int) -> HttpResponse:
    version = get_object_or_404(ModelVersion, pk=version_id)
    try:
        services.activate_version(version=version, by=request.user)
    except services.VersionConflict as conflict:
        messages.error(request, sentence(conflict.code))
    else:
        words = {"name": version.title or version.name, "build": version.build}
        messages.success(request, _("%(name)s, build %(build)d, answers now.") % words)
    return answer_versions(request)


@dataclass(frozen=True)
class JobRow:
    """A job with what it is about and its times; `dog` is set for a photo that is still there."""

    job: Job
    dog: Dog | None
    version: ModelVersion | None

    @property
    def repeatable(self) -> bool:
        return self.job.state == Job.State.FAILED and self.job.kind in REPEATABLE

    @property
    def waited(self) -> timedelta:
        return (self.job.started_at or self.job.finished_at or timezone.now()) - self.job.created_at

    @property
    def ran(self) -> timedelta | None:
        if self.job.started_at is None:
            return None
        return (self.job.finished_at or timezone.now()) - self.job.started_at


def job_rows(jobs: Iterable[Job]) -> list[JobRow]:
    jobs = list(jobs)

    def subjects(kind: str) -> list[int]:
        return [int(j.subject) for j in jobs if j.kind == kind and j.subject.isdecimal()]

    photos = Photo.objects.filter(pk__in=subjects(Job.Kind.INDEX_PHOTO)).select_related("dog")
    dogs = {str(photo.pk): photo.dog for photo in photos}
    rows = ModelVersion.objects.defer("spec").filter(pk__in=subjects(Job.Kind.REINDEX))
    versions = {str(version.pk): version for version in rows}
    return [
        JobRow(
            job=job,
            dog=dogs.get(job.subject) if job.kind == Job.Kind.INDEX_PHOTO else None,
            version=versions.get(job.subject) if job.kind == Job.Kind.REINDEX else None,
        )
        for job in jobs
    ]


@admin_required
@require_GET
def jobs(request: SignedInRequest) -> HttpResponse:
    """Every job, newest first; `state`, `kind` and `code` narrow them."""
    found = Job.objects.all()
    state, kind, code = (request.GET.get(name, "") for name in ("state", "kind", "code"))
    if kind in Job.Kind.values:
        found = found.filter(kind=kind)
    codes = found.filter(state=Job.State.FAILED).order_by("error_code")
    if code:
        found = found.filter(error_code=code[:40])
    by_state = dict(found.order_by().values_list("state").annotate(Count("pk")))
    if state in Job.State.values:
        found = found.filter(state=state)
    page = Paginator(found, JOBS_A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "manage/jobs.html",
        {
            "page": page,
            "rows": job_rows(page),
            "state": state,
            "kind": kind,
            "code": code,
            "codes": list(codes.values_list("error_code", flat=True).distinct()),
            "repeatable": repeatable(kind, code).count(),
            "states": [
                ("", _("all"), sum(by_state.values())),
                *((s.value, s.label, by_state.get(s, 0)) for s in Job.State),
            ],
            "kinds": [("", _("all kinds")), *Job.Kind.choices],
        },
    )


def repeatable(kind: str, code: str) -> JobQuerySet:
    """Failed jobs that can be tried again, of a kind and with a code where these are given."""
    found = Job.objects.filter(state=Job.State.FAILED, kind__in=REPEATABLE)
    if kind in Job.Kind.values:
        found = found.filter(kind=kind)
    return found.filter(error_code=code[:40]) if code else found


@admin_required
@require_POST
def jobs_retry(request: SignedInRequest) -> HttpResponse:
    """All failed jobs of the list as it was filtered, at most RETRIES of them."""
    asked = QueryDict(request.POST.get("narrowed", ""))
    found = list(repeatable(asked.get("kind", ""), asked.get("code", ""))[:RETRIES])
    for job in found:
        jobs_services.retry(job=job)
    words = ngettext(
        "%(n)d job waits for a worker again.", "%(n)d jobs wait for a worker again.", len(found)
    )
    messages.success(request, words % {"n": len(found)})
    return back_to_jobs(request)


@admin_required
@require_POST
def job_retry(request: SignedInRequest, job_id: uuid.UUID) -> HttpResponse:
    job = get_object_or_404(Job, pk=job_id)
    if job.kind in REPEATABLE and jobs_services.retry(job=job).is_open:
        messages.success(request, _("The job waits for a worker again."))
    else:
        messages.error(request, _("This job cannot be tried again."))
    return back_to_jobs(request)


@admin_required
@require_POST
def job_cancel(request: SignedInRequest, job_id: uuid.UUID) -> HttpResponse:
    job = get_object_or_404(Job, pk=job_id)
    if job.kind == Job.Kind.REINDEX and job.is_open:
        services.cancel_reindex(
            version=get_object_or_404(ModelVersion, pk=job.subject), by=request.user
        )
    elif not jobs_services.cancel(job=job):
        messages.error(request, _("This job had ended already."))
    return back_to_jobs(request)


def back_to_jobs(request: SignedInRequest) -> HttpResponse:
    """The list as it was filtered: the form carries its query string."""
    narrowed = QueryDict(request.POST.get("narrowed", "")).urlencode()
    return redirect(reverse("manage:jobs") + (f"?{narrowed}" if narrowed else ""))
