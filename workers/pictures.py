"""Files of photos: read under limits, and the pictures that people see made of them.

Where the bucket that they lie in is away, work is Postponed, and no photo is to blame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from django.db.models.fields.files import FieldFile

from ml.errors import PawkinError
from ml.images import encode, load
from portal.dogs import services as dogs
from portal.dogs.models import Photo
from portal.dogs.storage import StorageAway, StorageFull, new_files
from portal.dogs.uploads import limits
from portal.files import FilesAway
from portal.matching import services
from portal.matching.models import Query

# Pixels of the longer side. What is analysed is what is shown, so that points fit the picture.
SHOWN_SIDE = 1280
THUMBNAIL_SIDE = 480


class Postponed(BaseException):
    """Something that a job needs is away: the job is done later (`workers.tasks.run`).

    No Exception, so that nothing on the way up takes it for a fault of the photo at hand.
    """


@contextmanager
def or_later() -> Iterator[None]:
    """Around work with stored files, or as a decorator."""
    try:
        yield
    except (FilesAway, StorageAway) as error:
        raise Postponed(str(error)) from error


@or_later()
def read(photo: Photo | Query) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright, longer side at most 1280: the picture, else the upload.

    Raises ImageRejected for bytes that are no photo, PawkinError `file_missing` without a file,
    and Postponed.
    """
    file: FieldFile = photo.image or photo.upload
    if not file.name:
        raise PawkinError("file_missing", "Upload the photo again.", "neither picture nor upload")
    try:
        # Not the field's own open, which cannot open a bucket's file twice.
        with file.storage.open(file.name) as opened:
            data = opened.read()
    except FileNotFoundError as error:
        raise PawkinError("file_missing", "Upload the photo again.", str(error)) from error
    return load(data, limits(), max_side=SHOWN_SIDE)


@or_later()
def store_for_photo(photo: Photo, image: np.ndarray) -> None:
    """Makes a listed photo's picture and thumbnail; nothing if it is gone or has them already."""
    height, width = image.shape[:2]
    with new_files() as files:
        shown = files.write(
            encode(image, max_side=SHOWN_SIDE, quality=85), folder="photos", suffix=".jpg"
        )
        thumbnail = files.write(
            encode(image, max_side=THUMBNAIL_SIDE, format="WEBP", quality=80),
            folder="thumbnails",
            suffix=".webp",
        )
        if not services.store_pictures(
            photo=photo, image=shown, thumbnail=thumbnail, width=width, height=height
        ):
            files.take_back()


# Other sizes of a picture, by the name they have in an address: format, longer side, quality.
VARIANTS: dict[str, tuple[Literal["AVIF", "WEBP"], int, int]] = {
    "a480": ("AVIF", 480, 55),
    "a960": ("AVIF", 960, 55),
    "w960": ("WEBP", 960, 80),
}


def make_variants(photo: Photo) -> None:
    """Stores the picture in the sizes and formats that browsers choose from; nothing if somebody
    else is at it. Raises StorageFull or Postponed, and then they are made later."""
    if not dogs.claim_variants(photo=photo):
        return
    try:
        image = read(photo)
        with or_later(), new_files() as files:
            made = {
                name: files.write(
                    encode(image, max_side=side, format=kind, quality=quality),
                    folder="thumbnails",
                    suffix=f".{kind.lower()}",
                )
                for name, (kind, side, quality) in VARIANTS.items()
            }
            if not dogs.store_variants(photo=photo, variants=made):
                files.take_back()
    except (StorageFull, Postponed):
        dogs.release_variants(photo=photo)
        raise


@or_later()
def crop(photo: Photo) -> None:
    """Puts what `photo.crop` leaves of a photo in its place. Raises ImageRejected where that is
    smaller than a photo may be, and Postponed."""
    image = read(photo)
    height, width = image.shape[:2]
    x0, y0, x1, y1 = photo.crop or [0, 0, 1, 1]
    cut = image[
        round(y0 * height) : max(round(y1 * height), 1),
        round(x0 * width) : max(round(x1 * width), 1),
    ]
    data = encode(cut, max_side=SHOWN_SIDE, quality=92)
    load(data, limits(), max_side=SHOWN_SIDE)
    with new_files() as files:
        upload = files.write(data, folder="uploads")
        sha256 = hashlib.sha256(data).hexdigest()
        if dogs.replace_photo(photo=photo, upload=upload, sha256=sha256) is None:
            files.take_back()


@or_later()
def store_for_query(query: Query, image: np.ndarray) -> None:
    """Makes the picture an adopter sees of their own photo; nothing if it is gone."""
    height, width = image.shape[:2]
    with new_files() as files:
        shown = files.write(
            encode(image, max_side=SHOWN_SIDE, quality=85), folder="queries", suffix=".jpg"
        )
        if not services.store_query_picture(query=query, image=shown, width=width, height=height):
            files.take_back()
