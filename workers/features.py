"""What the models see, in the form rows hold it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ml.analysis import Analysis
from ml.errors import NoSubject
from portal.dogs.models import Photo
from portal.matching import services
from portal.matching.models import ModelVersion
from workers.faces import as_face

DIMENSION = 128


def store_seen(
    photo: Photo, version: ModelVersion, image: np.ndarray, seen: Analysis | NoSubject
) -> bool:
    """Stores a version's view of a photo; False when the photo or the version's time is over."""
    # It holds vectors, and those are read with what is below.
    from workers.runtime import spec_of

    if isinstance(seen, NoSubject):
        return services.store_rejection(photo=photo, version=version, code=rejection_code(seen))
    vector, points, box = as_rows(seen, image)
    height, width = image.shape[:2]
    return services.store_features(
        photo=photo,
        version=version,
        vector=vector,
        points=points,
        box=box,
        breeds=seen.breeds.likely if seen.breeds else None,
        posture=seen.posture or "",
        view=seen.view or "",
        face=as_face(spec_of(version.fingerprint).keypoints.names, points, width, height),
        coat=as_bytes(seen.coat),
    )


def rejection_code(seen: NoSubject) -> str:
    """`no_dog`, or `no_dog_cat` and the like where it is known what is there instead."""
    return seen.code if seen.kind == "other" else f"{seen.code}_{seen.kind}"


def as_rows(seen: Analysis, image: np.ndarray) -> tuple[bytes, list[list[float]], list[float]]:
    """Vector, points and box as rows hold them. Raises ValueError for a vector no index takes."""
    vector = np.asarray(seen.vector, dtype="<f4")
    if vector.shape != (DIMENSION,) or not abs(float(np.linalg.norm(vector)) - 1) < 1e-2:
        raise ValueError(f"not a vector of length 1 and {DIMENSION} numbers: {vector.shape}")
    height, width = image.shape[:2]
    points = seen.keypoints / np.array([width, height, 1], dtype=np.float64)
    box = np.asarray(seen.box, dtype=np.float64) / np.array([width, height, width, height])
    return vector.tobytes(), points.round(5).tolist(), box.round(5).tolist()


def as_bytes(numbers: np.ndarray | None) -> bytes | None:
    """As rows hold numbers: little-endian float32."""
    return None if numbers is None else np.asarray(numbers, "<f4").tobytes()


def as_vectors(rows: Iterable[bytes | memoryview]) -> np.ndarray:
    """(n, 128) float32 of stored vectors."""
    data = b"".join(bytes(row) for row in rows)
    return np.frombuffer(data, dtype="<f4").reshape(-1, DIMENSION)
