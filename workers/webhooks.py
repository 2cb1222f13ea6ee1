"""Events, sent to the addresses that asked for them."""

from __future__ import annotations

import json
import time

from portal.feeds.errors import FeedError
from portal.feeds.network import Client
from portal.feeds.secrets import decrypt
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.publishing import services
from portal.publishing.models import Delivery
from portal.publishing.signing import headers

MOST_BYTES_OF_ANSWER = 64 * 1024


def deliver(job: Job) -> None:
    """One try. The receiver may get an event twice, where a worker died after sending it: it knows
    it by its id. Redirects are not followed: the address is the one that was entered."""
    found = Delivery.objects.filter(pk=job.subject, state=Delivery.State.PENDING)
    delivery = found.select_related("webhook").first()
    if delivery is not None and delivery.webhook.disabled_at is None:
        status, error = post(delivery)
        services.store_answer(delivery=delivery, status=status, error=error)
    jobs.finish(job=job)


def post(delivery: Delivery) -> tuple[int | None, str]:
    """The answer's status, or None and what went wrong."""
    told = {
        "type": delivery.event,
        "timestamp": delivery.created_at.isoformat(),
        "data": delivery.payload,
    }
    body = json.dumps(told, ensure_ascii=False).encode()
    try:
        signed = headers(decrypt(delivery.webhook.secret), str(delivery.pk), int(time.time()), body)
        response = Client().once(
            "POST",
            delivery.webhook.url,
            {"Content-Type": "application/json", **signed},
            body,
            MOST_BYTES_OF_ANSWER,
            redirects=0,
        )
    except FeedError as error:
        return None, f"{error.code}: {error.detail}"
    return response.status, ""
