"""Addresses with a NUL in them are refused before a database is asked."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address", ["/dogs/a%00/", "/dogs/?shelter=%00", "/dogs/?%00=1", "/photos/%00/full/"]
)
def test_pages(address, client):
    assert client.get(address).status_code == 400


@pytest.mark.parametrize("address", ["/api/v1/dogs/a%00/", "/api/v1/dogs/?cursor=%00"])
def test_the_api(address, client):
    answer = client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
