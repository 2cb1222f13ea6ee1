"""Filters as they stand in the address of a page, of the pages and of the API."""

from __future__ import annotations

import json
from random import Random
from urllib.parse import quote, unquote_plus

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from portal.api.wishes import NAMES, read_wishes
from portal.dogs.models import Breed, Dog
from portal.matching.filters import Filters, Sort
from portal.shelters.models import Shelter
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import Change, changed_text

VALUES = (
    "yes", "no", "1", "5", "2-4", "4-2", "1-5", "xs", "xl", "puppy", "senior", "male", "mixed",
    "maltese", "black", "37.28,127.01", "-90,180", "90.0000001,0", "gyeonggi-suwon", "25",
    "2026-01-02", "0001-01-01", "9999-12-31", "20260102", "2026-W01-1", "waiting", "nearest",
    "youngest", "보리", "%", "_", "\\", "'", "\0", "１-５", "nan,inf", "٣٧,١٢٧",
)  # fmt: skip


def one(data: bytes) -> None:
    """No address raises; what is read from one reads the same from its own address and from its
    stored form; and the database can be asked for it."""
    try:
        params = QueryDict(data[:4000])
    except SuspiciousOperation:  # too many parameters: 400
        return
    with in_time():
        wishes = Filters.from_params(params)
        check(wishes)
        try:
            assert read_wishes(params) == wishes
        except ValidationError as error:
            json.dumps(error.detail)


def check(wishes: Filters) -> None:
    again = Filters.from_params(QueryDict(wishes.params()))
    assert again == wishes
    assert again.params() == wishes.params()
    stored = wishes.canonical()
    back = Filters.from_canonical(json.loads(json.dumps(stored)))
    assert back.canonical() == stored
    assert back.key() == wishes.key()
    assert len(wishes.key()) == 64
    for chip in wishes.active():
        fewer = wishes.without(chip.name)
        assert fewer != wishes
        assert chip.params_without == fewer.params()
        str(chip.label), str(chip.value)
    if wishes.point:
        assert abs(wishes.point.latitude) <= 90
        assert abs(wishes.point.longitude) <= 180
    assert wishes.sort in ("", *Sort.values)
    list(wishes.in_order(wishes.apply(Dog.objects.all()))[:1])
    assert not set(wishes.breed) - {"mixed", *Breed.objects.values_list("slug", flat=True)}
    assert not set(wishes.shelter) - set(Shelter.objects.values_list("slug", flat=True))


def seeds() -> list[bytes]:
    return [
        b"energy=2-4&unknown=no&size=m&size=s&sex=male&good_with_cats=yes&neutered=no&affinity=5",
        b"age=senior&age=puppy&breed=maltese&breed=mixed&colour=black&colour=white&sort=waiting",
        b"near=37.28,127.01&within=25&sort=nearest&since=2026-01-02&q=%EB%B3%B4%EB%A6%AC+white",
        b"near=gyeonggi-suwon&within=7&q=%00&since=20260102&energy=1-5",
        b"q=" + b"a+" * 40,
        b"",
    ]


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    if not random.randrange(4):
        return change(data)
    pairs = [part.split("=", 1) for part in data.decode("latin-1").split("&") if "=" in part]
    pairs = pairs[:40] or [["q", ""]]
    pair = random.choice(pairs)
    match random.randrange(5):
        case 0:
            pairs.append([random.choice((*NAMES, "sort")), quote(random.choice(VALUES))])
        case 1:
            pair[1] = quote(random.choice(VALUES))
        case 2:
            text = changed_text(unquote_plus(pair[1]), random)
            pair[1] = quote(text.encode("utf-8", "surrogatepass"))
        case 3:
            pair[0] = random.choice(NAMES)
        case _:
            pairs.remove(pair)
    return "&".join("=".join(pair) for pair in pairs).encode("latin-1", "replace")
