"""Rows and files to test with."""

import pytest

from portal.accounts.models import User
from portal.dogs.services import create_dog
from portal.shelters.services import create_shelter
from tests.portal.uploads import upload


@pytest.fixture
def media_files(media):
    """Names of the private files there are."""
    return lambda: sorted(str(p.relative_to(media)) for p in media.rglob("*") if p.is_file())


@pytest.fixture(autouse=True)
def messages_sent(monkeypatch):
    """Names and ids of the messages that left, instead of a broker."""
    sent = []
    monkeypatch.setattr(
        "portal.jobs.services.app.send_task", lambda name, args, **_: sent.append((name, args[0]))
    )
    return sent


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def shelter(db):
    return create_shelter(name="Haneul")


@pytest.fixture
def staff(db):
    return User.objects.create_user("staff@example.org", "secret")


@pytest.fixture
def make_dog(shelter, staff):
    def make(name="Bori", *, photos=0, publish=True, temperament=None, shelter=shelter, **fields):
        return create_dog(
            shelter=shelter,
            by=staff,
            fields={"name": name, **fields},
            photos=[upload() for _ in range(photos)],
            temperament=temperament,
            publish=publish,
        )

    return make
