"""Celery: small JSON messages that may be lost, because the rows are the truth."""

import re
import ssl
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

from .environment import DATA_DIR, EMBEDDED, env
from .language import TIME_ZONE

__all__ = [
    "BROKER_SPEAKS_AMQP",
    "CELERY_ACCEPT_CONTENT",
    "CELERY_BEAT_SCHEDULE",
    "CELERY_BEAT_SCHEDULE_FILENAME",
    "CELERY_BROKER_CONNECTION_MAX_RETRIES",
    "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP",
    "CELERY_BROKER_CONNECTION_TIMEOUT",
    "CELERY_BROKER_HEARTBEAT",
    "CELERY_BROKER_TRANSPORT_OPTIONS",
    "CELERY_BROKER_URL",
    "CELERY_BROKER_USE_SSL",
    "CELERY_ENABLE_UTC",
    "CELERY_IMPORTS",
    "CELERY_RESULT_BACKEND",
    "CELERY_TASK_ACKS_LATE",
    "CELERY_TASK_DEFAULT_PRIORITY",
    "CELERY_TASK_DEFAULT_QUEUE",
    "CELERY_TASK_IGNORE_RESULT",
    "CELERY_TASK_PUBLISH_RETRY",
    "CELERY_TASK_QUEUE_MAX_PRIORITY",
    "CELERY_TASK_REJECT_ON_WORKER_LOST",
    "CELERY_TASK_SERIALIZER",
    "CELERY_TASK_SOFT_TIME_LIMIT",
    "CELERY_TASK_TIME_LIMIT",
    "CELERY_TIMEZONE",
    "CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS",
    "CELERY_WORKER_HIJACK_ROOT_LOGGER",
    "CELERY_WORKER_PREFETCH_MULTIPLIER",
    "CELERY_WORKER_PROC_ALIVE_TIMEOUT",
    "CELERY_WORKER_REDIRECT_STDOUTS",
    "CELERY_WORKER_SEND_TASK_EVENTS",
    "FACE_BATCH_AT",
    "REDIS_URL",
    "TASK_MEMORY_MB",
]


def embedded_redis() -> str:
    """The address that script/server leaves for commands run beside it while it runs.

    Without it nobody is there to take a message; sweep_jobs sends it again at the next start.
    """
    note = DATA_DIR / "run" / "redis-url"
    return note.read_text().strip() if note.exists() else "memory://"


REDIS_URL: str = env.str("REDIS_URL", default="") or (embedded_redis() if EMBEDDED else "")

# Messages may go through RabbitMQ; requests are counted in Redis all the same.
CELERY_BROKER_URL: str = env.str("BROKER_URL", default="") or REDIS_URL
if not re.match(r"(redis|rediss|amqp|amqps|memory)://", CELERY_BROKER_URL):
    raise ImproperlyConfigured(
        "BROKER_URL names no broker that Pawkin speaks to: begin it with redis://, rediss://, "
        "amqp:// or amqps://."
    )
BROKER_SPEAKS_AMQP = CELERY_BROKER_URL.startswith("amqp")
# By itself a client of amqps:// believes any certificate. None: the name in the address.
CELERY_BROKER_USE_SSL: dict[str, Any] | None = (
    {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    if CELERY_BROKER_URL.startswith("amqps://")
    else None
)
# A broker that does not answer for a minute is connected to anew (AMQP only; Redis is asked every
# second anyway).
CELERY_BROKER_HEARTBEAT = 30
# RabbitMQ serves high numbers first, from queues that were made for so many, and messages without
# one last; Redis serves low ones first, and those without one before all (portal/jobs/services.py).
CELERY_TASK_QUEUE_MAX_PRIORITY: int | None = 9 if BROKER_SPEAKS_AMQP else None
CELERY_TASK_DEFAULT_PRIORITY = CELERY_TASK_QUEUE_MAX_PRIORITY
CELERY_RESULT_BACKEND = None
CELERY_IMPORTS = ["workers.tasks"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_ENABLE_UTC = True
CELERY_TIMEZONE = "UTC"

CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A child loads its models before it says that it is up; the first time they are compiled.
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 900.0
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TASK_SOFT_TIME_LIMIT: int = env.int("TASK_SOFT_SECONDS", default=120)
CELERY_TASK_TIME_LIMIT = CELERY_TASK_SOFT_TIME_LIMIT + 30

# How much more memory than with its models loaded a worker may take; what needs more is refused.
# The largest photo that is taken needs a third of it. 0: no limit.
TASK_MEMORY_MB: int = env.int("TASK_MEMORY_MB", default=3072)

# A person waits while a message is sent: when the broker is away the send fails at once, and
# sweep_jobs sends it again.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
FEW_RETRIES = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    # A message is delivered again when its connection ends, whatever the time.
    {"write_timeout": 3, **FEW_RETRIES}
    if BROKER_SPEAKS_AMQP
    else {
        # Longer than the longest task, or a message is delivered a second time while it is worked
        # on.
        "visibility_timeout": 2 * CELERY_TASK_TIME_LIMIT,
        "socket_connect_timeout": 1,
        # Workers ask for messages once a second; a person waits no longer than this for a broker
        # that hangs, and only the first one (portal/absence.py).
        "socket_timeout": 3,
        "socket_keepalive": True,
        **FEW_RETRIES,
    }
)

CELERY_TASK_DEFAULT_QUEUE = "batch"


def every(seconds: int, task: str, queue: str = CELERY_TASK_DEFAULT_QUEUE) -> dict[str, Any]:
    # A message nobody took before the next one is due would only repeat it.
    return {
        "task": f"workers.tasks.{task}",
        "schedule": seconds,
        "options": {"expires": seconds, "queue": queue},
    }


# When the faces of dogs are measured that are not yet, in the time zone of pages.
FACE_BATCH_AT: str = env.str("FACE_BATCH_AT", default="03:30")


class LocalTime(crontab):
    """A time of day in TIME_ZONE, which the rest of the schedule knows nothing of."""

    @cached_property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(TIME_ZONE)


def daily(at: str, task: str) -> dict[str, Any]:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", at)
    if not found:
        raise ImproperlyConfigured(f"FACE_BATCH_AT is {at}: write a time of day, as 03:30.")
    hour, minute = found.groups()
    return {**every(86400, task), "schedule": LocalTime(hour=int(hour), minute=int(minute))}


CELERY_BEAT_SCHEDULE = {
    # Both workers sweep both queues: either may be away, or busy with something long.
    "sweep_jobs_interactive": every(5, "sweep_jobs", queue="interactive"),
    "sweep_jobs_batch": every(5, "sweep_jobs"),
    "index_missing": every(60, "index_missing"),
    "expire_queries": every(60, "expire_queries"),
    "delete_orphans": every(300, "delete_orphans"),
    "start_due_feeds": every(60, "start_due_feeds"),
    "deliver_webhooks": every(15, "deliver_webhooks"),
    "alert_saved_searches": every(600, "alert_saved_searches"),
    "vary_photos": every(20, "vary_photos"),
    "look_for_duplicates": every(86400, "look_for_duplicates"),
    "start_measuring": daily(FACE_BATCH_AT, "start_measuring"),
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "run" / "beat-schedule")
