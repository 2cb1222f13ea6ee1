"""Writes on dogs, their photos and their temperament."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.files import File
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from ml.errors import PawkinError
from portal.accounts.models import User
from portal.dogs.models import Dog, DogChange, DogEvent, Photo, TemperamentValue
from portal.dogs.storage import NotStored, delete_on_commit, new_files
from portal.dogs.temperament import SCALE_TRAITS
from portal.dogs.uploads import Refusal, read_or_refuse, read_upload
from portal.jobs.models import Job
from portal.jobs.services import cancel_all, enqueue
from portal.shelters.models import Shelter

PHOTOS_PER_DOG = 20
# Of a side, what a crop leaves at least.
LEAST_CROP = 0.1

PLAIN_FIELDS = frozenset({
    "name", "mixed", "sex", "birth_date", "birth_precision", "weight_kg", "colours", "neutered",
    "description", "health", "tags", "external_id",
})  # fmt: skip

log = logging.getLogger(__name__)


class DogConflict(PawkinError):
    """What was asked contradicts what is. Codes: unknown_status, bond_with_itself,
    bond_other_shelter, file_missing, crop_too_small."""


class PhotosRefused(PawkinError):
    """Some of a new dog's photos cannot be used; `refusals` says which and why."""

    def __init__(self, refusals: list[Refusal]) -> None:
        names = ", ".join(f"{refusal.file_name}: {refusal.code}" for refusal in refusals)
        super().__init__(refusals[0].code, "Leave these photos out or replace them.", names)
        self.refusals = refusals


def create_dog(
    *,
    shelter: Shelter,
    by: User | None,
    fields: Mapping[str, Any],
    photos: Sequence[File] = (),
    temperament: Mapping[str, str | int | None] | None = None,
    publish: bool = False,
    queue: str = Job.Queue.INTERACTIVE,
) -> Dog:
    """A new dog, a draft unless published, with all of its photos or not at all.

    `fields` as in `update_dog`; `queue` is batch for bulk loads, so that nobody waits behind one.
    Raises PhotosRefused before anything is stored; to keep the good
    ones of a mixed lot, create the dog without photos and call `add_photos`.
    """
    refusals = [r for file in photos if isinstance(r := read_or_refuse(file), Refusal)]
    refusals += [Refusal(file.name or "", "too_many_photos") for file in photos[PHOTOS_PER_DOG:]]
    if refusals:
        raise PhotosRefused(refusals)
    with new_files() as files:
        stored: dict[str, str] = {}
        for file in photos:  # read again rather than kept, since together they may be large
            upload = read_upload(file)
            if upload.sha256 not in stored:
                try:
                    stored[upload.sha256] = files.write(upload.data, folder="uploads")
                except NotStored as error:
                    raise PhotosRefused([Refusal(file.name or "", error.code)]) from error
        with transaction.atomic():
            dog = Dog(shelter=shelter, slug=free_slug(str(fields["name"])))
            _write_fields(dog, fields, by)
            _note(dog, by, "created", None, None)
            _write_temperament(dog, temperament or {}, by)
            _add_photo_rows(dog, stored, by, queue)
            if publish:
                publish_dog(dog=dog, by=by)
    return dog


@transaction.atomic
def update_dog(
    *,
    dog: Dog,
    by: User | None,
    fields: Mapping[str, Any],
    temperament: Mapping[str, str | int | None] | None = None,
) -> Dog:
    """Writes the given Dog fields and traits and leaves the others as they are.

    `breeds` is a list of Breed, `bonded_with` a Dog or None, `status` a Dog.Status value; a trait
    of None is unknown.
    """
    _write_fields(dog, fields, by)
    _write_temperament(dog, temperament or {}, by)
    return dog


def publish_dog(*, dog: Dog, by: User | None = None) -> Dog:
    """Lets adopters find the dog from the next search on."""
    _write_status(dog, Dog.Status.AVAILABLE, by)
    return dog


def set_status(*, dog: Dog, status: str, by: User | None) -> Dog:
    """Raises DogConflict for a status that does not exist."""
    if status not in Dog.Status.values:
        raise DogConflict("unknown_status", "Choose one of the statuses a dog can have.", status)
    before = dog.status
    _write_status(dog, status, by)
    log.info("Dog %s: %s → %s by user %s", dog.pk, before, status, by.pk if by else None)
    return dog


