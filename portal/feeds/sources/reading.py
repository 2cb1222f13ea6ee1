"""Values of foreign JSON, of whatever type they turn out to be."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from portal.feeds.errors import FeedError
from portal.feeds.records import Record, Rejected

LETTERS = 5000
# Rows of one answer: all dogs of a source that has no pages, with much to spare.
MOST_ROWS = 50_000
_TAGS = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>|<[^>]{0,2000}>", re.I | re.S)
_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/li|/h\d)\b[^>]{0,200}>", re.I)


class Unusable(Exception):
    """A row that cannot be used, with a code and a sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


def text(value: Any, limit: int = LETTERS) -> str:
    """A line of text; "" for anything that is none. Control characters go."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    # A value can be megabytes long where a few letters are wanted.
    start = str(value).lstrip()[: 2 * limit]
    words = "".join(c if c.isprintable() or c in "\n\t" else " " for c in start)
    return words.encode("utf-8", "ignore").decode().strip()[:limit]


def plain(value: Any) -> str:
    """HTML as text, paragraphs kept."""
    words = _BREAKS.sub("\n", text(value, 4 * LETTERS))
    words = html.unescape(_TAGS.sub(" ", words))
    lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in words.splitlines())
    return text(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)))


def whole(value: Any) -> int | None:
    words = text(value, 20)
    return int(words) if re.fullmatch(r"-?\d{1,9}", words) else None


def moment(value: Any) -> datetime | None:
    """ISO 8601 in whatever shade; a time without zone counts as UTC."""
    words = text(value, 40).replace(" ", "T", 1)
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def listing(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def read_rows(
    rows: Iterable[Any], read: Callable[[Mapping[str, Any]], Record | None], key: str
) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """Each row as a record or a rejection; None means that it is no dog. `key` names its id.

    Raises FeedError where there are more than MOST_ROWS: 32 MB of empty rows would take gigabytes.
    """
    records: dict[str, Record] = {}
    rejected: list[Rejected] = []
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise FeedError(
                "feed_answer_too_large", "Ask for less at once.", f"more than {MOST_ROWS} rows"
            )
        where = text(mapping(row).get(key), 120) or f"row {number}"
        try:
            if not isinstance(row, Mapping):
                raise Unusable("row_unreadable", "This row is no object.")
            record = read(row)
        except Unusable as problem:
            rejected.append(Rejected(where, problem.code, problem.reason))
        else:
            if record is not None:
                records[record.external_id] = record
    return tuple(records.values()), tuple(rejected)
