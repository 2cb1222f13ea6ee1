"""Lists cost as many questions to the database with five thousand dogs as with five."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs.models import Dog, Photo, TemperamentValue
from portal.insights.models import Prediction
from portal.matching import services
from portal.matching.models import Favourite, Query
from portal.shelters.services import add_member
from tests.portal.answers import answer
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db

DOGS = 5_000
QUERIES = 15


@pytest.fixture
def crowd(shelter):
    now = timezone.now()
    dogs = Dog.objects.bulk_create(
        Dog(
            shelter=shelter,
            slug=f"dog-{number}",
            name=f"Dog {number}",
            status=Dog.Status.AVAILABLE,
            listed_at=now,
            weight_kg=3 + number % 30,
            sex=Dog.Sex.values[number % 2],
        )
        for number in range(DOGS)
    )
    Photo.objects.bulk_create(
        Photo(
            dog=dog,
            sha256=f"{dog.pk}-{n}",
            image="photos/a.jpg",
            thumbnail="thumbnails/a.webp",
            width=960,
            height=1280,
            state=Photo.State.SEARCHABLE,
            position=n,
        )
        for dog in dogs
        for n in range(2)
    )
    TemperamentValue.objects.bulk_create(
        TemperamentValue(dog=dog, trait="good_with_cats", answer="yes", set_at=now) for dog in dogs
    )
    return dogs


@pytest.fixture
def roles(shelter, staff):
    """A client of each role."""
    add_member(shelter=shelter, user=staff)
    users = {"staff": staff, "admin": User.objects.create_superuser("admin@example.org", "x")}
    clients = {"visitor": Client()}
    for role, user in users.items():
        clients[role] = Client()
        clients[role].force_login(user)
    return clients


def test_no_list_asks_more_than_fifteen_questions(
    crowd, roles, version, django_assert_max_num_queries
):
    [member] = User.objects.filter(memberships__isnull=False)
    Favourite.objects.bulk_create(Favourite(dog=dog, owner=member) for dog in crowd[:60])
    visitor = roles["visitor"]
    visitor.post("/search/", {"photo": upload()})
    query = Query.objects.get()
    answer(query, version, [(dog, 90 - n, "strong") for n, dog in enumerate(crowd[:24])])
    services.store_hints(
        pairs=[
            services.Pair(one.pk, two.pk, one.photos.first().pk, two.photos.first().pk, 0.95)
            for one, two in zip(crowd[:40], crowd[40:80], strict=True)
        ]
    )
    Prediction.objects.bulk_create(
        Prediction(purpose="search", outcome="ok", dog=dog, version=version, milliseconds=90)
        for dog in crowd[:200]
    )
    lists = [
        ("visitor", "/"),
        ("visitor", "/dogs/"),
        ("visitor", "/dogs/?page=150"),
        ("visitor", "/dogs/?good_with_cats=yes&size=m&unknown=no&near=seoul&sort=lightest"),
        ("visitor", f"/search/{query.pk}/"),
        ("visitor", "/api/v1/dogs/"),
        ("staff", "/favourites/"),
        ("staff", "/staff/"),
        ("staff", "/staff/dogs/"),
        ("staff", "/staff/dogs/?page=100&status=available"),
        ("staff", "/staff/enquiries/"),
        ("staff", "/staff/members/"),
        ("admin", "/staff/dogs/"),
        ("staff", "/staff/import/"),
        ("staff", "/staff/annotate/"),
        ("admin", "/manage/jobs/"),
        ("admin", "/manage/charts/?span=30d"),
        ("admin", "/manage/answers/"),
        ("admin", "/manage/shelters/"),
        ("admin", "/manage/duplicates/"),
    ]
    for role, address in lists:
        with django_assert_max_num_queries(QUERIES, info=address):
            assert roles[role].get(address).status_code == 200


def test_the_filter_form_is_kept_for_a_minute(client, settings):
    """A page asks for shelters and breeds once a minute, not once a reader."""
    settings.CACHES = {
        **settings.CACHES,
        "template_fragments": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }
    client.get("/dogs/")
    with CaptureQueriesContext(connection) as first:
        client.get("/dogs/?sex=male")
    with CaptureQueriesContext(connection) as again:
        page = client.get("/dogs/?sex=male").content.decode()
    assert len(again) < len(first)
    assert 'name="size"' in page