@transaction.atomic
def set_temperament(*, dog: Dog, trait: str, value: str | int | None, by: User | None) -> None:
    """Stores one trait with who set it and when; None is unknown, which is the absence of a row."""
    _write_temperament(dog, {trait: value}, by)
    _touch(dog)


@transaction.atomic
def set_statuses(*, dogs: Sequence[Dog], status: str, by: User | None) -> list[Dog]:
    """Gives dogs one status, all or none of them; those that can't have it, for want of a photo,
    are left as they were and returned."""
    left = [dog for dog in dogs if status == Dog.Status.AVAILABLE and not dog.photos.all()]
    for dog in dogs:
        if dog not in left and dog.status != status:
            set_status(dog=dog, status=status, by=by)
    return left


@transaction.atomic
def bond_dogs(*, dog: Dog, other: Dog | None, by: User | None = None) -> None:
    """Bonds two dogs with each other and with no one else; None frees the dog."""
    if other is not None and other.pk == dog.pk:
        raise DogConflict("bond_with_itself", "Choose another dog.", str(dog.pk))
    if other is not None and other.shelter_id != dog.shelter_id:
        raise DogConflict("bond_other_shelter", "Choose a dog of the same shelter.", str(other.pk))
    if dog.bonded_with_id != (other.pk if other else None):
        before = dog.bonded_with.name if dog.bonded_with else None
        _note(dog, by, "bonded_with", before, other.name if other else None)
    pair = [dog.pk] if other is None else [dog.pk, other.pk]
    now = timezone.now()
    Dog.objects.filter(bonded_with__in=pair).update(bonded_with=None, updated_at=now)
    Dog.objects.filter(pk__in=pair).update(bonded_with=None, updated_at=now)
    if other is not None:
        Dog.objects.filter(pk=dog.pk).update(bonded_with=other)
        Dog.objects.filter(pk=other.pk).update(bonded_with=dog)
        other.bonded_with = dog
    dog.bonded_with = other


def add_photos(
    *,
    dog: Dog,
    files: Sequence[File],
    by: User | None = None,
    queue: str = Job.Queue.INTERACTIVE,
) -> list[Photo | Refusal]:
    """Stores each file that can be used and has it prepared; for each of the others its refusal.

    The answers are in the order of the files.
    """
    results: list[Photo | Refusal | str] = []
    with new_files() as store:
        stored: dict[str, str] = {}
        taken = set(dog.photos.values_list("sha256", flat=True))
        for file in files:
            upload = read_or_refuse(file)
            if isinstance(upload, Refusal):
                results.append(upload)
            elif upload.sha256 in taken:
                results.append(Refusal(file.name or "", "photo_already_there"))
            elif len(taken) >= PHOTOS_PER_DOG:
                results.append(Refusal(file.name or "", "too_many_photos"))
            else:
                try:
                    stored[upload.sha256] = store.write(upload.data, folder="uploads")
                except NotStored as error:
                    results.append(Refusal(file.name or "", error.code))
                else:
                    taken.add(upload.sha256)
                    results.append(upload.sha256)
        with transaction.atomic():
            photos = _add_photo_rows(dog, stored, by, queue)
    # A photo that came in through another tab meanwhile has its row, and its file is not ours.
    return [photos[result] if isinstance(result, str) else result for result in results]


@transaction.atomic
def order_photos(*, dog: Dog, photo_ids: Sequence[int], by: User | None = None) -> None:
    """Puts the dog's photos in this order; those not named follow as they were."""
    photos = {photo.pk: photo for photo in dog.photos.order_by("position", "pk")}
    before = list(photos)
    named = [photos.pop(pk) for pk in dict.fromkeys(photo_ids) if pk in photos]
    if [photo.pk for photo in named] != before[: len(named)]:
        _note(dog, by, "photo_order", None, None)
    for position, photo in enumerate([*named, *photos.values()]):
        photo.position = position
        photo.save(update_fields=["position"])


