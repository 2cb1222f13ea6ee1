"""Rows and files to test with."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from portal.accounts.models import User
from portal.dogs.services import create_dog
from portal.matching import services
from portal.matching.models import ModelVersion, Query
from portal.shelters.services import create_shelter
from tests.histogram import spec
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


@pytest.fixture
def version(db):
    services.register_specs(specs=[spec()], default="starter")
    return ModelVersion.objects.active().get()


@pytest.fixture
def listed(make_dog, version):
    """A dog with searchable photos whose files are there."""

    def make(name="Bori", photos=1, **fields):
        dog = make_dog(name, photos=photos, **fields)
        for photo in dog.photos.all():
            files = [f"{folder}/{photo.name}.webp" for folder in ("photos", "thumbs")]
            for file in files:
                default_storage.save(file, ContentFile(file.encode()))
            services.store_pictures(
                photo=photo, image=files[0], thumbnail=files[1], width=96, height=80
            )
            services.store_features(
                photo=photo,
                version=version,
                vector=bytes(512),
                points=[[0.5, 0.5, 0.9]] * 21,
                box=[0.1, 0.1, 0.9, 0.9],
            )
        return dog

    return make


@pytest.fixture
def sent(client):
    """A search this client has sent."""
    client.post("/search/", {"photo": upload()})
    return Query.objects.get()
