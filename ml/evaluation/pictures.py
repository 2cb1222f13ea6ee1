"""What the pictures of an embedding share: its photos, their thumbnails and the file."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ml.embedder import Embedder
from ml.errors import DataError
from ml.evaluation.retrieval import crop_dogs, read_labelled
from ml.spec import ModelSpec
from ml.training.data import samples_of, source_of

# All pairs are compared, and all photos are held in memory.
_MOST = 2000
_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}


@dataclass(frozen=True)
class Photos:
    """n photos: (H, W, 3) uint8 crops, (n, d) unit vectors, (n,) labels and groups.

    A photo of unknown label, or of no group, has its own.
    """

    crops: list[np.ndarray]
    vectors: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.crops)

    @property
    def is_told(self) -> np.ndarray:
        """(n,) bool: another photo has the label, so that it says something."""
        _, which, counts = np.unique(self.labels, return_inverse=True, return_counts=True)
        return counts[which] > 1


def read_photos(folder: Path, table: Path | None, spec: ModelSpec) -> Photos:
    """Cut to their dogs and embedded as the search does; unreadable ones are named and left out.

    Raises DataError for fewer than two readable photos, or more than 2,000.
    """
    listed = len(samples_of(source_of(folder, table), Path()))
    if listed > _MOST:
        raise DataError(f"A picture shows at most {_MOST:,} photos, not {listed:,}. Give fewer.")
    images, labels, groups = read_labelled(folder, table)
    if len(images) < 2:
        raise DataError(f"Only one photo in {folder} could be read. Give at least two.")
    crops = crop_dogs(spec, images)
    vectors = Embedder.load(spec).embed(crops)
    return Photos(crops, vectors, np.array(labels), np.array(groups))


def thumbnail(crop: np.ndarray, side: int) -> np.ndarray:
    """(side, side, 3) uint8, the middle of the crop."""
    fitted = ImageOps.fit(Image.fromarray(crop), (side, side), Image.Resampling.LANCZOS)
    return np.asarray(fitted)


def picture_path(path: Path) -> Path:
    """The path again; raises DataError where no JPEG or PNG file can be put there."""
    if path.suffix.lower() not in _FORMATS:
        raise DataError(f"The picture {path.name} must end in .jpg or .png. Change --out.")
    if not path.parent.is_dir():
        raise DataError(f"There is no folder {path.parent} for the picture. Change --out.")
    return path


def save(png: bytes, path: Path) -> None:
    """A drawn PNG as the file that the name asks for; PNG in 256 colours, a third of the size."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    kind = _FORMATS[path.suffix.lower()]
    if kind == "PNG":
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    try:
        picture.save(path, kind, optimize=True, quality=72)
    except OSError as error:
        raise DataError(f"{path} cannot be written.", str(error)) from error
