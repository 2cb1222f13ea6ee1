"""Shelter Manager (ASM3): its service API, json_adoptable_animals, media_image and animal_image
(chapter "Service API" of its manual)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from portal.dogs.models import Dog
from portal.dogs.temperament import Trait
from portal.feeds.errors import FeedError
from portal.feeds.network import Client, Response
from portal.feeds.records import Page, Record
from portal.feeds.sources.datagokr import photo_of
from portal.feeds.sources.reading import (
    Unusable,
    listing,
    moment,
    plain,
    read_rows,
    text,
    whole,
)
from portal.feeds.vocabulary.breeds import breed_of, is_mixed
from portal.feeds.vocabulary.colours import colours_in
from portal.feeds.vocabulary.temperament import suggestions_in

MOST_PHOTOS = 20
_ANSWERS = {0: "yes", 1: "no", 3: "selective"}  # 2 is unknown
_TRAITS = {
    "ISGOODWITHCATS": Trait.GOOD_WITH_CATS,
    "ISGOODWITHDOGS": Trait.GOOD_WITH_DOGS,
    "ISGOODWITHCHILDREN": Trait.GOOD_WITH_CHILDREN,
    "ISGOODWITHELDERLY": Trait.GOOD_WITH_ELDERLY,
    "ISHOUSETRAINED": Trait.HOUSE_TRAINED,
    "ISCRATETRAINED": Trait.CRATE_TRAINED,
    "ISGOODONLEAD": Trait.LEASH_TRAINED,
}
_KG_A_POUND = Decimal("0.45359237")


class Asm3:
    """Settings: `address` (…/service), `account` (hosted sites), `username`, and `weight_unit` (kg
    or lb). `key` is the user's password, or with `by_api_key` the API key."""

    incremental = False

    def __init__(self, client: Client, settings: Mapping[str, Any], key: str) -> None:
        self.client = client
        self.address = text(settings.get("address"), 500)
        if not self.address:
            raise FeedError("feed_settings_missing", "Enter the address of the service.", "address")
        self.pounds = text(settings.get("weight_unit")) == "lb"
        login = (
            {"apikey": key}
            if settings.get("by_api_key")
            else {"username": text(settings.get("username")), "password": key}
        )
        account = text(settings.get("account"))
        self.login = {**({"account": account} if account else {}), **login}

    def pages(self, *, since: datetime | None, cursor: Any) -> Iterator[Page]:
        """One page: all animals that can be adopted."""
        response = self.client.get(
            self.address, params={"method": "json_adoptable_animals", **self.login}
        )
        if response.status != 200:
            raise FeedError("feed_answer_unreadable", "Check the address.", f"{response.status}")
        refuse_told(response)
        rows = response.json()
        if not isinstance(rows, list):
            raise FeedError("feed_answer_unreadable", "Check the address and the login.")
        records, rejected = read_rows(rows, self.read, "ID")
        yield Page(records, rejected, total=len(rows), complete=True)

    def photo(self, reference: str) -> bytes:
        """`reference` is one of `references`, since the address may hold the password."""
        place, _slash, rest = reference.partition("/")
        if place == "media":
            account = {n: v for n, v in self.login.items() if n == "account"}
            query = {"method": "media_image", "mediaid": rest.partition("/")[0], **account}
        else:
            query = {"method": "animal_image", "animalid": place, "seq": rest, **self.login}
        address = f"{self.address}?{urlencode(query)}"
        response = self.client.get(address, max_bytes=20 * 1024 * 1024)
        if response.body.startswith(b"ERROR"):
            raise FeedError("feed_photo_refused", "Ask the source for it.", "told in words")
        return photo_of(response)

    def read(self, row: Mapping[str, Any]) -> Record | None:
        """One animal; None where it is no dog. Raises Unusable."""
        number = text(row.get("ID"), 40)
        if not number:
            raise Unusable("row_without_id", "This row has no ID.")
        species = text(row.get("SPECIESNAME"), 40).lower()
        if species and species not in ("dog", "개"):
            return None
        name = text(row.get("ANIMALNAME"), 80) or text(row.get("SHELTERCODE"), 80)
        if not name:
            raise Unusable("row_without_name", "This row has neither ANIMALNAME nor SHELTERCODE.")
        names = [text(row.get(n), 80) for n in ("BREEDNAME1", "BREEDNAME2", "BREEDNAME")]
        crossed = whole(row.get("CROSSBREED")) == 1
        told = dict.fromkeys(n for n in names[: 2 if crossed else 1] if n)
        told = told or dict.fromkeys(n for n in names[2:] if n)
        slugs = [(n, breed_of(n)) for n in told]
        breeds = tuple(dict.fromkeys(slug for _n, slug in slugs if slug))
        words = plain(row.get("WEBSITEMEDIANOTES")) or plain(row.get("ANIMALCOMMENTS"))
        colour = text(row.get("BASECOLOURNAME"), 80)
        temperament: dict[str, str | int] = {
            trait.value: _ANSWERS[answer]
            for field, trait in _TRAITS.items()
            if (answer := whole(row.get(field))) in _ANSWERS
        }
        energy = whole(row.get("ENERGYLEVEL"))
        if energy is not None and 1 <= energy <= 5:
            temperament[Trait.ENERGY.value] = energy
        bonded = text(row.get("BONDEDANIMALID"), 40)
        held = whole(row.get("HASACTIVERESERVE")) == 1 or whole(row.get("ISHOLD")) == 1
        return Record(
            external_id=number,
            name=name,
            fields={
                "mixed": crossed or not breeds or any(is_mixed(n) for n in names if n),
                "sex": {0: "female", 1: "male"}.get(whole(row.get("SEX")), "unknown"),  # type: ignore[arg-type]
                "neutered": {0: False, 1: True}.get(whole(row.get("NEUTERED"))),  # type: ignore[arg-type]
                "weight_kg": self.weight_of(row.get("WEIGHT")),
                "colours": colours_in(colour),
                "description": words,
                **birth_of(row.get("DATEOFBIRTH"), estimated=whole(row.get("ESTIMATEDDOB")) == 1),
            },
            breeds=breeds,
            breed_text=", ".join(n for n, slug in slugs if not slug)[:80],
            colour_text="" if colours_in(colour) else colour,
            status=(Dog.Status.ON_HOLD if held else Dog.Status.AVAILABLE).value,
            temperament=temperament,
            suggestions=suggestions_in(words),
            photos=references(row, number),
            bonded_with=bonded if bonded not in ("0", "") else "",
            changed_at=moment(row.get("LASTCHANGEDDATE")),
        )

    def weight_of(self, value: Any) -> Decimal | None:
        try:
            weight = Decimal(text(value, 20))
        except InvalidOperation:
            return None
        # Compared, not abs(): that rounds, and overflows for 1e9999999.
        if not weight.is_finite() or not 0 < weight < 1000:
            return None
        weight = (weight * _KG_A_POUND if self.pounds else weight).quantize(Decimal("0.01"))
        return weight if Decimal("0.01") <= weight <= 120 else None


