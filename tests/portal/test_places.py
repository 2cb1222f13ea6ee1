"""Where shelters are, read from addresses; distances; places as filters."""

import pytest
from django.http import QueryDict
from django.utils.translation import override

from portal.dogs.models import Dog
from portal.matching.filters import Filters
from portal.shelters.places import Point, place_of, places
from portal.shelters.services import create_shelter


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("경기도 수원시 팔달구 인계동 1", "gyeonggi-suwon"),
        ("서울특별시 종로구 사직로 8", "seoul-jongno-gu"),
        ("강원특별자치도 고성군", "gangwon-goseong-gun"),
        ("경기도 광주시 오포읍", "gyeonggi-gwangju"),
        ("광주광역시 북구 용봉동", "gwangju-buk-gu"),
        ("제주특별자치도 서귀포시", "jeju-seogwipo"),
        ("Suwon", "gyeonggi-suwon"),
        ("수원", "gyeonggi-suwon"),
        ("Seoul", "seoul-jung-gu"),
        ("Sejong", "sejong"),
    ],
)
def test_an_address_names_a_place(text, slug):
    place = place_of(text)
    assert place is not None
    assert place.slug == slug


@pytest.mark.parametrize("text", ["", "고성군", "Atlantis", "중구"])
def test_what_names_none_or_several_is_none(text):
    assert place_of(text) is None


def test_distances_are_those_of_the_earth():
    seoul, busan = Point(37.5665, 126.978), Point(35.1796, 129.0756)
    assert seoul.km_to(busan) == pytest.approx(325, abs=1)
    assert seoul.km_to(seoul) == 0
    assert busan.km_to(seoul) == pytest.approx(seoul.km_to(busan))


def test_every_place_lies_on_the_map():
    for place in places().values():
        x, y = place.point.on_map
        assert 0 < x < 361, place
        assert 0 < y < 342, place


def test_places_have_names_in_both_languages():
    suwon = places()["gyeonggi-suwon"]
    with override("en"):
        assert str(suwon) == "Gyeonggi Suwon"
    with override("ko"):
        assert str(suwon) == "경기 수원시"
        assert str(places()["sejong"]) == "세종"


@pytest.fixture
def around(db, make_dog):
    """Dogs in Suwon, Seoul and Busan, and one of a shelter whose place nobody knows."""
    cities = {"Su": "경기도 수원시", "Se": "서울 강남구", "Bu": "부산 해운대구", "No": ""}
    return {
        name: make_dog(name, shelter=create_shelter(name=name, address=address))
        for name, address in cities.items()
    }


def names(params):
    filters = Filters.from_params(QueryDict(params))
    return [dog.name for dog in filters.in_order(filters.apply(Dog.objects.adoptable()))]


def test_only_dogs_nearby(around):
    assert set(names("near=gyeonggi-suwon&within=50")) == {"Su", "Se", "No"}
    assert set(names("near=gyeonggi-suwon&within=50&unknown=no")) == {"Su", "Se"}
    assert set(names("near=37.28,127.01&within=10&unknown=no")) == {"Su"}
    assert set(names("near=nowhere")) == {"Su", "Se", "Bu", "No"}


def test_the_nearest_come_first(around):
    assert names("near=busan-haeundae-gu&within=200&sort=nearest")[0] == "Bu"
    assert names("near=seoul-jung-gu&within=50&sort=nearest") == ["Se", "Su", "No"]


def test_a_browsers_place_is_rounded_to_a_kilometre():
    filters = Filters.from_params(QueryDict("near=37.56789,126.98765"))
    assert filters.near == "37.57,126.99"
    assert filters.within == 50
    assert Filters.from_params(QueryDict("near=99,300")).near == ""


@pytest.mark.django_db
def test_colours_and_mixed_breeds(make_dog):
    make_dog("White", colours=["white", "black"], mixed=False)
    make_dog("Brown", colours=["brown"], mixed=True)
    make_dog("Unknown", mixed=False)
    assert set(names("colour=white")) == {"White", "Unknown"}
    assert set(names("colour=white&unknown=no")) == {"White"}
    assert set(names("breed=mixed")) == {"Brown"}


@pytest.mark.django_db
def test_since_a_day(make_dog):
    make_dog("Today")
    assert names("since=2000-01-01") == ["Today"]
    assert names("since=2999-01-01") == []
    assert names("since=nonsense") == ["Today"]


@pytest.mark.django_db
def test_the_dogs_page_shows_where(client, around):
    assert 'class="map-dot"' in client.get(f"/dogs/{around['Su'].slug}/").content.decode()
    assert 'class="map-dot"' not in client.get(f"/dogs/{around['No'].slug}/").content.decode()


@pytest.mark.django_db
def test_cards_say_how_far(client, around):
    page = client.get("/dogs/?near=gyeonggi-suwon&within=50").content.decode()
    assert "· 0 km" in page
