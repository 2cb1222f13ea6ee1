"""A person's photo: its face as proportions, and the dogs whose faces are built alike.

Dogs' proportions come from the keypoints that are stored for every described photo, so a dog is
found by its face as soon as it is found at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

import numpy as np
from django.db.models import Count, Max

from ml.errors import NoFace, NoSubject
from ml.faces import FaceFinder, FaceScale, band, likeness, ratios_of
from ml.geometry import FACE_RATIOS, face_ratios
from portal.matching import services
from portal.matching.models import Keypoints, ModelVersion, Query
from workers.features import rejection_code

ROWS_AT_ONCE = 2000


@cache
def finder() -> FaceFinder:
    """Made when the first person asks: most installations' workers never need it."""
    return FaceFinder()


@cache
def scale() -> FaceScale:
    return FaceScale.load()


def look_at(
    query: Query, version: ModelVersion, image: np.ndarray, seen: NoSubject | None = None
) -> bool:
    """Keeps the proportions of the face and lets the photo go; False, with the reason in the
    query, where there is no face. `seen` is why no dog was found, where one was looked for."""
    try:
        ratios = ratios_of(finder().find(image))
    except NoFace as error:
        code = error.code if seen is None or seen.kind == "person" else rejection_code(seen)
        services.fail_query(query=query, code=code)
        return False
    return services.store_query_face(query=query, version=version, ratios=ratios)


class Faces:
    """The faces of one version's photos, read from its keypoints anew when they are others."""

    def __init__(self) -> None:
        self.state: tuple[int, int, int] = (0, 0, 0)
        self.photos, self.dogs = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.places = np.zeros((0, len(FACE_RATIOS)))
        self.weights = np.zeros((0, len(FACE_RATIOS)))

    def catch_up(self, version: ModelVersion) -> None:
        rows = Keypoints.objects.filter(version=version)
        told = rows.aggregate(count=Count("pk"), last=Max("pk"))
        state = (version.pk, told["count"], told["last"] or 0)
        if state == self.state:
            return
        names = version.spec["keypoints"]["names"]
        photos, dogs, places, weights = [], [], [], []
        found = rows.values_list(
            "photo_id", "photo__dog_id", "photo__width", "photo__height", "points"
        )
        for photo, dog, width, height, points in found.iterator(chunk_size=ROWS_AT_ONCE):
            named = {
                name: (x * width, y * height, score)
                for name, (x, y, score) in zip(names, points, strict=True)
            }
            place, weight = scale().places("dog", face_ratios(named))
            photos.append(photo)
            dogs.append(dog)
            places.append(place)
            weights.append(weight)
        self.photos, self.dogs = np.array(photos, np.int64), np.array(dogs, np.int64)
        self.places = np.array(places).reshape(-1, len(FACE_RATIOS))
        self.weights = np.array(weights).reshape(-1, len(FACE_RATIOS))
        self.state = state


faces = Faces()


def alike(
    face: Mapping[str, float], version: ModelVersion, k: int, allowed: Collection[int]
) -> list[services.Found]:
    """The k dogs among the allowed ones whose faces are most alike, each by its best photo."""
    faces.catch_up(version)
    likes = likeness(scale().places("person", face), (faces.places, faces.weights))
    likes[~np.isin(faces.dogs, np.fromiter(allowed, np.int64, len(allowed)))] = 0
    found: dict[int, services.Found] = {}
    for place in np.argsort(-likes, kind="stable"):
        like, dog = float(likes[place]), int(faces.dogs[place])
        if like <= 0 or len(found) == k:
            break
        if dog not in found:
            found[dog] = services.Found(
                dog_id=dog,
                photo_id=int(faces.photos[place]),
                similarity=like,
                score=round(100 * like),
                band=band(like),
            )
    return list(found.values())
