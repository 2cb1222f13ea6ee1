"""Texts of sources, read into words of ours: breeds, colours, temperament, days and weights."""

from __future__ import annotations

import zlib
from datetime import date, datetime
from decimal import Decimal
from random import Random

from portal.dogs.models import Colour
from portal.feeds.sources import asm3, datagokr, reading, rescuegroups
from portal.feeds.vocabulary.breeds import breed_of, folded, is_mixed
from portal.feeds.vocabulary.colours import WORDS, colours_in
from portal.feeds.vocabulary.temperament import suggestions_in
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import ODD_TEXTS, Change, changed_text
from tests.fuzz.records import check_trait, clean

# The longest cell that csv reads.
LONGEST = 131_072


def one(data: bytes) -> None:
    """Nothing raises, whatever the text, and nothing gets slow where it is repeated."""
    try:
        text = data[:2000].decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        text = data[:2000].decode("utf-8", "replace")
    read(text)
    # One in sixteen is enough: what gets slow does so for many texts that are alike.
    if zlib.crc32(data) % 16 == 0:
        with in_time(2.0):
            read((text * (LONGEST // max(1, len(text)) + 1))[:LONGEST])
    kilos = asm3.Asm3(None, {"address": "a"}, "")  # type: ignore[arg-type]
    pounds = asm3.Asm3(None, {"address": "a", "weight_unit": "lb"}, "")  # type: ignore[arg-type]
    weights = [
        kilos.weight_of(text), pounds.weight_of(text), datagokr.weight_of(text[:40]),
        *(
            rescuegroups.weight_of({"sizeUOM": unit, "sizeCurrent": text})
            for unit in ("Kilograms", "Pounds", "Ounces", text)
        ),
    ]  # fmt: skip
    for weight in weights:
        assert weight is None or Decimal("0.01") <= weight <= 120
    for told in (datagokr.birth_of(text[:60]), asm3.birth_of(text)):
        assert not told or isinstance(told["birth_date"], date)
    row = {"processState": "보호중", "noticeEdt": text, "noticeSdt": text, "happenDt": text}
    datagokr.status_of(row)
    for moment in (reading.moment(text), datagokr.changed_of(text[:40])):
        assert moment is None or isinstance(moment, datetime)


def read(text: str) -> None:
    for trait, (value, words) in suggestions_in(text).items():
        check_trait(trait, value)
        assert len(words) <= 200
    assert set(colours_in(text)) <= set(Colour.values)
    breed_of(text)
    folded(text)
    is_mixed(text)
    clean(reading.text(text), reading.LETTERS)
    clean(reading.text(text, 40), 40)
    clean(reading.plain(text), reading.LETTERS)
    reading.whole(text)


PHRASES = (
    "겁 ", "겁이 많", "사람", "사람을 좋아", "아이들을 ", "없", "않", "Good with cats", "not ",
    "very active", ", ", ". ", "\n", " and ", "지만", "고 사람", "(", "[", "믹스", "Maltese",
    "<br>", "<script>", "</script>", "&lt;", "&#", "20261020", "1~2(Kg)", "2024(년생)",
    "2023-04-05T00:00:00", "+23:59", "  ", "\t", "\xa0", *list(WORDS)[:12],
)  # fmt: skip


def seeds() -> list[bytes]:
    return [phrase.encode() for phrase in (*PHRASES, *ODD_TEXTS[:4], *ODD_TEXTS[5:30])] + [
        b"\xed\xa0\x80 lone",
        "사람을 매우 좋아하지만 고양이는 무서워함. 배변 훈련 완료, 산책 잘함.".encode(),
        b"Loves kids, not good with cats; house trained, very active and cuddly!",
    ]


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    if not random.randrange(4):
        return change(data)
    text = data.decode("utf-8", "replace")
    if random.randrange(2):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(PHRASES) * random.choice((1, 1, 3)) + text[at:]
    else:
        text = changed_text(text, random)
    return text[:2000].encode("utf-8", "surrogatepass")
