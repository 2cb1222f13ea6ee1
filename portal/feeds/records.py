"""What a source tells of a dog, in Pawkin's own words: the seam between sources and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Record:
    """One dog of a source.

    `external_id` is the source's own, stable identity of the dog. `fields` are Dog fields as in
    `portal.dogs.services.update_dog`, without breeds, bonds and status; an unknown fact is absent
    where the source says nothing of it and None where the source says that it is not known.
    `breeds` are slugs of Breed; what could not be mapped stays in `breed_text` and `colour_text`,
    in the source's words. `status` is a Dog.Status value; `adoptable_from` is set where a notice
    period still runs (then `status` is on_hold). `temperament` holds what the source states in
    fields of its own; `suggestions` (trait to value and the words it was read from) what was read
    out of free text, which only staff may take over. `photos` are absolute URLs in order, or names
    within the source's archive. `bonded_with` is another record's external_id.
    """

    external_id: str
    name: str
    fields: Mapping[str, Any]
    breeds: tuple[str, ...] = ()
    breed_text: str = ""
    colour_text: str = ""
    status: str = "available"
    adoptable_from: datetime | None = None
    temperament: Mapping[str, str | int] = field(default_factory=dict)
    suggestions: Mapping[str, tuple[str | int, str]] = field(default_factory=dict)
    photos: tuple[str, ...] = ()
    bonded_with: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Rejected:
    """A row that could not be used: its identity or place in the source, a code, a sentence."""

    where: str
    code: str
    reason: str


@dataclass(frozen=True)
class Page:
    """Records of one request. `cursor` (JSON) leads to the next page and is None on the last.

    `complete` says of the last page whether the run saw every dog that the source lists now, so
    that what was not seen is gone from it.
    """

    records: tuple[Record, ...]
    rejected: tuple[Rejected, ...] = ()
    cursor: Any = None
    total: int | None = None
    complete: bool = False


class Source(Protocol):
    """A protocol that shelters publish by; `incremental` where `since` is of use. Raises
    `portal.feeds.errors.FeedError`."""

    incremental: bool

    def pages(self, *, since: datetime | None, cursor: Any) -> Iterator[Page]:
        """Pages from `cursor` on (None: from the first); `since` asks only for what changed."""
        ...

    def photo(self, reference: str) -> bytes:
        """The bytes of one of a record's photos, fetched under limits."""
        ...
