"""What a test has a cluster do, and how it sees that it was done."""

import io
import uuid

import numpy as np
from django.core.files.base import ContentFile
from PIL import Image

from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters

RED, SAND, BLACK = (200, 20, 20), (210, 180, 140), (15, 15, 15)


def photo_of(colour):
    """A file of one colour, never the same twice."""
    pixels = np.full((240, 320, 3), colour, np.uint8)
    pixels[:4] = np.random.default_rng().integers(0, 255, (4, 320, 3))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95)
    return ContentFile(out.getvalue(), name="photo.jpg")


def search(colour):
    return services.start_query(
        file=photo_of(colour), owner=None, owner_key=uuid.uuid4().hex, filters=Filters()
    )


def is_answered(query):
    return query.rankings.filter(ranked_at__isnull=False).exists()


def is_in(dog, *states):
    return lambda: dog.photos.filter(state__in=states or ["searchable"]).exists()


def answer(query, within, seconds=10):
    within(seconds, lambda: is_answered(query), "an answer")
    return [match.dog for match in query.rankings.get().matches.adoptable()]


def newest_job(kind, subject):
    return Job.objects.for_subject(kind, subject).first()
