"""Answers of Shelter Manager."""

from __future__ import annotations

import json

from tests.fuzz.mutation import changed_answer
from tests.fuzz.records import read
from tests.portal.feeds.servers import animal

mutated = changed_answer


def one(data: bytes) -> None:
    """Records or FeedError, and records that fit the rows, in kilograms and in pounds."""
    settings = {"address": "https://a.example/service", "username": "pawkin"}
    read("asm3", data, settings)
    read("asm3", data, {**settings, "weight_unit": "lb", "by_api_key": True})


def seeds() -> list[bytes]:
    media = "https://a.example/service?method=media_image&mediaid=%d&ts=17"
    full = animal(
        2, CROSSBREED=0, HASACTIVERESERVE=1, BONDEDANIMALID=1, SIZE=3, WEBSITEIMAGECOUNT=2,
        PHOTOURLS=[media % 4, media % 5], ESTIMATEDDOB=1, BASECOLOURNAME="Mauve",
        WEBSITEMEDIANOTES="<p>Shy &amp; calm.</p><script>x</script><br>Loves kids, chases cats.",
    )  # fmt: skip
    return [
        json.dumps([animal(1), full, animal(3, SPECIESNAME="Cat")]).encode(),
        json.dumps([animal(1, WEBSITEIMAGECOUNT=3, ANIMALNAME="", ISHOLD=1)]).encode(),
        b"ERROR: Invalid username and password",
        b"[]",
    ]
