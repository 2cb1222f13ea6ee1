"""Photos cut to the dog once, so that training never decodes or searches a photo twice."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ml.errors import ImageRejected
from ml.images import encode
from ml.subject import Subject, SubjectFinder, crop
from ml.training.data import Sample, read

_BATCH = 32


def cut_crops(
    samples: Sequence[Sample], finder: SubjectFinder, margin: float, folder: Path, side: int = 288
) -> list[Path | None]:
    """The crop of each sample as a JPEG below `folder`, longer side at most `side` pixels.

    None where the photo is unreadable (named) or shows no dog: both stay out of training. Crops
    that are there already are kept, so a killed run goes on; `folder` belongs to one finder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / "crops.json"
    known: dict[str, bool] = json.loads(listing.read_text()) if listing.is_file() else {}
    waiting = [s for s in samples if str(s.path) not in known]
    for start in tqdm(range(0, len(waiting), _BATCH), "crops", mininterval=5):
        images: list[np.ndarray] = []
        paths: list[Path] = []
        for sample in waiting[start : start + _BATCH]:
            try:
                images.append(read(sample.path, 640))
                paths.append(sample.path)
            except ImageRejected as error:
                print(f"skipped {sample.path.name}: {error.message}")
                known[str(sample.path)] = False
        for path, image, found in zip(paths, images, finder.find(images), strict=True):
            known[str(path)] = isinstance(found, Subject)
            if isinstance(found, Subject):
                part = crop(image, found.box, margin)
                _crop_path(folder, path).write_bytes(encode(part, max_side=side, quality=88))
        if start // _BATCH % 20 == 0:
            listing.write_text(json.dumps(known))
    listing.write_text(json.dumps(known))
    return [_crop_path(folder, s.path) if known[str(s.path)] else None for s in samples]


def _crop_path(folder: Path, path: Path) -> Path:
    return folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:20]}.jpg"
