"""Logging: every process writes lines to its standard error; whoever runs it keeps them.

`LOG_FORMAT=json` makes each line one JSON object, for a collector. Errors go to Sentry as well
where `SENTRY_DSN` names one.
"""

import logging
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .environment import env

__all__ = ["LOGGING", "LOG_FORMAT", "METRICS_TOKEN", "SENTRY_DSN", "SENTRY_ENVIRONMENT"]

LOG_FORMAT: str = env.str("LOG_FORMAT", default="line")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT}: choose line or json.")

SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT: str = env.str("SENTRY_ENVIRONMENT", default="production")


# Reads /metrics as a bearer token; without one only admins do.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")


def unforeseen(record: logging.LogRecord) -> bool:
    """503 is what /health answers while a worker starts: a state, not an error of the portal."""
    return getattr(record, "status_code", None) != 503


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "%(asctime)s %(levelname)s %(name)s:%(trace)s %(message)s",
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
        },
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s %(job_id)s",
            "rename_fields": {"asctime": "at", "levelname": "level", "name": "logger"},
            # For a line only, or not for JSON at all.
            "reserved_attrs": [*vars(logging.makeLogRecord({})), "trace", "request", "asctime"],
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
        },
    },
    "filters": {
        "unforeseen": {"()": "django.utils.log.CallbackFilter", "callback": unforeseen},
        "traces": {"()": "portal.tracing.Traces"},
        "routes": {"()": "portal.tracing.Routes"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["traces"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Replaces Django's own handlers, which stay silent unless DEBUG is on.
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Each request has its line in portal.requests; these are for what went wrong inside.
        "django.request": {"filters": ["unforeseen", "routes"], "level": "ERROR"},
        "celery": {"level": "INFO"},
        # One line for every message sent and received says nothing that a Job row does not.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        # Takes the place of gunicorn's own handler once the portal is loaded.
        "gunicorn.error": {"handlers": ["console"], "level": "INFO", "propagate": False},
        # Tells which instruction sets it tried.
        "faiss": {"level": "WARNING"},
        # Celery repeats what changes in its next version whenever it reconnects.
        "py.warnings": {"level": "ERROR"},
    },
}

if SENTRY_DSN:
    # As its makers have it: before Django is set up, so that it sees what goes wrong in that too.
    from portal.error_reports import begin

    begin(dsn=SENTRY_DSN, environment=SENTRY_ENVIRONMENT)
