"""Logging: every process writes lines to its standard error; whoever runs it keeps them."""

import logging
from typing import Any

from .environment import env

__all__ = ["LOGGING"]


def unforeseen(record: logging.LogRecord) -> bool:
    """503 is what /health answers while a worker starts: a state, not an error of the portal."""
    return getattr(record, "status_code", None) != 503


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            "datefmt": "%Y-%m-%dT%H:%M:%S%z",
        }
    },
    "filters": {
        "unforeseen": {"()": "django.utils.log.CallbackFilter", "callback": unforeseen},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Replaces Django's own handlers, which stay silent unless DEBUG is on.
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "django.request": {"filters": ["unforeseen"]},
        "celery": {"level": "INFO"},
        # One line for every message sent and received says nothing that a Job row does not.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        # Tells which instruction sets it tried.
        "faiss": {"level": "WARNING"},
        # Celery repeats what changes in its next version whenever it reconnects.
        "py.warnings": {"level": "ERROR"},
    },
}
