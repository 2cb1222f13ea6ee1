"""`/health`: can this installation answer a search now?

200 with `"ready": true` when the database and the broker answer, a model version is live and an
interactive worker with loaded models was heard of lately, else 503. It reads a few rows and loads
nothing, so a monitor may call it every second. `/ready` asks less: may this process have requests?
"""

import datetime
import functools
import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu import Connection

from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching.models import ModelVersion

# Workers beat every few seconds; a batch of a reindex may hold one up for a while.
ALIVE = datetime.timedelta(seconds=30)

log = logging.getLogger(__name__)


def new_connection() -> Connection:
    return Connection(
        settings.CELERY_BROKER_URL,
        ssl=settings.CELERY_BROKER_USE_SSL or False,
        connect_timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT,
        transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS,
    )


broker_connection = functools.cache(new_connection)


def broker_answers() -> bool:
    """Whether the broker answers within a second or two."""
    try:
        if settings.BROKER_SPEAKS_AMQP:
            # AMQP knows no ping, and threads cannot share its connections.
            with new_connection() as fresh:
                fresh.connect()
            return True
        channel = broker_connection().default_channel
        client = getattr(channel, "client", None)
        return client is None or bool(client.ping())
    except Exception as error:
        # Each transport raises its own family of errors, and each of them means the same here.
        log.warning("The broker does not answer: %s", error)
        return False


def database_state() -> dict[str, Any]:
    """What the rows say: workers by queue and the model version that answers searches."""
    workers = dict.fromkeys(Job.Queue.values, "absent")
    for beat in WorkerHeartbeat.objects.recent(ALIVE):
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
def ready(request: HttpRequest) -> JsonResponse:
    """Whether requests may be sent to this process: its database answers and has its tables.

    Not whether a search would be answered: without a worker or a broker people can still browse,
    list and ask, and what they asked for is done later.
    """
    try:
        waiting = migrations_missing()
    except DatabaseError as error:
        log.warning("The database does not answer: %s", error)
        return JsonResponse({"ready": False, "database": False, "migrated": False}, status=503)
    state = {"ready": not waiting, "database": True, "migrated": not waiting}
    return JsonResponse(state, status=503 if waiting else 200)


def migrations_missing() -> bool:
    """Whether this code knows migrations that the database has not had; more in the database than
    in the code is an update under way, and no reason to stop. Raises DatabaseError."""
    known = set(disk_migrations())
    return bool(known - set(MigrationRecorder(connection).applied_migrations()))


@functools.cache
def disk_migrations() -> frozenset[tuple[str, str]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(loader.disk_migrations)


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
