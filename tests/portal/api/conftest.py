"""Callers of the API, and what they call about."""

import pytest
from django.test import Client

from portal.accounts.models import User
from portal.api.services import create_token
from portal.shelters.services import add_member, create_shelter


@pytest.fixture(autouse=True)
def fresh_counts():
    """Nobody is throttled for what another test did."""
    from django.core.cache import cache

    cache.clear()


@pytest.fixture
def caller(db):
    """A client that shows a token of a user with these scopes."""

    def make(user, *scopes, shelter=None):
        _token, secret = create_token(user=user, name="test", scopes=scopes, shelter=shelter)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def adopter(db):
    return User.objects.create_user("adopter@example.org", "secret")


@pytest.fixture
def admin(db):
    return User.objects.create_superuser("admin@example.org", "secret")


@pytest.fixture
def member(staff, shelter):
    """Staff of the shelter."""
    add_member(shelter=shelter, user=staff)
    return staff


@pytest.fixture
def other_shelter(db):
    return create_shelter(name="Bada")
