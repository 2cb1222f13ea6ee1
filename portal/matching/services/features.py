"""What the models said about photos of listed dogs, and the pictures made of their uploads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction

from portal.dogs.models import Photo
from portal.dogs.storage import delete_on_commit
from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.matching.models import Embedding, Keypoints, ModelVersion, Rejection
from portal.matching.queries import active_version

CURRENT = (ModelVersion.State.ACTIVE, ModelVersion.State.BUILDING)

# How a rejection's code shows as the state of a photo.
FAILURES = frozenset({"failed", "file_missing"})


@transaction.atomic
def store_pictures(*, photo: Photo, image: str, thumbnail: str, width: int, height: int) -> bool:
    """Names the files made of a photo's upload and lets the upload go.

    `width` and `height` are of the image, in pixels. False when the photo is gone or has its
    pictures already; the files are then the caller's to take back.
    """
    unprepared = Photo.objects.filter(pk=photo.pk, image="")
    if not unprepared.update(
        image=image, thumbnail=thumbnail, width=width, height=height, upload=""
    ):
        return False
    delete_on_commit([photo.upload.name])
    photo.refresh_from_db()
    return True


@transaction.atomic
def store_features(
    *,
    photo: Photo,
    version: ModelVersion,
    vector: bytes,
    points: Sequence[Sequence[float]],
    box: Sequence[float],
    breeds: Sequence[tuple[str, float]] | None = None,
    posture: str = "",
    view: str = "",
    face: Mapping[str, Sequence[float]] | None = None,
    coat: bytes | None = None,
) -> bool:
    """Stores what a version saw in a photo; what is there already stays.

    `vector` is 128 little-endian float32 of length 1; `points`, `box`, `posture`, `view` and `face`
    as in Keypoints; `breeds` slugs with probabilities, None where the version tells none; `coat` as
    in Embedding. False, and nothing stored, when the photo is gone or the version is neither live
    nor being built.
    """
    state = _lock(photo, version)
    if state is None:
        return False
    Rejection.objects.filter(photo=photo, version=version).delete()
    told = None if breeds is None else [[slug, round(chance, 4)] for slug, chance in breeds]
    Embedding.objects.get_or_create(
        photo=photo, version=version, defaults={"vector": vector, "breeds": told, "coat": coat}
    )
    Keypoints.objects.get_or_create(
        photo=photo,
        version=version,
        defaults={
            "points": [list(point) for point in points],
            "box": list(box),
            "posture": posture,
            "view": view,
            "face": face,
        },
    )
    if state == ModelVersion.State.ACTIVE:
        _set_state(photo, Photo.State.SEARCHABLE, "")
    return True


def store_faces(*, rows: Sequence[Keypoints]) -> None:
    """Writes the faces of rows that were described before; a row that is gone stays gone."""
    Keypoints.objects.bulk_update(rows, ["face"])


def start_measuring() -> Job:
    """Has a worker measure every face that is not measured yet."""
    return enqueue(kind=Job.Kind.MEASURE_FACES, subject="photos", queue=Job.Queue.BATCH)


@transaction.atomic
def store_rejection(*, photo: Photo, version: ModelVersion, code: str) -> bool:
    """Stores that a version found no dog (or nothing at all) in a photo; False as above."""
    state = _lock(photo, version)
    if state is None:
        return False
    Rejection.objects.update_or_create(photo=photo, version=version, defaults={"code": code})
    if state == ModelVersion.State.ACTIVE:
        _set_state(photo, state_of(code), code)
    return True


@transaction.atomic
def refuse_photo(*, photo: Photo, code: str) -> None:
    """The upload is no photo we can decode: its bytes go, its row stays with the reason."""
    unprepared = Photo.objects.filter(pk=photo.pk, image="")
    if unprepared.update(state=Photo.State.UNREADABLE, error_code=code, upload=""):
        delete_on_commit([photo.upload.name])


@transaction.atomic
def fail_photo(*, photo: Photo, code: str) -> None:
    """Work on the photo failed: it waits for nobody any more, and staff may try it again."""
    version = active_version()
    if version:
        store_rejection(photo=photo, version=version, code="failed")
    _set_state(photo, Photo.State.FAILED, code)


def state_of(code: str) -> Photo.State:
    return Photo.State.FAILED if code in FAILURES else Photo.State.NO_DOG


def _lock(photo: Photo, version: ModelVersion) -> str | None:
    """The version's state, held until the transaction ends; None where storing is of no use.

    The locks keep a switch of versions and the photo's deletion from passing between this check
    and the commit.
    """
    state = (
        ModelVersion.objects.select_for_update()
        .filter(pk=version.pk, state__in=CURRENT)
        .values_list("state", flat=True)
        .first()
    )
    there = Photo.objects.select_for_update().filter(pk=photo.pk).exists()
    return state if there else None


def _set_state(photo: Photo, state: str, code: str) -> None:
    Photo.objects.filter(pk=photo.pk).update(state=state, error_code=code)
