"""Writes on feeds: runs, and the dogs that come of them."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs import services as dogs
from portal.dogs.models import Breed, Dog, Photo
from portal.dogs.storage import StorageAway
from portal.dogs.temperament import SCALE_TRAITS
from portal.dogs.uploads import Refusal
from portal.feeds.errors import FeedError
from portal.feeds.models import (
    Feed,
    FeedEntry,
    FeedPhoto,
    FeedRejection,
    FeedRun,
    TemperamentSuggestion,
)
from portal.feeds.records import Page, Record, Rejected
from portal.feeds.secrets import encrypt
from portal.jobs.models import Job
from portal.jobs.services import cancel_all, enqueue
from portal.shelters.models import Shelter

# Records stored in one transaction, which holds SQLite's only write lock.
AT_ONCE = 25
# A run that would withdraw more is stopped: it is likelier that the source has a fault.
MANY, MOST = 10, 0.5
RUNS_KEPT = 50
ENDED = (Dog.Status.ADOPTED.value, Dog.Status.WITHDRAWN.value)

log = logging.getLogger(__name__)


@transaction.atomic
def create_feed(
    *,
    shelter: Shelter,
    kind: str,
    name: str,
    settings: Mapping[str, Any] | None = None,
    key: str = "",
    every_hours: int | None = None,
) -> Feed:
    return Feed.objects.create(
        shelter=shelter,
        kind=kind,
        name=name,
        settings=dict(settings or {}),
        key=encrypt(key),
        every_hours=every_hours,
        next_run_at=timezone.now() if every_hours else None,
    )


def update_feed(*, feed: Feed, key: str | None = None, **fields: Any) -> Feed:
    """Writes name, settings, enabled, every_hours, may_withdraw_many and, where given, the key."""
    if key is not None:
        fields["key"] = encrypt(key)
    if "every_hours" in fields:
        hours = fields["every_hours"]
        fields["next_run_at"] = timezone.now() + timedelta(hours=hours) if hours else None
    for field, value in fields.items():
        setattr(feed, field, value)
    feed.save(update_fields=list(fields))
    return feed


def delete_feed(*, feed: Feed) -> None:
    """The feed goes; its dogs stay with the shelter."""
    cancel_all(kind=Job.Kind.IMPORT_FEED, subjects=[feed.pk])
    feed.delete()


def request_run(*, feed: Feed) -> Job:
    """Has a feed read; while it is being read, that job."""
    return enqueue(kind=Job.Kind.IMPORT_FEED, subject=feed.pk, queue=Job.Queue.BATCH)


def start_due_feeds() -> int:
    """Enqueues the feeds whose time has come; the number of them."""
    due = list(Feed.objects.due())
    for feed in due:
        request_run(feed=feed)
        feed.next_run_at = timezone.now() + timedelta(hours=feed.every_hours or 24)
        feed.save(update_fields=["next_run_at"])
    return len(due)


def publish_after_notice() -> int:
    """Lists the dogs whose notice has run out, unless staff gave them another status."""
    now = timezone.now()
    waiting = FeedEntry.objects.filter(
        adoptable_from__lte=now, dog__status=Dog.Status.ON_HOLD, gone_at=None
    )
    count = 0
    for entry in waiting.select_related("dog"):
        with transaction.atomic():
            if entry.applied.get("status") == Dog.Status.ON_HOLD:
                dogs.publish_dog(dog=entry.dog)
                entry.applied["status"] = Dog.Status.AVAILABLE.value
                count += 1
            entry.adoptable_from = None
            entry.save(update_fields=["applied", "adoptable_from"])
    return count


@transaction.atomic
def open_run(*, feed: Feed, incremental: bool) -> FeedRun:
    """The run that was stopped, or a new one of everything.

    With the setting `whole_every_hours`, a source that can tell is asked between whole readings
    for what changed since the last run; a dog that vanishes without a word is then found gone only
    by the next whole one.
    """
    running = feed.runs.filter(state=FeedRun.State.RUNNING).first()
    if running is not None:
        return running
    ended = feed.runs.filter(state=FeedRun.State.DONE)
    whole = ended.filter(since=None, complete=True).first()
    last = ended.first()
    hours = feed.settings.get("whole_every_hours")
    between = timedelta(hours=hours) if type(hours) is int and 0 < hours <= 168 else timedelta(0)
    recent = whole is not None and whole.started_at > timezone.now() - between
    since = last.started_at if incremental and recent and last else None
    old = list(feed.runs.values_list("pk", flat=True)[RUNS_KEPT:])
    FeedRun.objects.filter(pk__in=old).delete()
    return FeedRun.objects.create(feed=feed, since=since)


def apply_page(*, run: FeedRun, page: Page, at: Any) -> None:
    """Stores a page's records, a few in a transaction, from where an earlier try got to. `at` is
    the page's own cursor."""
    if run.cursor != at:
        FeedRun.objects.filter(pk=run.pk).update(cursor=at, offset=0)
        run.cursor, run.offset = at, 0
    if run.offset == 0:
        add_rejections(run=run, rejected=page.rejected)
    for first in range(run.offset, len(page.records), AT_ONCE):
        _apply(run, page.records[first : first + AT_ONCE])
    last = page.cursor is None
    FeedRun.objects.filter(pk=run.pk).update(
        cursor=page.cursor, offset=0, read_all=last, complete=page.complete
    )
    run.cursor, run.offset, run.read_all, run.complete = page.cursor, 0, last, page.complete


