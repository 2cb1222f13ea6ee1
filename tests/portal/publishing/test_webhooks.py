"""Webhooks: which events become deliveries, who may see them, what becomes of failures."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.api.services import create_token
from portal.dogs.models import DogEvent
from portal.dogs.services import set_status
from portal.matching import services as matching
from portal.matching.filters import Filters
from portal.publishing import services
from portal.publishing.models import Delivery, Webhook
from tests.portal.api.test_dogs import problem

pytestmark = pytest.mark.django_db
WEBHOOKS = "/api/v1/webhooks/"
ALL = ["dog.listed", "dog.on_hold", "dog.adopted", "dog.withdrawn", "match.found"]


@pytest.fixture
def hook(staff):
    def make(events=ALL, shelter=None, owner=staff, url="https://x.example/hook"):
        return services.create_webhook(owner=owner, url=url, events=events, shelter=shelter)[0]

    return make


def told(webhook):
    rows = webhook.deliveries.order_by("created_at", "dog_event")
    return [(row.event, row.payload["name"]) for row in rows]


def test_each_event_is_told_once_to_who_wants_it(hook, make_dog, shelter, other_shelter):
    make_dog("Before")
    every, own = hook(), hook(["dog.adopted"], shelter, url="https://x.example/own")
    bori, far = make_dog("Bori"), make_dog("Far", shelter=other_shelter)
    for dog in (bori, far):
        set_status(dog=dog, status="adopted", by=None)
    assert services.create_deliveries() == 5
    assert services.create_deliveries() == 0
    assert told(every) == [
        ("dog.listed", "Bori"), ("dog.listed", "Far"),
        ("dog.adopted", "Bori"), ("dog.adopted", "Far"),
    ]  # fmt: skip
    assert told(own) == [("dog.adopted", "Bori")]
    payload = own.deliveries.get().payload
    assert payload["url"].endswith(f"/dogs/{bori.slug}/")
    assert set(payload) == {"dog", "name", "status", "shelter", "url", "at"}


def test_an_event_that_becomes_visible_late_is_told(hook, make_dog):
    """Ids are no order: a transaction that began first may commit last."""
    webhook = hook(["dog.adopted"])
    dog = make_dog("Bori")
    late = DogEvent(dog=dog, kind="adopted", pk=10_000)
    early = DogEvent(dog=dog, kind="adopted", pk=9_000)
    late.save()
    services.create_deliveries()
    early.save()
    services.create_deliveries()
    assert webhook.deliveries.count() == 2


def test_matches_are_told_to_the_owner_of_the_search_only(hook, make_dog, staff):
    mine = hook(["match.found"])
    other = User.objects.create_user("other@example.org", "x")
    theirs = hook(["match.found"], owner=other)
    bori, like = make_dog("Bori"), make_dog("Like")
    saved = matching.save_search(
        email=staff.email, owner=staff, language="en", filters=Filters(), dog=bori
    )
    matching.add_alerts(saved=saved, scores=[(like.pk, 80)])
    services.create_deliveries()
    assert told(mine) == [("match.found", "Like")]
    assert mine.deliveries.get().payload["score"] == 80
    assert told(theirs) == []


def test_a_delivery_cannot_be_there_twice(hook, make_dog):
    webhook = hook()
    make_dog("Bori")
    services.create_deliveries()
    row = webhook.deliveries.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.create(
            webhook=webhook, event=row.event, payload={}, dog_event=row.dog_event,
            next_try_at=timezone.now(),
        )  # fmt: skip


def test_failures_wait_ever_longer_and_end(hook, on_commit):
    webhook = hook()
    for number in range(services.GIVE_UP_AFTER):
        delivery = services.ping(webhook=webhook)
        waits = []
        while delivery.state == Delivery.State.PENDING:
            before = timezone.now()
            with on_commit():
                services.store_answer(delivery=delivery, status=500)
            waits.append(delivery.next_try_at - before)
        webhook.refresh_from_db()
        assert webhook.failures == number + 1
    tries = waits[:-1]
    assert tries == sorted(tries)
    assert timedelta(days=2.5) < sum(tries, timedelta(0)) < timedelta(days=4)
    assert webhook.disabled_at is not None
    assert [message.to for message in mail.outbox] == [[webhook.owner.email]]
    assert services.due_deliveries() == []
    services.update_webhook(webhook=webhook, enabled=True)
    services.store_answer(delivery=services.ping(webhook=webhook), status=204)
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.disabled_at) == (0, None)


def test_an_address_that_is_gone_for_good_is_believed(hook, on_commit):
    webhook = hook()
    with on_commit():
        services.store_answer(delivery=services.ping(webhook=webhook), status=410)
    webhook.refresh_from_db()
    assert webhook.disabled_at is not None


def test_webhooks_by_the_api(staff, adopter_client, make_dog):
    _token, secret = create_token(user=staff, name="t", scopes=["write"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    sent = {"url": "https://x.example/hook", "events": ["dog.adopted"]}
    made = client.post(WEBHOOKS, sent, "application/json")
    assert made.status_code == 201, made.content
    assert made.json()["secret"].startswith("whsec_")
    address = made["Location"]
    assert made.json()["secret"] not in Webhook.objects.get().secret
    problem(client.post(WEBHOOKS, sent, "application/json"), 400, "invalid")
    assert "secret" not in client.get(WEBHOOKS).json()[0]
    assert client.post(f"{address}ping/").status_code == 202
    assert [d["event"] for d in client.get(f"{address}deliveries/").json()] == ["ping"]
    assert client.post(f"{address}secret/").json()["secret"] != made.json()["secret"]
    changed = client.patch(address, {"enabled": False}, "application/json")
    assert changed.json()["enabled"] is False
    problem(adopter_client.get(f"{address}deliveries/"), 404, "not_found")
    problem(adopter_client.delete(address), 404, "not_found")
    for wrong in ({"events": []}, {"events": ["x"]}, {"url": "ftp://x.example"}, {"url": "x"}):
        problem(client.post(WEBHOOKS, sent | wrong, "application/json"), 400, "invalid")
    assert client.delete(address).status_code == 204


@pytest.fixture
def adopter_client(db):
    user = User.objects.create_user("adopter@example.org", "secret")
    _token, secret = create_token(user=user, name="t", scopes=["write"])
    return Client(headers={"Authorization": f"Bearer {secret}"})
