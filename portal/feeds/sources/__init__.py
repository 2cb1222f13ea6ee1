"""The protocols that shelters publish by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from portal.feeds.errors import FeedError
from portal.feeds.network import Client
from portal.feeds.records import Source
from portal.feeds.sources.asm3 import Asm3
from portal.feeds.sources.csvzip import CsvZip
from portal.feeds.sources.datagokr import DataGoKr
from portal.feeds.sources.rescuegroups import RescueGroups

Opened = Callable[[Client, Mapping[str, Any], str], Source]

SOURCES: dict[str, Opened] = {
    "datagokr": DataGoKr,
    "asm3": Asm3,
    "rescuegroups": RescueGroups,
    "csvzip": CsvZip,
}


def open_source(kind: str, *, client: Client, settings: Mapping[str, Any], key: str = "") -> Source:
    """A source of one of the kinds in SOURCES; `settings` as its class tells. Raises FeedError."""
    if kind not in SOURCES:
        raise FeedError("feed_kind_unknown", f"Choose one of {', '.join(SOURCES)}.", kind)
    return SOURCES[kind](client, settings, key)
