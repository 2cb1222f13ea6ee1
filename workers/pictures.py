"""Files of photos: read under limits, and the pictures that people see made of them."""

from __future__ import annotations

import numpy as np
from django.db.models.fields.files import FieldFile

from ml.errors import PawkinError
from ml.images import encode, load
from portal.dogs.models import Photo
from portal.dogs.storage import new_files
from portal.dogs.uploads import limits
from portal.matching import services
from portal.matching.models import Query

# Pixels of the longer side. What is analysed is what is shown, so that points fit the picture.
SHOWN_SIDE = 1280
THUMBNAIL_SIDE = 480


def read(photo: Photo | Query) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright, longer side at most 1280: the picture, else the upload.

    Raises ImageRejected for bytes that are no photo, PawkinError `file_missing` without a file.
    """
    file: FieldFile = photo.image or photo.upload
    try:
        with file.open("rb") as opened:
            data = opened.read()
    except (ValueError, FileNotFoundError) as error:
        raise PawkinError("file_missing", "Upload the photo again.", str(error)) from error
    return load(data, limits(), max_side=SHOWN_SIDE)


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


def store_for_query(query: Query, image: np.ndarray) -> None:
    """Makes the picture an adopter sees of their own photo; nothing if it is gone."""
    height, width = image.shape[:2]
    with new_files() as files:
        shown = files.write(
            encode(image, max_side=SHOWN_SIDE, quality=85), folder="queries", suffix=".jpg"
        )
        if not services.store_query_picture(query=query, image=shown, width=width, height=height):
            files.take_back()
