"""A person's photo: its face as proportions, and the dogs whose faces are built alike.

Dogs' proportions lie beside the keypoints of every described photo, so a dog is found by its face
as soon as it is found at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from django.db.models import Count, QuerySet, Sum

from ml.errors import FaceUnclear, NoFace, NoSubject
from ml.faces import MEASURE, FaceScale, band, likeness, share_below, together
from ml.geometry import FACE_RATIOS
from ml.mesh import FaceFinder
from portal.matching import services
from portal.matching.models import Keypoints, ModelVersion, Query
from workers.faces import as_face
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
        ratios = scale().rest.ratios(finder().find(image))
    except (NoFace, FaceUnclear) as error:
        code = error.code if seen is None or seen.kind == "person" else rejection_code(seen)
        services.fail_query(query=query, code=code)
        return False
    return services.store_query_face(query=query, version=version, ratios=ratios)


class Faces:
    """The faces of one version's dogs, each from all its photos; rows are read once each."""

    def __init__(self) -> None:
        self.hold(0)

    def hold(self, version: int) -> None:
        """Begins anew, for another version."""
        self.version, self.sum = version, 0
        # Keypoints, whose photos and dogs they are of, and the face of each photo.
        self.keys, self.photos, self.owners = np.zeros((3, 0), np.int64)
        self.places, self.trust = np.zeros((2, 0, len(FACE_RATIOS)))
        self.gather()

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
        self.keys, self.photos = self.keys[stays], self.photos[stays]
        self.owners, self.places = self.owners[stays], self.places[stays]
        self.trust = self.trust[stays]
        for first in range(0, len(late), ROWS_AT_ONCE):
            self.read(rows.filter(pk__in=late[first : first + ROWS_AT_ONCE].tolist()), version)
        self.sum = int(self.keys.sum())
        self.gather()

    def read(self, rows: QuerySet[Keypoints], version: ModelVersion) -> None:
        names = version.spec["keypoints"]["names"]
        keys, places, trust = [], [], []
        # What the daily job has still to measure is measured in passing.
        found = rows.values_list("pk", "photo_id", "photo__dog_id", "face")
        known = {key: face for key, *_, face in found if face and face.get("measure") == MEASURE}
        late = rows.exclude(pk__in=list(known))
        for key, width, height, points in late.values_list(
            "pk", "photo__width", "photo__height", "points"
        ):
            known[key] = as_face(names, points, width, height)
        for key, photo, dog, _face in found:
            if key not in known:
                continue
            place, sure = scale().dog_places(known[key])
            keys.append((key, photo, dog))
            places.append(place)
            trust.append(sure)
        if keys:
            added = np.array(keys, np.int64).T
            self.keys = np.concatenate([self.keys, added[0]])
            self.photos = np.concatenate([self.photos, added[1]])
            self.owners = np.concatenate([self.owners, added[2]])
            self.places = np.concatenate([self.places, places])
            self.trust = np.concatenate([self.trust, trust])

    def gather(self) -> None:
        """Puts the photos of each dog together; the clearest of them stands for it."""
        self.dogs, whose = np.unique(self.owners, return_inverse=True)
        self.of_dogs = together(self.places, self.trust, whose, len(self.dogs))
        clearest = np.lexsort((-self.keys, self.trust.sum(1)))
        self.shown = np.zeros(len(self.dogs), np.int64)
        self.shown[whose[clearest]] = self.photos[clearest]


faces = Faces()


def alike(
    face: Mapping[str, float], version: ModelVersion, k: int, allowed: np.ndarray
) -> list[services.Found]:
    """The k dogs among the allowed ones, (n,) int64, whose faces are most alike, each by the photo
    that shows its face best."""
    faces.catch_up(version)
    person = scale().person_places(face)
    likes = likeness(person, faces.of_dogs)
    likes[~np.isin(faces.dogs, allowed)] = 0
    best = [row for row in np.argsort(-likes, kind="stable")[:k] if likes[row] > 0]
    return [
        services.Found(
            dog_id=int(faces.dogs[row]),
            photo_id=int(faces.shown[row]),
            similarity=float(likes[row]),
            score=round(100 * float(likes[row])),
            band=band(float(likes[row])),
            parts=parts(person, (faces.of_dogs[0][row], faces.of_dogs[1][row])),
        )
        for row in best
    ]


def parts(
    person: tuple[np.ndarray, np.ndarray], dog: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    """What a match holds of two faces (7,): by `person_` and `dog_` with a ratio's name, the share
    of its kind that has less of it, 0 to 1; without ratios that one of them does not show."""
    told = {}
    for number, name in enumerate(FACE_RATIOS):
        if person[1][number] > 0 and dog[1][number] > 0:
            told[f"person_{name}"] = round(share_below(float(person[0][number])), 2)
            told[f"dog_{name}"] = round(share_below(float(dog[0][number])), 2)
    return told
