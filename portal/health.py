"""`/health`: can this installation answer a search now?

200 with `"ready": true` when the database and the broker answer, a model version is live and an
interactive worker with loaded models was heard of lately, else 503. It reads a few rows and loads
nothing, so a monitor may call it every second.
"""

import datetime
import functools
import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection

from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching.models import ModelVersion

# Workers beat every few seconds; a batch of a reindex may hold one up for a while.
ALIVE = datetime.timedelta(seconds=30)

log = logging.getLogger(__name__)


@functools.cache
def broker_connection() -> Connection:
    return Connection(
        settings.CELERY_BROKER_URL,
        connect_timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT,
        transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
    )


def broker_answers() -> bool:
    """Whether the broker answers a ping within a second or two."""
    try:
        channel = broker_connection().default_channel
        client = getattr(channel, "client", None)
        return client is None or bool(client.ping())
    except Exception as error:
        # Each transport raises its own family of errors, and each of them means the same here.
        log.warning("The broker does not answer: %s", error)
        return False


def database_state() -> dict[str, Any]:
    """What the rows say: workers by queue and the model version that answers searches."""
    limit = timezone.now() - ALIVE
    workers = dict.fromkeys(Job.Queue.values, "absent")
    for beat in WorkerHeartbeat.objects.filter(beat_at__gte=limit):
        workers[beat.queue] = "ready" if beat.ready else "starting"
    version = ModelVersion.objects.active().values("name", "fingerprint", "build").first()
    return {"workers": workers, "model": version}


@never_cache
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """That this process answers; whether it can work is told by `health`."""
    return JsonResponse({"live": True})


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    try:
        state = {"database": True, **database_state()}
    except DatabaseError as error:
        log.warning("The database does not answer: %s", error)
        state = {"database": False, "workers": {}, "model": None}
    state["broker"] = broker_answers()
    ready = (
        state["database"]
        and state["broker"]
        and state["model"] is not None
        and state["workers"].get(Job.Queue.INTERACTIVE) == "ready"
    )
    return JsonResponse({"live": True, "ready": ready, **state}, status=200 if ready else 503)
