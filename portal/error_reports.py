"""Errors told to Sentry, where an installation has one: what broke and where, never about whom.

No bodies, cookies, addresses, query strings or values of variables leave: an adopter's photo and
search are nobody else's.
"""

from __future__ import annotations

from typing import Any

import sentry_sdk

from portal.tracing import job_id, request_id


def begin(*, dsn: str, environment: str) -> None:
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        traces_sample_rate=0,
        before_send=stripped,  # type: ignore[arg-type]
    )


def stripped(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """The event with the ids of request and job, and without what a request carried."""
    if "request" in event:
        event["request"] = {"method": event["request"].get("method")}
    event.pop("user", None)
    event.pop("breadcrumbs", None)
    # Arguments of a task and the like: the job's row tells more to whoever may read it.
    event.pop("extra", None)
    event["tags"] = {"request_id": request_id.get(), "job_id": job_id.get()}
    return event
