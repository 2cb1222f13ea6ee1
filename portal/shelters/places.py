"""Cities, counties and metropolitan districts of South Korea with their middles, so that distances
and a map need no other site.

`places.csv` holds centroids computed from the boundaries that Statistics Korea (KOSTAT) published
for 2018, free to share or remix, with later changes of names; exact to a few kilometres.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.utils.translation import get_language

EARTH_KM = 6371.0
# static/img/korea.svg is an equirectangular picture: its left and upper edge, the parallel on which
# it is true to shape, and units a degree.
MAP_LEFT, MAP_TOP, MAP_PARALLEL, MAP_SCALE = 124.55, 38.7, 36.2, 60.0

LONG_NAMES = {
    "서울특별시": "서울", "부산광역시": "부산", "대구광역시": "대구", "인천광역시": "인천",
    "광주광역시": "광주", "대전광역시": "대전", "울산광역시": "울산", "세종특별자치시": "세종",
    "경기도": "경기", "강원특별자치도": "강원", "강원도": "강원", "충청북도": "충북",
    "충청남도": "충남", "전북특별자치도": "전북", "전라북도": "전북", "전라남도": "전남",
    "경상북도": "경북", "경상남도": "경남", "제주특별자치도": "제주",
}  # fmt: skip


@dataclass(frozen=True)
class Point:
    """Degrees north and east."""

    latitude: float
    longitude: float

    def km_to(self, other: Point) -> float:
        """Great-circle distance in kilometres (haversine)."""
        north, other_north = math.radians(self.latitude), math.radians(other.latitude)
        east = math.radians(other.longitude - self.longitude)
        half = (
            math.sin((other_north - north) / 2) ** 2
            + math.cos(north) * math.cos(other_north) * math.sin(east / 2) ** 2
        )
        return 2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half)))

    @property
    def on_map(self) -> tuple[float, float]:
        """Where it lies on static/img/korea.svg, in its units."""
        shrink = math.cos(math.radians(MAP_PARALLEL))
        x = (self.longitude - MAP_LEFT) * shrink * MAP_SCALE
        return round(x, 1), round((MAP_TOP - self.latitude) * MAP_SCALE, 1)


@dataclass(frozen=True)
class Place:
    slug: str
    province_ko: str
    name_ko: str
    province_en: str
    name_en: str
    point: Point

    def __str__(self) -> str:
        if get_language() == "ko":
            names = [self.province_ko, self.name_ko]
        else:
            names = [self.province_en, self.name_en]
        # Sejong is its own province, and Jeju's larger city has its name.
        return names[0] if names[1].removesuffix("시") == names[0] else " ".join(names)


@cache
def places() -> dict[str, Place]:
    """All of them by slug."""
    with (Path(__file__).parent / "places.csv").open(encoding="utf-8") as file:
        return {
            row["slug"]: Place(
                row["slug"],
                row["province_ko"],
                row["name_ko"],
                row["province_en"],
                row["name_en"],
                Point(float(row["latitude"]), float(row["longitude"])),
            )
            for row in csv.DictReader(file)
        }


def place_of(text: str) -> Place | None:
    """The place that an address or a city names, in Korean or English; None where it names none, or
    one of several of that name without saying which."""
    words = text.replace(",", " ").split()
    spoken = {LONG_NAMES.get(word, word) for word in words}
    lower = {word.lower().removesuffix("-si") for word in words}
    inside = [
        p for p in places().values() if p.province_ko in spoken or p.province_en.lower() in lower
    ]
    named = [p for p in places().values() if p.name_ko in spoken or p.name_en.lower() in lower]
    both = [p for p in named if p in inside]
    if both:
        # "Jeju Seogwipo" names the smaller of the two.
        return min(both, key=lambda p: p.name_en == p.province_en)
    if named:
        return named[0] if len(named) == 1 else None
    short = [p for p in places().values() if p.name_ko.removesuffix("시") in spoken]
    if len(short) == 1:
        return short[0]
    return _middle([p for p in inside if p.name_ko.endswith("구")])


def _middle(districts: Sequence[Place]) -> Place | None:
    """Seoul or Busan without a district: the one nearest to the middle of all of them."""
    if not districts:
        return None
    middle = Point(
        sum(p.point.latitude for p in districts) / len(districts),
        sum(p.point.longitude for p in districts) / len(districts),
    )
    return min(districts, key=lambda p: p.point.km_to(middle))
