"""`{{ span|duration }}` and `{{ job.state|job_dot }}`."""

from __future__ import annotations

from datetime import timedelta

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from portal.jobs.models import Job

register = template.Library()

DOTS: dict[str, str] = {
    Job.State.QUEUED: "state--wait",
    Job.State.RUNNING: "state--wait",
    Job.State.DONE: "state--ok",
    Job.State.FAILED: "state--fail",
}


@register.filter
def job_dot(state: str) -> str:
    return DOTS.get(state, "state--quiet")


@register.filter
def duration(span: timedelta | None) -> str:
    """“0.4 s”, “12 s”, “3 min”, “2 h 5 min”, “3 days”; a dash where there is none."""
    if span is None:
        return "–"
    seconds = max(0.0, span.total_seconds())
    if seconds < 10:
        return _("%(n)s s") % {"n": number_format(round(seconds, 1), 1)}
    if seconds < 90:
        return _("%(n)d s") % {"n": round(seconds)}
    minutes = round(seconds / 60)
    if minutes < 90:
        return _("%(n)d min") % {"n": minutes}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    return _("%(n)d days") % {"n": hours // 24}