@transaction.atomic
def add_rejections(*, run: FeedRun, rejected: Iterable[Rejected]) -> None:
    FeedRejection.objects.bulk_create(
        [
            FeedRejection(run=run, where=r.where[:200], code=r.code, reason=r.reason[:300])
            for r in rejected
        ],
        ignore_conflicts=True,
    )
    run.rejected = run.rejections.filter(of_photo=False).count()
    run.save(update_fields=["rejected"])


@transaction.atomic
def _apply(run: FeedRun, records: Sequence[Record]) -> None:
    ids = [record.external_id for record in records]
    known = {
        entry.external_id: entry
        for entry in FeedEntry.objects.filter(feed=run.feed_id, external_id__in=ids)
        .select_related("dog")
        .select_for_update(of=("self",))
    }
    breeds = {
        breed.slug: breed
        for breed in Breed.objects.filter(slug__in={slug for r in records for slug in r.breeds})
    }
    counts = {"new": 0, "changed": 0, "unchanged": 0}
    seen: list[int] = []
    for record in records:
        entry = known.get(record.external_id)
        digest = digest_of(record)
        if entry is None:
            if record.status in ENDED:
                # Its end is news only of a dog that was there.
                counts["unchanged"] += 1
                continue
            entry = _new_entry(run, record, digest, breeds)
            known[record.external_id] = entry
            counts["new"] += 1
        elif entry.digest == digest and entry.gone_at is None:
            counts["unchanged"] += 1
        else:
            _update_entry(entry, record, digest, breeds)
            counts["changed"] += 1
        seen.append(entry.pk)
    FeedEntry.objects.filter(pk__in=seen).update(seen_in=run)
    FeedRun.objects.filter(pk=run.pk).update(
        offset=F("offset") + len(records), **{name: F(name) + n for name, n in counts.items()}
    )
    run.offset += len(records)


def _new_entry(run: FeedRun, record: Record, digest: str, breeds: Mapping[str, Breed]) -> FeedEntry:
    feed = run.feed
    dog = dogs.create_dog(
        shelter=feed.shelter,
        by=None,
        fields={
            "name": record.name,
            # Unique in the shelter, whatever other feeds call their dogs.
            "external_id": f"feed {feed.pk}: {record.external_id}"[:120],
            **record.fields,
            "breeds": [breeds[slug] for slug in record.breeds if slug in breeds],
        },
        temperament=record.temperament,
        queue=Job.Queue.BATCH,
    )
    if record.status != Dog.Status.DRAFT:
        dogs.set_status(dog=dog, status=record.status, by=None)
    entry = FeedEntry.objects.create(
        feed=feed,
        external_id=record.external_id,
        dog=dog,
        digest=digest,
        applied=values_of(record),
        breed_text=record.breed_text,
        colour_text=record.colour_text,
        bonded_with=record.bonded_with,
        adoptable_from=record.adoptable_from,
    )
    _write_photos(entry, record)
    _suggest(dog, record)
    return entry


