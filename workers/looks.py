"""What listed dogs look like besides their appearance, read once a process.

Rows of features are never changed, so what was read of a photo stands for as long as its version
does. A search compares a hundred dogs by these, mostly the same hundreds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from ml import fusion
from ml.fusion import Looks
from portal.matching.models import Embedding, Keypoints, ModelVersion

KEPT_PHOTOS = 20_000
"""Of so many photos it stays in memory, of each some 700 bytes."""

_COAT = np.dtype("<f4")

Value = TypeVar("Value")


class Worn(NamedTuple):
    """What one photo shows of coat and breeds; None where it is not told."""

    coat: np.ndarray | None
    breeds: Mapping[str, float] | None


class Built(NamedTuple):
    """How one photo shows a dog's proportions, as rows of `ml.fusion.Looks`, and from where."""

    body: np.ndarray
    face: np.ndarray
    view: str


class ListedLooks:
    """The looks of a version's photos. Not safe for several threads."""

    def __init__(self, version: ModelVersion, names: Sequence[str]) -> None:
        """`names` are those of the version's keypoints, in the order of their rows."""
        self._version = version.pk
        self._names = names
        self._worn = _Kept(self._read_worn)
        self._built = _Kept(self._read_built)
        unseen = fusion.looks(ordered([np.empty((0, 3))], names), [None], [None], [""])
        self._unseen = Built(unseen.body[0], unseen.face[0], "")

    def of(self, photos: Sequence[int], *, built: bool = True) -> Looks:
        """Of listed photos, in this order; what has no rows is known by nothing. At most two
        queries, one where it does not matter how the dogs are `built`."""
        worn = self._worn.of(photos)
        nothing = Worn(None, None)
        clothes = [worn.get(photo, nothing) for photo in photos]
        known = self._built.of(photos) if built else {}
        bodies = [known.get(photo, self._unseen) for photo in photos]
        return Looks(
            np.array([one.body for one in bodies]).reshape(-1, *self._unseen.body.shape),
            np.array([one.face for one in bodies]).reshape(-1, *self._unseen.face.shape),
            fusion.table_of_coats([one.coat for one in clothes]),
            [one.breeds for one in clothes],
            [one.view for one in bodies],
        )

    def of_points(
        self, points: np.ndarray, coat: np.ndarray | None, breeds: Mapping[str, float], view: str
    ) -> Looks:
        """Of one photo that is not listed; `points` (K, 3) in pixels, or none."""
        return fusion.looks(ordered([points], self._names), [coat], [breeds], [view])

    def _read_worn(self, photos: Sequence[int]) -> dict[int, Worn]:
        rows = Embedding.objects.filter(version=self._version, photo__in=photos)
        return {
            photo: Worn(as_coat(coat), dict(breeds or []))
            for photo, coat, breeds in rows.values_list("photo_id", "coat", "breeds")
        }

    def _read_built(self, photos: Sequence[int]) -> dict[int, Built]:
        rows = list(
            Keypoints.objects.filter(version=self._version, photo__in=photos).values_list(
                "photo_id", "points", "view", "photo__width", "photo__height"
            )
        )
        placed = [on_picture(points, width, height) for _, points, _, width, height in rows]
        nothing = [None] * len(rows)
        seen = fusion.looks(ordered(placed, self._names), nothing, nothing, [r[2] for r in rows])
        return {
            row[0]: Built(body, face, row[2])
            for row, body, face in zip(rows, seen.body, seen.face, strict=True)
        }


class _Kept(Generic[Value]):
    """Values by photo, read where they are not at hand; those asked for longest ago go first."""

    def __init__(self, read: Callable[[Sequence[int]], dict[int, Value]]) -> None:
        self._read = read
        self._values: OrderedDict[int, Value] = OrderedDict()

    def of(self, photos: Iterable[int]) -> dict[int, Value]:
        wanted = dict.fromkeys(photos)
        missing = [photo for photo in wanted if photo not in self._values]
        found = {photo: self._values[photo] for photo in wanted if photo in self._values}
        if missing:
            new = self._read(missing)
            found |= new
            self._values |= new
        for photo in found:
            self._values.move_to_end(photo)
        while len(self._values) > KEPT_PHOTOS:
            self._values.popitem(last=False)
        return found


def as_coat(row: bytes | memoryview | None) -> np.ndarray | None:
    return None if row is None else np.frombuffer(bytes(row), _COAT)


def on_picture(points: Sequence[Sequence[float]], width: int, height: int) -> np.ndarray:
    """(K, 3) in pixels, of points in fractions of the picture."""
    placed = np.array(points, np.float64).reshape(-1, 3)
    placed[:, :2] *= (width, height)
    return placed


def ordered(points: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """(n, 21, 3) as `ml.fusion.looks` takes them, of points in the order of `names`."""
    table = np.zeros((len(points), len(names), 3))
    for row, placed in enumerate(points):
        if len(placed) == len(names):
            table[row] = placed
    return fusion.ordered(names, table)
