"""A feed's source over an answer that is made up, and whether its records fit the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.dogs.models import Breed, Colour, Dog
from portal.dogs.temperament import ANSWER_TRAITS, SCALE, SCALE_TRAITS, Answer
from portal.feeds.errors import FeedError
from portal.feeds.models import FeedEntry, FeedRejection, FeedRun
from portal.feeds.network import Client, Response
from portal.feeds.records import Page, Record, Rejected
from portal.feeds.services import digest_of, values_of
from portal.feeds.sources import open_source
from tests.fuzz.bounds import in_time

FIELDS = {
    "mixed", "sex", "neutered", "weight_kg", "colours", "description", "health", "birth_date",
    "birth_precision", "tags",
}  # fmt: skip
# The server repeats itself, so a source that never ends is stopped here.
REQUESTS = 12


class Repeating(Client):
    """Gives the same answer to every request, and after some none."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body, self.asked = body, 0

    def _patiently(self, method: str, url: str, headers: Any, body: Any, limit: int) -> Response:
        self.asked += 1
        if self.asked > REQUESTS:
            raise FeedError("feed_unreachable", "Try again later.", "enough")
        return Response(200, {}, self.body, url)


def read(kind: str, body: bytes, settings: Mapping[str, Any]) -> list[Page]:
    """All pages that the source makes of the answer; [] where it refuses it."""
    with in_time():
        try:
            source = open_source(kind, client=Repeating(body), settings=settings, key="k")
            pages = list(source.pages(since=None, cursor=None))
        except FeedError as error:
            check_refusal(error)
            return []
    for page in pages:
        json.dumps(page.cursor)
        for record in page.records:
            check(record)
        for rejected in page.rejected:
            check_rejected(rejected)
    return pages


def check_refusal(error: FeedError) -> None:
    assert error.code.startswith("feed_"), error.code
    clean(error.code, longest(FeedRun, "error_code"))
    clean(error.message)


def clean(text: str, most: int | None = None) -> None:
    """A text that both databases take: UTF-8, without NUL, no longer than its column."""
    assert isinstance(text, str), type(text)
    text.encode()
    assert "\0" not in text
    assert most is None or len(text) <= most, (len(text), most)


def longest(model: Any, name: str) -> int:
    return int(model._meta.get_field(name).max_length)


def check_rejected(rejected: Rejected) -> None:
    # The rest is cut off where it is stored.
    clean(rejected.where)
    clean(rejected.reason)
    clean(rejected.code, longest(FeedRejection, "code"))
    assert rejected.reason


def check(record: Record) -> None:
    """That a record can be stored as it is."""
    clean(record.external_id, 100)
    assert record.external_id
    clean(record.name, longest(Dog, "name"))
    assert record.name
    for name in ("breed_text", "colour_text", "bonded_with"):
        clean(getattr(record, name), longest(FeedEntry, name))
    assert set(record.fields) <= FIELDS
    check_fields(record.fields)
    assert record.status in Dog.Status.values
    known = set(Breed.objects.values_list("slug", flat=True)) if record.breeds else set()
    assert set(record.breeds) <= known
    assert record.adoptable_from is None or isinstance(record.adoptable_from, datetime)
    assert record.adoptable_from is None or record.adoptable_from.tzinfo
    for trait, value in record.temperament.items():
        check_trait(trait, value)
    for trait, (value, words) in record.suggestions.items():
        check_trait(trait, value)
        clean(words)
    for photo in record.photos:
        clean(photo)
    json.dumps(values_of(record))
    assert len(digest_of(record)) == 64


def check_fields(fields: Mapping[str, Any]) -> None:
    weight = fields.get("weight_kg")
    if weight is not None:
        assert isinstance(weight, Decimal)
        assert Decimal("0.01") <= weight <= 120
        assert weight == weight.quantize(Decimal("0.01"))
    born = fields.get("birth_date")
    assert born is None or (isinstance(born, date) and not isinstance(born, datetime))
    assert fields.get("sex", "unknown") in Dog.Sex.values
    assert fields.get("neutered") in (None, True, False)
    assert fields.get("mixed", True) in (True, False)
    assert set(fields.get("colours", [])) <= set(Colour.values)
    for name in ("description", "health"):
        clean(fields.get(name, ""))
    for tag in fields.get("tags", []):
        clean(tag)


def check_trait(trait: str, value: str | int) -> None:
    if trait in {t.value for t in SCALE_TRAITS}:
        assert value in SCALE
    else:
        assert trait in {t.value for t in ANSWER_TRAITS}
        assert value in Answer.values
