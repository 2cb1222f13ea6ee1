"""A person's photo: its face as proportions, and the dogs whose faces are built alike.

Dogs' proportions come from the keypoints that are stored for every described photo, so a dog is
found by its face as soon as it is found at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from django.db.models import Count, QuerySet, Sum

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
    """The faces of one version's photos, as its keypoints tell them; rows are read once each."""

    def __init__(self) -> None:
        self.hold(0)

    def hold(self, version: int) -> None:
        """Begins anew, for another version."""
        self.version, self.sum = version, 0
        # Keypoints, and whose photos and dogs they are of.
        self.keys, self.photos, self.dogs = np.zeros((3, 0), np.int64)
        self.places, self.weights = np.zeros((2, 0, len(FACE_RATIOS)))

    def catch_up(self, version: ModelVersion) -> None:
        """Brings in the rows that came and drops those that went."""
        if version.pk != self.version:
            self.hold(version.pk)
        rows = Keypoints.objects.filter(version=version)
        told = rows.aggregate(count=Count("pk"), sum=Sum("pk"))
        if (told["count"], told["sum"] or 0) == (len(self.keys), self.sum):
            return
        keys = np.fromiter(rows.order_by().values_list("pk", flat=True).iterator(), np.int64)
        stays = np.isin(self.keys, keys)
        late = np.setdiff1d(keys, self.keys)
        self.keys, self.photos, self.dogs = self.keys[stays], self.photos[stays], self.dogs[stays]
        self.places, self.weights = self.places[stays], self.weights[stays]
        for first in range(0, len(late), ROWS_AT_ONCE):
            self.read(rows.filter(pk__in=late[first : first + ROWS_AT_ONCE].tolist()), version)
        self.sum = int(self.keys.sum())

    def read(self, rows: QuerySet[Keypoints], version: ModelVersion) -> None:
        names = version.spec["keypoints"]["names"]
        keys, places, weights = [], [], []
        found = rows.values_list(
            "pk", "photo_id", "photo__dog_id", "photo__width", "photo__height", "points"
        )
        for key, photo, dog, width, height, points in found:
            named = {
                name: (x * width, y * height, score)
                for name, (x, y, score) in zip(names, points, strict=True)
            }
            place, weight = scale().places("dog", face_ratios(named))
            keys.append((key, photo, dog))
            places.append(place)
            weights.append(weight)
        if keys:
            added = np.array(keys, np.int64).T
            self.keys = np.concatenate([self.keys, added[0]])
            self.photos = np.concatenate([self.photos, added[1]])
            self.dogs = np.concatenate([self.dogs, added[2]])
            self.places = np.concatenate([self.places, places])
            self.weights = np.concatenate([self.weights, weights])


faces = Faces()


def alike(
    face: Mapping[str, float], version: ModelVersion, k: int, allowed: np.ndarray
) -> list[services.Found]:
    """The k dogs among the allowed ones, (n,) int64, whose faces are most alike, each by its best
    photo."""
    faces.catch_up(version)
    likes = likeness(scale().places("person", face), (faces.places, faces.weights))
    likes[~np.isin(faces.dogs, allowed)] = 0
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