def _update_entry(
    entry: FeedEntry, record: Record, digest: str, breeds: Mapping[str, Breed]
) -> None:
    dog, before, now = entry.dog, entry.applied, values_of(record)
    has = {name: as_json(getattr(dog, name)) for name in ("name", *record.fields)}
    fields: dict[str, Any] = {
        name: value
        for name, value in {"name": record.name, **record.fields}.items()
        if has[name] == before.get(name, has[name])
    }
    slugs = sorted(dog.breeds.values_list("slug", flat=True))
    if slugs == before.get("breeds", slugs):
        fields["breeds"] = [breeds[slug] for slug in record.breeds if slug in breeds]
    by_hand = set(dog.temperament.exclude(set_by=None).values_list("trait", flat=True))
    told = {t: v for t, v in record.temperament.items() if t not in by_hand}
    dropped = {
        trait: None
        for trait in before.get("temperament", {})
        if trait not in record.temperament and trait not in by_hand
    }
    dogs.update_dog(dog=dog, by=None, fields=fields, temperament={**dropped, **told})
    # What staff decided stays; an end, and a return after one, is the source's to tell.
    theirs = before.get("status") == dog.status
    if dog.status != record.status and (theirs or record.status in ENDED or entry.gone_at):
        dogs.set_status(dog=dog, status=record.status, by=None)
    entry.digest, entry.applied, entry.gone_at = digest, now, None
    entry.breed_text, entry.colour_text = record.breed_text, record.colour_text
    entry.bonded_with, entry.adoptable_from = record.bonded_with, record.adoptable_from
    entry.save()
    _write_photos(entry, record)
    _suggest(dog, record)


def _write_photos(entry: FeedEntry, record: Record) -> None:
    """Rows for new references; photos that the source no longer names go."""
    wanted = list(dict.fromkeys(reference[:500] for reference in record.photos))
    wanted = wanted[: dogs.PHOTOS_PER_DOG]
    there = {row.reference: row for row in entry.photos.select_related("photo")}
    for reference, row in there.items():
        if reference not in wanted:
            if row.photo is not None:
                dogs.delete_photo(photo=row.photo)
            FeedPhoto.objects.filter(pk=row.pk).delete()
    FeedPhoto.objects.bulk_create(
        [
            FeedPhoto(entry=entry, reference=reference, position=position)
            for position, reference in enumerate(wanted)
            if reference not in there
        ]
    )


def _suggest(dog: Dog, record: Record) -> None:
    for trait, (value, words) in record.suggestions.items():
        if trait in record.temperament:
            continue
        scale = trait in SCALE_TRAITS
        TemperamentSuggestion.objects.get_or_create(
            dog=dog,
            trait=trait,
            defaults={
                "answer": "" if scale else str(value),
                "level": int(value) if scale else None,
                "words": words[:200],
            },
        )


def next_photos(feed: Feed, limit: int) -> list[FeedPhoto]:
    """Photos of dogs that are still listed, neither fetched nor refused."""
    waiting = FeedPhoto.objects.filter(
        entry__feed=feed, photo=None, error_code="", entry__gone_at=None
    ).exclude(entry__dog__status__in=ENDED)
    return list(waiting.select_related("entry__dog").order_by("position", "pk")[:limit])


def store_photo(*, run: FeedRun, row: FeedPhoto, data: bytes) -> None:
    """Adds a fetched photo to its dog, or says why not. Raises StorageAway; it is then fetched anew
    later."""
    name = row.reference.rpartition("/")[2][:100] or "photo"
    [result] = dogs.add_photos(
        dog=row.entry.dog, files=[ContentFile(data, name=name)], queue=Job.Queue.BATCH
    )
    if isinstance(result, Refusal) and result.code == "storage_away":
        raise StorageAway(row.reference)
    sha256 = hashlib.sha256(data).hexdigest()
    if isinstance(result, Refusal) and result.code == "photo_already_there":
        result = row.entry.dog.photos.get(sha256=sha256)
    if isinstance(result, Photo):
        FeedPhoto.objects.filter(pk=row.pk).update(photo=result, sha256=sha256)
        FeedRun.objects.filter(pk=run.pk).update(photos=F("photos") + 1)
    else:
        refuse_photo(run=run, row=row, code=result.code)