def references(row: Mapping[str, Any], animal: str) -> tuple[str, ...]:
    """`media/id/time of change` where the row names its photos, so that a photo keeps its reference
    when the order changes and gets another when it is edited; else `animalid/seq`."""
    found = []
    for address in listing(row.get("PHOTOURLS")):
        media = re.search(r"[?&]mediaid=(\d{1,12})\b", text(address, 500))
        changed = re.search(r"[?&]ts=(\d{1,12})\b", text(address, 500))
        if media:
            found.append(f"media/{media[1]}/{changed[1] if changed else 0}")
    count = whole(row.get("WEBSITEIMAGECOUNT")) or 0
    found = found or [f"{animal}/{seq}" for seq in range(1, min(count, MOST_PHOTOS) + 1)]
    return tuple(dict.fromkeys(found))[:MOST_PHOTOS]


def refuse_told(response: Response) -> None:
    """What is wrong is told in plain text, with status 200."""
    told = response.body[:200].decode(errors="replace").strip()
    if not told.startswith("ERROR"):
        return
    if "username" in told:
        raise FeedError("feed_key_refused", "Enter the user and the password again.", told)
    raise FeedError("feed_answer_unreadable", "Check the settings of Shelter Manager.", told)


def birth_of(value: Any, *, estimated: bool = False) -> dict[str, Any]:
    found = moment(value)
    if found is None:
        return {}
    born, today = found.date(), timezone.localdate()
    if not today.year - 30 <= born.year or born > today:
        return {}
    precision = Dog.BirthPrecision.YEAR if estimated else Dog.BirthPrecision.DAY
    return {"birth_date": born, "birth_precision": precision.value}
