"""Annotations as `python -m ml train keypoints --extra` and `evaluate keypoints` read them: COCO
keypoints (Lin et al., Microsoft COCO, 2014) with posture, view and n_dogs beside them, and the
pictures as they are shown."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.files.storage import default_storage

from ml.skeleton import KEYPOINTS, SKELETON
from portal.annotations.models import Annotation, AnnotationQuerySet
from portal.dogs.models import Photo

ANNOTATIONS, IMAGES = "annotations.json", "images"
CATEGORY = {
    "id": 1,
    "name": "dog",
    "keypoints": list(KEYPOINTS),
    # COCO counts from 1.
    "skeleton": [[a + 1, b + 1] for a, b in SKELETON],
}
DESCRIPTION = (
    "Dog keypoints annotated in Pawkin: 17 AP-10K points, then ear bases and mouth corners; v 2 "
    "visible, 1 hidden but clear, 0 not to be placed; left/right are the dog's own; posture and "
    "view of the most prominent dog"
)


def document(annotations: Iterable[Annotation]) -> dict[str, Any]:
    """One COCO file; one annotation a photo. Nobody is named in it."""
    images, rows = [], []
    for number, annotation in enumerate(annotations, start=1):
        photo, points, box = annotation.photo, annotation.pixels, annotation.frame
        images.append(
            {
                "id": number,
                "file_name": file_name(photo),
                "width": photo.width,
                "height": photo.height,
                "source": "pawkin",
            }
        )
        rows.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": [round(value, 1) for value in box],
                "area": round(box[2] * box[3], 1),
                "iscrowd": 0,
                "keypoints": [
                    value for x, y, v in points for value in (round(x, 1), round(y, 1), v)
                ],
                "num_keypoints": sum(v > 0 for _x, _y, v in points),
                "posture": annotation.posture,
                "view": annotation.view,
                "n_dogs": annotation.n_dogs,
            }
        )
    return {
        "info": {"description": DESCRIPTION},
        "images": images,
        "annotations": rows,
        "categories": [CATEGORY],
    }


def file_name(photo: Photo) -> str:
    """Random as the photo's own, and the same in every export: by it `split_of` chooses sides."""
    return f"{photo.name}{Path(photo.image.name or '').suffix}"


def for_export(annotations: AnnotationQuerySet) -> AnnotationQuerySet:
    """Each photo's truth, in the order of the photos."""
    return annotations.newest().select_related("photo").order_by("photo")


def write_folder(annotations: AnnotationQuerySet, folder: Path) -> tuple[int, int]:
    """Writes `annotations.json` and `images/`; the numbers of photos written, and of those left out
    because their file is gone. Raises FilesAway or OSError."""
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    written, missing = [], 0
    for annotation in for_export(annotations).iterator(chunk_size=500):
        data = picture(annotation.photo)
        if data is None:
            missing += 1
            continue
        (folder / IMAGES / file_name(annotation.photo)).write_bytes(data)
        written.append(annotation)
    (folder / ANNOTATIONS).write_text(json.dumps(document(written)))
    return len(written), missing


class Sink:
    """What a ZIP is written to: gives it back piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        data, self.pieces = b"".join(self.pieces), []
        return data


def zipped(annotations: AnnotationQuerySet) -> Iterator[bytes]:
    """The same as one ZIP, with no more than a picture of it in memory."""
    sink, written = Sink(), []
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]
        for annotation in for_export(annotations).iterator(chunk_size=500):
            data = picture(annotation.photo)
            if data is not None:
                archive.writestr(f"{IMAGES}/{file_name(annotation.photo)}", data)
                written.append(annotation)
                yield sink.taken()
        archive.writestr(ANNOTATIONS, json.dumps(document(written)))
    yield sink.taken()


def picture(photo: Photo) -> bytes | None:
    """The picture's bytes; None where the file is gone. Raises FilesAway."""
    try:
        with default_storage.open(photo.image.name or "") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None
