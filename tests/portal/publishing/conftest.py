import pytest

from portal.shelters.services import create_shelter


@pytest.fixture
def other_shelter(db):
    return create_shelter(name="Bada")
