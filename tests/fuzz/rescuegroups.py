"""Answers of RescueGroups."""

from __future__ import annotations

import json
from typing import Any

from tests.fuzz.mutation import changed_answer
from tests.fuzz.records import read
from tests.portal.feeds.servers import rescue

mutated = changed_answer


def one(data: bytes) -> None:
    """Records or FeedError, and records that fit the rows."""
    read("rescuegroups", data, {"organisation": "7"})


def answer(*dogs: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "meta": {"count": len(dogs), "pages": 1, "limit": 250, "pageReturned": 1},
            "data": [{k: v for k, v in dog.items() if k != "included"} for dog in dogs],
            "included": [item for dog in dogs for item in dog["included"]],
        }
    ).encode()


def seeds() -> list[bytes]:
    told = rescue(
        2, "https://a.example", sizeCurrent=40, sizeUOM="Pounds", birthDate="2022-03-04",
        isBirthDateExact=True, isAltered=True, isAdoptionPending=True, breedPrimary="",
        breedSecondary="", isBreedMixed=None, descriptionText="", colorDetails="",
        descriptionHtml="<p>Very active &amp; cuddly.<br>No cats.</p>",
    )  # fmt: skip
    for kind, name in (("breeds", "Beagle"), ("colors", "Black and White")):
        told["relationships"][kind] = {"data": [{"type": kind, "id": "1"}]}
        told["included"].append({"type": kind, "id": "1", "attributes": {"name": name}})
    return [answer(rescue(1, "https://a.example"), told), answer(told), answer()]
