"""Saved searches at work: new dogs that are alike, told of once, once a day."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from portal.dogs.services import set_status
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Alert, ModelVersion, SavedSearch

pytestmark = pytest.mark.django_db
RED, BLUE = (200, 40, 40), (30, 60, 200)


@pytest.fixture
def saved(version, run, act, list_dog):
    bori = list_dog("Bori", RED)
    run()
    return services.save_search(
        email="a@example.org", owner=None, language="en", filters=Filters(), dog=bori
    )


@pytest.fixture
def tell(run, act, outbox):
    """Alerts whatever is due."""

    def go():
        with act():
            for pk in services.due_searches():
                enqueue(kind=Job.Kind.ALERT, subject=pk, queue=Job.Queue.BATCH)
        run()
        return list(mail.outbox)

    return go


def confirm(saved):
    SavedSearch.objects.filter(pk=saved.pk).update(confirmed_at=timezone.now())
    mail.outbox.clear()


def test_only_new_dogs_that_are_alike_are_told_of(saved, tell, run, list_dog):
    confirm(saved)
    assert tell() == []
    like, unlike = list_dog("Like", RED), list_dog("Unlike", BLUE)
    gone = list_dog("Gone", RED)
    run()
    set_status(dog=gone, status="adopted", by=None)
    [message] = tell()
    assert "Like" in message.body
    assert "Unlike" not in message.body
    assert "Gone" not in message.body
    assert f"/dogs/{like.slug}/" in message.body
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert unlike.slug not in message.alternatives[0][0]


def test_nobody_hears_twice_or_twice_a_day(saved, tell, run, list_dog):
    confirm(saved)
    list_dog("First", RED)
    run()
    assert len(tell()) == 1
    list_dog("Second", RED)
    run()
    assert len(tell()) == 1
    SavedSearch.objects.update(told_at=timezone.now() - timedelta(days=1, minutes=1))
    messages = tell()
    assert len(messages) == 2
    assert "Second" in messages[1].body
    assert "First" not in messages[1].body


def test_without_confirmation_nothing_is_sent(saved, tell, run, list_dog):
    mail.outbox.clear()
    list_dog("Like", RED)
    run()
    assert tell() == []


def test_a_mail_server_that_refuses_is_tried_again(saved, tell, run, list_dog, monkeypatch):
    confirm(saved)
    list_dog("Like", RED)
    run()

    def refuse(*args, **kwargs):
        raise OSError("no server")

    with monkeypatch.context() as patch:
        patch.setattr("portal.matching.services.saved_searches.send", refuse)
        tell()
    assert mail.outbox == []
    assert Alert.objects.get().sent_at is None
    assert len(tell()) == 1


def test_a_photos_description_ends_with_its_models(version, run, tell, list_dog, search):
    query = search(RED)
    run()
    query.refresh_from_db()
    saved = services.save_search(
        email="a@example.org", owner=None, language="en", filters=Filters(), query=query,
        consent=True,
    )  # fmt: skip
    confirm(saved)
    list_dog("Like", RED)
    run()
    assert "Like" in tell()[0].body
    SavedSearch.objects.update(told_at=None)
    ModelVersion.objects.filter(pk=version.pk).update(state=ModelVersion.State.RETIRED)
    other = ModelVersion.objects.filter(name="starter-mirror")
    other.update(state=ModelVersion.State.ACTIVE)
    mail.outbox.clear()
    [message] = tell()
    assert message.subject == "Please save your search again"
    assert not SavedSearch.objects.exists()