@transaction.atomic
def delete_photo(*, photo: Photo, by: User | None = None) -> None:
    """Deletes the photo with its files and everything computed from it."""
    count = Photo.objects.filter(dog=photo.dog_id).count()
    _note(photo.dog, by, "photos", count, count - 1)
    cancel_all(kind=Job.Kind.INDEX_PHOTO, subjects=[photo.pk])
    delete_on_commit(photo.files)
    photo.delete()


@transaction.atomic
def crop_photo(*, photo: Photo, box: Sequence[float], by: User | None = None) -> Job:
    """Has a worker cut the photo to `box`, [x0, y0, x1, y1] as fractions of the picture's sides.

    Raises DogConflict for a photo that is not prepared, and for a box that is none or leaves less
    than a tenth of a side.
    """
    x0, y0, x1, y1 = box
    inside = 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1
    if not inside or min(x1 - x0, y1 - y0) < LEAST_CROP:
        raise DogConflict("crop_too_small", "Leave more of the photo.", str(list(box)))
    if not photo.image:
        raise DogConflict("file_missing", "Upload the photo again.", str(photo.pk))
    photo.crop = [round(side, 4) for side in box]
    photo.save(update_fields=["crop"])
    _note(photo.dog, by, "photo_cropped", None, None)
    return enqueue(kind=Job.Kind.CROP_PHOTO, subject=photo.pk, queue=Job.Queue.INTERACTIVE)


@transaction.atomic
def replace_photo(*, photo: Photo, upload: str, sha256: str) -> Photo | None:
    """A new photo in the place of this one, which goes with all that was computed from it, since
    what a version saw in a photo never changes. `upload` is the stored name of the new bytes. None,
    and the file is the caller's, when the photo is gone or the dog has the new one already."""
    old = Photo.objects.select_for_update().filter(pk=photo.pk).first()
    if old is None or Photo.objects.filter(dog=old.dog_id, sha256=sha256).exists():
        return None
    new = Photo.objects.create(dog=old.dog, position=old.position, sha256=sha256, upload=upload)
    enqueue(kind=Job.Kind.INDEX_PHOTO, subject=new.pk, queue=Job.Queue.INTERACTIVE)
    cancel_all(kind=Job.Kind.INDEX_PHOTO, subjects=[old.pk])
    delete_on_commit(old.files)
    old.delete()
    return new


def claim_variants(*, photo: Photo) -> bool:
    """Says that smaller pictures of a photo are being made. One whose worker dies at it goes
    without, and is nobody's death again. False when it was claimed before, or is gone."""
    unclaimed = Photo.objects.filter(pk=photo.pk, variants__isnull=True).exclude(image="")
    return bool(unclaimed.update(variants={}))


def release_variants(*, photo: Photo) -> None:
    """Says that smaller pictures are still to be made: there was no room for them."""
    Photo.objects.filter(pk=photo.pk, variants={}).update(variants=None)


def store_variants(*, photo: Photo, variants: Mapping[str, str]) -> bool:
    """Names the other sizes of a claimed photo; False, and the files are the caller's, when it is
    gone or has them."""
    bare = Photo.objects.filter(pk=photo.pk, variants={})
    return bool(bare.update(variants=dict(variants)))


@transaction.atomic
def retry_photo(*, photo: Photo, queue: str = Job.Queue.INTERACTIVE) -> Job:
    """Has the photo prepared again. Raises DogConflict when its file is gone."""
    if not (photo.upload or photo.image):
        raise DogConflict("file_missing", "Upload the photo again.", str(photo.pk))
    photo.state, photo.error_code = Photo.State.WAITING, ""
    photo.save(update_fields=["state", "error_code"])
    return enqueue(kind=Job.Kind.INDEX_PHOTO, subject=photo.pk, queue=queue)


def free_slug(name: str) -> str:
    """The name and a few random letters, since many dogs share a name."""
    stem = slugify(name, allow_unicode=True)[:80].strip("-") or "dog"
    return f"{stem}-{secrets.token_hex(3)}"