@transaction.atomic
def refuse_photo(*, run: FeedRun, row: FeedPhoto, code: str) -> None:
    FeedPhoto.objects.filter(pk=row.pk).update(error_code=code)
    FeedRun.objects.filter(pk=run.pk).update(photos_refused=F("photos_refused") + 1)
    FeedRejection.objects.get_or_create(
        run=run,
        where=f"{row.entry.external_id} photo {row.position + 1}"[:200],
        code=code,
        defaults={"reason": "This photo was left out.", "of_photo": True},
    )


def finish_run(*, run: FeedRun) -> None:
    """Bonds dogs, withdraws those that are gone from the source, and ends the run.

    Raises FeedError, with nothing withdrawn, where most of the dogs would go.
    """
    bond(run.feed)
    run.refresh_from_db()
    withdrawn = withdraw_missing(run=run) if run.complete and run.since is None else 0
    FeedRun.objects.filter(pk=run.pk).update(
        state=FeedRun.State.DONE, withdrawn=withdrawn, finished_at=timezone.now()
    )
    Feed.objects.filter(pk=run.feed_id).update(may_withdraw_many=False)


def fail_run(*, run: FeedRun, code: str, detail: str = "") -> None:
    FeedRun.objects.filter(pk=run.pk, state=FeedRun.State.RUNNING).update(
        state=FeedRun.State.FAILED,
        error_code=code,
        error_detail=detail[:2000],
        finished_at=timezone.now(),
    )


def withdraw_missing(*, run: FeedRun) -> int:
    """Withdraws the listed dogs that this whole reading did not see; the number of them."""
    listed = FeedEntry.objects.filter(feed=run.feed_id, gone_at=None)
    listed = listed.exclude(dog__status__in=ENDED)
    missing = list(listed.exclude(seen_in=run).select_related("dog"))
    many = len(missing) > MANY and len(missing) > MOST * listed.count()
    if many and not run.feed.may_withdraw_many:
        raise FeedError(
            "feed_suspicious",
            "Look at the source, then confirm that these dogs are gone.",
            f"{len(missing)} dogs",
        )
    for first in range(0, len(missing), AT_ONCE):
        with transaction.atomic():
            for entry in missing[first : first + AT_ONCE]:
                dogs.set_status(dog=entry.dog, status=Dog.Status.WITHDRAWN, by=None)
                entry.gone_at = timezone.now()
                entry.save(update_fields=["gone_at"])
    return len(missing)


def bond(feed: Feed) -> None:
    """Bonds the pairs that the feed tells of, where both are there and free."""
    pairs = FeedEntry.objects.filter(feed=feed, dog__bonded_with=None).exclude(bonded_with="")
    for entry in pairs.select_related("dog"):
        other = FeedEntry.objects.filter(
            feed=feed, external_id=entry.bonded_with, dog__bonded_with=None
        ).exclude(pk=entry.pk)
        partner = other.select_related("dog").first()
        entry.dog.refresh_from_db(fields=["bonded_with"])
        if partner is not None and entry.dog.bonded_with_id is None:
            dogs.bond_dogs(dog=entry.dog, other=partner.dog)


@transaction.atomic
def take_suggestion(*, suggestion: TemperamentSuggestion, by: User) -> None:
    """Staff agree: the trait is set, in their name."""
    value = suggestion.level if suggestion.trait in SCALE_TRAITS else suggestion.answer
    dogs.set_temperament(dog=suggestion.dog, trait=suggestion.trait, value=value, by=by)
    _decide(suggestion, TemperamentSuggestion.State.TAKEN, by)


def dismiss_suggestion(*, suggestion: TemperamentSuggestion, by: User) -> None:
    _decide(suggestion, TemperamentSuggestion.State.DISMISSED, by)


def _decide(suggestion: TemperamentSuggestion, state: str, by: User) -> None:
    suggestion.state, suggestion.decided_by = state, by
    suggestion.save(update_fields=["state", "decided_by"])


def values_of(record: Record) -> dict[str, Any]:
    """What a record sets, as JSON, to find later whether somebody changed it."""
    return {
        "name": record.name,
        **{name: as_json(value) for name, value in record.fields.items()},
        "breeds": sorted(record.breeds),
        "status": record.status,
        "temperament": dict(record.temperament),
    }


def as_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def digest_of(record: Record) -> str:
    told = [
        values_of(record),
        [record.breed_text, record.colour_text, record.bonded_with],
        as_json(record.adoptable_from),
        sorted((t, list(v)) for t, v in record.suggestions.items()),
        list(record.photos),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
