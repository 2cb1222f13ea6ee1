"""RescueGroups.org, API version 5 (JSON:API): /public/animals/search/available/dogs, the fields as
its documentation lists them (api.rescuegroups.org/v5/public/docs)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from portal.dogs.models import Dog
from portal.dogs.temperament import Trait
from portal.feeds.errors import FeedError
from portal.feeds.network import Client
from portal.feeds.records import Page, Record
from portal.feeds.sources.asm3 import MOST_PHOTOS, birth_of
from portal.feeds.sources.datagokr import photo_of
from portal.feeds.sources.reading import (
    Unusable,
    listing,
    mapping,
    moment,
    plain,
    read_rows,
    text,
    whole,
)
from portal.feeds.vocabulary.breeds import breed_of, is_mixed
from portal.feeds.vocabulary.colours import colours_in
from portal.feeds.vocabulary.temperament import suggestions_in

ADDRESS = "https://api.rescuegroups.org/v5"
ROWS = 250
MOST_PAGES = 400
# Pictures, breeds and colours of one dog that are looked up, and how many of its names are read.
MOST_LINKS = 200
MOST_NAMES = 20
JSON_API = "application/vnd.api+json"

_TRAITS = {
    "isDogsOk": Trait.GOOD_WITH_DOGS,
    "isCatsOk": Trait.GOOD_WITH_CATS,
    "isKidsOk": Trait.GOOD_WITH_CHILDREN,
    "isSeniorsOk": Trait.GOOD_WITH_ELDERLY,
    "isHousetrained": Trait.HOUSE_TRAINED,
}
# Letters only, in lower case: spelling varies.
_QUALITIES = {
    "cratetrained": Trait.CRATE_TRAINED,
    "leashtrained": Trait.LEASH_TRAINED,
    "housetrained": Trait.HOUSE_TRAINED,
}
_ENERGY = {
    "low": 2, "moderate": 3, "high": 5, "not active": 1, "slightly active": 2,
    "moderately active": 3, "highly active": 5,
}  # fmt: skip
_KG = {
    "kilograms": Decimal(1), "pounds": Decimal("0.45359237"), "ounces": Decimal("0.0283495"),
}  # fmt: skip
_PEOPLE = {"cautious": 2, "friendly": 4, "protective": 2, "aggressive": 1}


class RescueGroups:
    """Settings: `organisation` (an id: that organisation's dogs only), `address` where it differs.
    `key` goes into the Authorization header."""

    incremental = False

    def __init__(self, client: Client, settings: Mapping[str, Any], key: str) -> None:
        self.client = client
        self.address = (text(settings.get("address"), 500) or ADDRESS).rstrip("/")
        self.organisation = text(settings.get("organisation"), 40)
        self.headers = {
            "Authorization": key, "Content-Type": JSON_API, "Accept": JSON_API,
        }  # fmt: skip

    def pages(self, *, since: datetime | None, cursor: Any) -> Iterator[Page]:
        """A cursor is the number of the page."""
        number = int(cursor or 1)
        place = f"{self.address}/public/animals/search/available/dogs/"
        filters = [
            {"fieldName": "orgs.id", "operation": "equals", "criteria": self.organisation}
        ] if self.organisation else []  # fmt: skip
        while True:
            response = self.client.post(
                f"{place}?limit={ROWS}&page={number}&include=pictures,breeds,colors"
                "&sort=animals.id",
                content=json.dumps({"data": {"filters": filters}}).encode(),
                headers=self.headers,
            )
            if response.status != 200:
                raise FeedError(
                    "feed_answer_unreadable", "Check the settings.", f"{response.status}"
                )
            answer = mapping(response.json())
            if not isinstance(answer.get("data"), list):
                # An answer that breaks off must not pass for one that lists nobody.
                raise FeedError("feed_answer_unreadable", "Try again later.", "no data")
            meta = mapping(answer.get("meta"))
            included = {
                (text(mapping(i).get("type"), 40), text(mapping(i).get("id"), 40)): mapping(i)
                for i in listing(answer.get("included"))
            }
            rows = listing(answer.get("data"))
            records, rejected = read_rows(rows, partial(read, included=included), "id")
            pages = whole(meta.get("pages"))
            # Where it is not told how many there are, an empty one is the last.
            unread = bool(rows) and (pages is None or number < pages)
            more = unread and number < MOST_PAGES
            yield Page(
                records,
                rejected,
                cursor=number + 1 if more else None,
                total=whole(meta.get("count")),
                complete=not unread,
            )
            if not more:
                return
            number += 1

    def photo(self, reference: str) -> bytes:
        return photo_of(self.client.get(reference, max_bytes=20 * 1024 * 1024))


def read(
    row: Mapping[str, Any], included: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Record | None:
    """One animal of `data`, with what is included. Raises Unusable."""
    number = text(row.get("id"), 40)
    if not number:
        raise Unusable("row_without_id", "This row has no id.")
    told = mapping(row.get("attributes"))
    name = plain(told.get("name"))[:80]
    if not name:
        raise Unusable("row_without_name", "This dog has no name.")

    def related(kind: str) -> list[Mapping[str, Any]]:
        links = mapping(mapping(row.get("relationships")).get(kind)).get("data")
        keys = [
            (text(mapping(link).get("type"), 40), text(mapping(link).get("id"), 40))
            for link in (links[:MOST_LINKS] if isinstance(links, list) else [links])
        ]
        return [mapping(included[key].get("attributes")) for key in keys if key in included]

    names = [text(told.get(n), 80) for n in ("breedPrimary", "breedSecondary")]
    names = [n for n in names if n] or [
        text(b.get("name"), 80) for b in related("breeds")[:MOST_NAMES]
    ]
    slugs = [(n, breed_of(n)) for n in dict.fromkeys(n for n in names if n)]
    breeds = tuple(dict.fromkeys(slug for _n, slug in slugs if slug))
    colour = text(told.get("colorDetails"), 80) or ", ".join(
        text(c.get("name"), 40) for c in related("colors")[:MOST_NAMES]
    )
    words = text(told.get("descriptionText")) and plain(told.get("descriptionText"))
    words = words or plain(told.get("descriptionHtml"))
    temperament: dict[str, str | int] = {
        trait.value: "yes" if told[field] else "no"
        for field, trait in _TRAITS.items()
        if isinstance(told.get(field), bool)
    }
    for quality in listing(told.get("qualities")):
        known = _QUALITIES.get(re.sub(r"[^a-z]", "", text(quality, 40).lower()))
        if known:
            temperament.setdefault(known.value, "yes")
    for field, trait, levels in (
        ("activityLevel", Trait.ENERGY, _ENERGY),
        ("energyLevel", Trait.ENERGY, _ENERGY),
        ("newPeopleReaction", Trait.SOCIABILITY, _PEOPLE),
    ):
        level = levels.get(text(told.get(field), 40).lower())
        if level:
            temperament[trait.value] = level
    sex = text(told.get("sex"), 10).lower()
    exact = text(told.get("birthDate"), 40)
    crossed = told.get("isBreedMixed")
    return Record(
        external_id=number,
        name=name,
        fields={
            "mixed": crossed if isinstance(crossed, bool) else (
                not breeds or len(slugs) > 1 or any(is_mixed(n) for n in names)
            ),
            "sex": sex if sex in ("male", "female") else "unknown",
            "weight_kg": weight_of(told),
            "neutered": told["isAltered"] if isinstance(told.get("isAltered"), bool) else None,
            "colours": colours_in(colour),
            "description": words,
            # An age group is no date: nothing is made up of it.
            **birth_of(exact, estimated=told.get("isBirthDateExact") is not True),
        },
        breeds=breeds,
        breed_text=", ".join(n for n, slug in slugs if not slug)[:80],
        colour_text="" if colours_in(colour) else colour[:80],
        status=(
            Dog.Status.ON_HOLD
            if told.get("isAdoptionPending") is True or whole(told.get("isAdoptionPending")) == 1
            else Dog.Status.AVAILABLE
        ).value,
        temperament=temperament,
        suggestions=suggestions_in(words),
        photos=pictures(related("pictures")),
        changed_at=moment(told.get("updatedDate")),
    )  # fmt: skip


def weight_of(told: Mapping[str, Any]) -> Decimal | None:
    """Sizes are weights in some units, heights in others."""
    unit = _KG.get(text(told.get("sizeUOM"), 20).lower())
    try:
        size = Decimal(text(told.get("sizeCurrent"), 20))
    except InvalidOperation:
        return None
    if unit is None or not size.is_finite() or not 0 < size < 10_000:
        return None
    weight = (size * unit).quantize(Decimal("0.01"))
    return weight if Decimal("0.01") <= weight <= 120 else None


def pictures(found: list[Mapping[str, Any]]) -> tuple[str, ...]:
    """Addresses in their order, the largest size of each."""
    ordered = sorted(found, key=lambda picture: whole(picture.get("order")) or 0)
    urls = (
        text(mapping(picture.get(size)).get("url"), 500)
        for picture in ordered
        for size in [next((s for s in ("original", "large", "small") if picture.get(s)), "")]
    )
    told = dict.fromkeys(url for url in urls if url.startswith(("http://", "https://")))
    return tuple(told)[:MOST_PHOTOS]
