"""Changes to bytes, texts and JSON, as a seed of chance says: the same seed, the same change."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

# What a fuzzer changes bytes with: its own mutator, or `changed` below.
Change = Callable[[bytes], bytes]

ODD_TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "﷽", "\u202e", "e\u0301", "é", "ß", "İ", "🐕", "\U0010ffff",
    "NaN", "Infinity", "-0", "1e9999999", "1e-9999999", "0x10", "1_000", "９９", "٣", "½", "+1",
    "00000000", "99991231", "00010101", "9999-12-31T23:59:59-23:59", "0001-01-01", "2026-02-30",
    "<", "<script>", "<br" * 9, "&#0;", "&amp;lt;", "((((", "[[", "{0}", "%s", "%(a)s", "../..",
    "..\\..", "C:\\a", "/etc/passwd", "a/" * 300, "'", '"', "\\", ";", "\r\n", "\n" * 9, "=1+1",
    "null", "None", "true", "겁", "사람", "아이", "믹스", "[개] 믹스견", "2026(60일미만)(년생)",
    "1~1.2(Kg)", "종료(입양)", "보호중", "공고중", "x" * 300, " " * 3000, "한" * 6000,
)  # fmt: skip
ODD_NUMBERS = (
    0, 1, -1, 2, 3, 127, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**63, 2**64, -(2**63),
    10**100, 0.1, -0.0, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
ODD_BYTES = (
    b"", b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\0",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"%00", b"%", b"\r\n\r\n", b"\n", b",",
)  # fmt: skip


def changed(data: bytes, random: Random, most: int = 65_536) -> bytes:
    """A few bytes turned, cut, put in, doubled or exchanged."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 8))):
        at = random.randrange(len(out) + 1)
        length = random.choice((1, 1, 2, 4, 8, random.randrange(64) + 1))
        match random.randrange(7):
            case 0 if at < len(out):
                out[at] ^= 1 << random.randrange(8)
            case 1 if at < len(out):
                out[at] = random.randrange(256)
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = random.choice(ODD_BYTES)
            case 4:
                out[at : at + length] = random.choice(ODD_BYTES)
            case 5:
                out[at:at] = out[at : at + length] * random.choice((1, 2, 30))
            case _:
                out[at:at] = random.randbytes(length)
    return bytes(out[:most])


def changed_text(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    length = random.choice((0, 1, 2, 8))
    match random.randrange(5):
        case 0:
            return random.choice(ODD_TEXTS)
        case 1:
            return text[:at] + text[at + length + 1 :]
        case 2:
            return text[:at] + text[at : at + length] * random.choice((2, 50)) + text[at:]
        case 3:
            return (
                text[:at]
                + chr(random.choice((random.randrange(128), random.randrange(0xD7FF))))
                + text[at:]
            )
        case _:
            return text[:at] + random.choice(ODD_TEXTS) + text[at + length :]


def odd_value(random: Random) -> Any:
    """Something of any type, nested a little or much."""
    return random.choice(
        (
            None, True, False, {}, [], [[]], {"": None}, [None, 1, "a"],
            random.choice(ODD_TEXTS), random.choice(ODD_NUMBERS), str(random.choice(ODD_NUMBERS)),
        )
    )  # fmt: skip


def changed_json(value: Any, random: Random) -> Any:
    """One place of the tree gets another type or value, loses or gains a key, or is doubled."""
    places: list[tuple[Any, Any]] = []

    def look(holder: Any) -> None:
        pairs = (
            list(holder.items()) if isinstance(holder, dict)
            else list(enumerate(holder)) if isinstance(holder, list) else []
        )  # fmt: skip
        for key, below in pairs:
            places.append((holder, key))
            look(below)

    value = [json.loads(json.dumps(value))]
    look(value)
    for _ in range(random.choice((1, 1, 2, 4))):
        holder, key = random.choice(places)
        if (isinstance(holder, dict) and key not in holder) or (
            isinstance(holder, list) and key >= len(holder)
        ):
            continue
        now = holder[key]
        match random.randrange(8):
            case 0:
                del holder[key]
                if holder is value:
                    holder.append(None)
            case 1:
                holder[key] = [now]
            case 2:
                holder[key] = {"item": now}
            case 3 if isinstance(holder, list) and len(holder) < 50:
                holder.insert(key, now)
            case 4 if isinstance(now, dict):
                now[random.choice(ODD_TEXTS)] = odd_value(random)
            case 5 if isinstance(now, int | float):
                holder[key] = random.choice(ODD_NUMBERS)
            case _ if isinstance(now, str) and random.randrange(4):
                holder[key] = changed_text(now, random)
            case _:
                holder[key] = odd_value(random)
    return value[0]


def changed_answer(data: bytes, random: Random, change: Change) -> bytes:
    """An answer in JSON stays JSON most of the time."""
    if random.randrange(8):
        try:
            tree = changed_json(json.loads(data), random)
            told = json.dumps(tree, ensure_ascii=bool(random.randrange(2)))
            return told.encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError, TypeError):
            pass
    return change(data)
