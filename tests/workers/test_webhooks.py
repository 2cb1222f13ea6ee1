"""A receiver on loopback that checks signatures by its own means, fails, and then succeeds."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs.services import create_dog
from portal.feeds.secrets import decrypt
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.publishing import services
from portal.publishing.models import Delivery
from portal.shelters.services import create_shelter
from tests.portal.feeds.servers import serving
from workers import pipeline

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(settings):
    """Notes what it gets, and answers with what it is told to."""

    def answer(request):
        status = answer.statuses.pop(0) if answer.statuses else 204
        return status, {"Location": "/elsewhere"} if status == 302 else {}, b""

    answer.statuses = []
    with serving(answer) as server:
        settings.FEED_ALLOWED_HOSTS = [server.place]
        server.statuses = answer.statuses
        yield server


@pytest.fixture
def webhook(receiver):
    owner = User.objects.create_user("dev@example.org", "x")
    return services.create_webhook(
        owner=owner, url=f"{receiver.address}/hook", events=["dog.listed"]
    )[0]


def deliver(act, outbox):
    outbox.clear()
    with act():
        for pk in services.due_deliveries():
            enqueue(kind=Job.Kind.DELIVER, subject=pk, queue=Job.Queue.BATCH)
    for job in outbox:
        pipeline.run(job)


def verify(request, secret):
    """As the specification describes it, and not as we sign."""
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = b".".join(
        [
            request.headers["webhook-id"].encode(),
            request.headers["webhook-timestamp"].encode(),
            request.body,
        ]
    )
    mac = hmac.new(key, signed, hashlib.sha256)
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(mac.digest()).decode()
    assert abs(time.time() - int(request.headers["webhook-timestamp"])) < 60


def test_an_event_arrives_signed_after_two_failures(receiver, webhook, act, outbox):
    shelter = create_shelter(name="Hanbit")
    with act():
        create_dog(shelter=shelter, by=None, fields={"name": "보리"}, publish=True)
    services.create_deliveries()
    receiver.statuses += [500, 302]
    for _ in range(3):
        deliver(act, outbox)
        Delivery.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.status) == ("done", 3, 204)
    assert [request.path for request in receiver.requests] == ["/hook"] * 3
    secret = decrypt(webhook.secret)
    for request in receiver.requests:
        verify(request, secret)
        assert request.headers["webhook-id"] == str(delivery.pk)
    told = json.loads(receiver.requests[-1].body)
    assert told["type"] == "dog.listed"
    assert told["data"]["name"] == "보리"
    assert told["data"]["shelter"] == shelter.slug


def test_addresses_in_our_network_are_refused(webhook, act, outbox, settings):
    settings.FEED_ALLOWED_HOSTS = []
    services.ping(webhook=webhook)
    deliver(act, outbox)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status) == ("pending", None)
    assert delivery.error.startswith("feed_address_refused")


def test_a_disabled_webhook_gets_nothing(receiver, webhook, act, outbox):
    services.ping(webhook=webhook)
    services.update_webhook(webhook=webhook, enabled=False)
    deliver(act, outbox)
    assert receiver.requests == []
