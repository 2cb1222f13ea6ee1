"""Workers in this process: the histogram in place of the models, messages delivered by hand."""

import io

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from portal.accounts.models import User
from portal.dogs.services import create_dog
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import ModelVersion, Query
from portal.shelters.services import create_shelter
from tests.histogram import HistogramAnalyser, spec
from workers import pipeline, runtime
from workers.runtime import Runtime


def picture(colour, size=(160, 120), format="JPEG", seed=None):
    """The bytes of a photo of nearly one colour; different for each seed."""
    pixels = np.full((size[1], size[0], 3), colour, np.uint8)
    if seed is not None:
        pixels[0, :8] = np.random.default_rng(seed).integers(0, 255, (8, 3))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format, quality=95)
    return out.getvalue()


def file(data):
    return SimpleUploadedFile("photo.jpg", data)


@pytest.fixture
def analyser(monkeypatch):
    """The one analyser that every version loads; a test may replace its `analyse`."""
    fake = HistogramAnalyser()
    fresh = Runtime()
    for module in (pipeline, pipeline.reindexing, pipeline.clips):
        monkeypatch.setattr(module, "runtime", fresh)
    monkeypatch.setattr(runtime, "load_analyser", lambda spec: fake)
    runtime.spec_of.cache_clear()
    return fake


@pytest.fixture
def version(db, analyser):
    services.register_specs(specs=[spec(), spec("starter-mirror", "b")], default="starter")
    return ModelVersion.objects.active().get()


@pytest.fixture
def outbox(monkeypatch):
    """Ids of the jobs whose messages left, oldest first."""
    ids = []
    monkeypatch.setattr(
        "portal.jobs.services.app.send_task", lambda name, args, **_: ids.append(args[0])
    )
    return ids


@pytest.fixture
def act(django_capture_on_commit_callbacks):
    """Commits at the end of the block: messages leave, files go."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def run(act, outbox):
    """Does what was sent, and what that sends, until nothing is left."""

    def all_done(limit=60):
        for _ in range(limit):
            if not outbox:
                return
            with act():
                pipeline.run(outbox.pop(0))
        raise AssertionError("messages without end")

    return all_done


@pytest.fixture
def shelter(db):
    return create_shelter(name="Haneul")


@pytest.fixture
def staff(db):
    return User.objects.create_user("staff@example.org", "secret")


@pytest.fixture
def list_dog(shelter, staff, act, outbox):
    """A published dog with a photo of each colour, waiting for its workers."""

    def create(name, *colours, publish=True, **fields):
        with act():
            return create_dog(
                shelter=shelter,
                by=staff,
                fields={"name": name, **fields},
                photos=[file(picture(c, seed=n)) for n, c in enumerate(colours)],
                publish=publish,
            )

    return create


@pytest.fixture
def search(act, outbox):
    """A started search for a colour, or for these bytes."""

    def begin(colour=None, *, data=None, filters=None) -> Query:
        with act():
            return services.start_query(
                file=file(picture(colour) if data is None else data),
                owner=None,
                owner_key="key",
                filters=filters or Filters(),
            )

    return begin


@pytest.fixture
def files(media):
    """Names of the private files there are."""
    return lambda: sorted(str(p.relative_to(media)) for p in media.rglob("*") if p.is_file())


@pytest.fixture
def job_of(db):
    return lambda kind, subject: Job.objects.for_subject(kind, subject).first()


@pytest.fixture
def folders(tmp_path, settings):
    """Where weights are delivered and kept: both empty."""
    settings.MODEL_WEIGHTS_DIR = tmp_path / "delivered"
    settings.MODEL_KEPT_DIR = tmp_path / "kept"
    settings.MODEL_WEIGHTS_DIR.mkdir()
    return settings