def _write_fields(dog: Dog, fields: Mapping[str, Any], by: User | None) -> None:
    unknown = fields.keys() - PLAIN_FIELDS - {"breeds", "bonded_with", "status"}
    if unknown:
        raise ValueError(f"not fields of a dog: {', '.join(sorted(unknown))}")
    plain, is_new = sorted(fields.keys() & PLAIN_FIELDS), dog.pk is None
    before = {} if is_new else Dog.objects.values(*plain).get(pk=dog.pk) if plain else {}
    for name in plain:
        setattr(dog, name, fields[name])
    # Only what was given: what somebody else changed meanwhile stays as it is.
    dog.save(update_fields=None if is_new else [*plain, "updated_at"])
    for name, value in before.items():
        if fields[name] != value:
            _note(dog, by, name, value, fields[name])
    if "breeds" in fields:
        if not is_new:
            were, are = list(dog.breeds.all()), list(fields["breeds"])
            if {breed.pk for breed in were} != {breed.pk for breed in are}:
                _note(dog, by, "breeds", [b.slug for b in were], [b.slug for b in are])
        dog.breeds.set(fields["breeds"])
    if "bonded_with" in fields:
        bond_dogs(dog=dog, other=fields["bonded_with"], by=by)
    if "status" in fields and fields["status"] != dog.status:
        set_status(dog=dog, status=fields["status"], by=by)


EVENTS: dict[str, DogEvent.Kind] = {
    Dog.Status.AVAILABLE: DogEvent.Kind.RELISTED,
    Dog.Status.ON_HOLD: DogEvent.Kind.ON_HOLD,
    Dog.Status.ADOPTED: DogEvent.Kind.ADOPTED,
    Dog.Status.WITHDRAWN: DogEvent.Kind.WITHDRAWN,
}


@transaction.atomic
def _write_status(dog: Dog, status: str, by: User | None) -> None:
    before, changed = dog.status, dog.status != status
    kind = EVENTS.get(status)
    dog.status = status
    if status == Dog.Status.AVAILABLE and dog.listed_at is None:
        dog.listed_at = timezone.now()
        kind = DogEvent.Kind.LISTED
    dog.save(update_fields=["status", "listed_at", "updated_at"])
    if changed:
        _note(dog, by, "status", before, status)
    if changed and kind is not None:
        DogEvent.objects.create(dog=dog, kind=kind, by=by)


def _write_temperament(dog: Dog, values: Mapping[str, str | int | None], by: User | None) -> None:
    current = {row.trait: row for row in dog.temperament.all()}
    for trait, value in values.items():
        known = current.get(trait)
        if value is None or value == "":
            if known:
                known.delete()
                _note(dog, by, trait, known.answer or known.level, None)
            continue
        scale = trait in SCALE_TRAITS
        answer, level = ("", int(value)) if scale else (str(value), None)
        if known and (known.answer, known.level) == (answer, level):
            continue  # who said it first, and when, stays
        _note(dog, by, trait, (known.answer or known.level) if known else None, answer or level)
        TemperamentValue.objects.update_or_create(
            dog=dog,
            trait=trait,
            defaults={"answer": answer, "level": level, "set_by": by, "set_at": timezone.now()},
        )


def _note(dog: Dog, by: User | None, field: str, before: Any, after: Any) -> None:
    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, date | Decimal) else value

    DogChange.objects.create(dog=dog, by=by, field=field, before=plain(before), after=plain(after))


def _touch(dog: Dog) -> None:
    """Rankings are done again when a dog changed after them."""
    dog.updated_at = timezone.now()
    dog.save(update_fields=["updated_at"])


def _add_photo_rows(
    dog: Dog, stored: Mapping[str, str], by: User | None, queue: str
) -> dict[str, Photo]:
    """Rows for uploads (sha256 → stored name), after the dog's other photos."""
    if not stored:
        return {}
    Dog.objects.select_for_update().get(pk=dog.pk)
    there = {photo.sha256: photo for photo in dog.photos.filter(sha256__in=stored)}
    delete_on_commit(stored[sha256] for sha256 in there)
    last = dog.photos.order_by("position").values_list("position", flat=True).last()
    position = 0 if last is None else last + 1
    photos = dict(there)
    for sha256, name in stored.items():
        if sha256 not in there:
            photo = Photo.objects.create(dog=dog, position=position, sha256=sha256, upload=name)
            enqueue(kind=Job.Kind.INDEX_PHOTO, subject=photo.pk, queue=queue)
            photos[sha256] = photo
            position += 1
    count = dog.photos.count()
    if len(photos) > len(there):
        _note(dog, by, "photos", count - len(photos) + len(there), count)
    return photos
