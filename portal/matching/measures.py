"""Proportions in words and as bars: of a photo beside a dog's, and of a person's face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from portal.dogs.models import Photo
from portal.matching.models import Keypoints, Query
from portal.matching.proportions import in_pixels, pose_percent, proportions
from portal.matching.queries import active_version

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

RATIOS: dict[str, StrPromise] = {
    "head_to_back": _("head to back"),
    "front_leg_to_back": _("front leg to back"),
    "hind_leg_to_back": _("hind leg to back"),
    "back_to_front_leg": _("back to front leg"),
    "eye_distance_to_head": _("eye distance to head"),
    "muzzle_to_head": _("muzzle to head"),
    "eye_to_nose": _("eyes to nose"),
    "nose_to_mouth": _("nose to mouth"),
    "mouth_width": _("mouth width"),
    "ear_spacing": _("ear spacing"),
    "eye_to_mouth": _("eyes to mouth"),
    "eye_to_ear": _("eyes to ears"),
    "ear_height": _("ear height"),
}
# A person's ears are there.
BELOW_EYES = _("ears below the eyes")


@dataclass(frozen=True)
class Compared:
    """One ratio of both photos; `difference` is in per cent of the larger one, 0 to 100."""

    label: StrPromise | str
    yours: float
    theirs: float
    difference: int


@dataclass(frozen=True)
class Measured:
    label: StrPromise | str
    value: float


@dataclass(frozen=True)
class Comparison:
    """The ratios that can be measured in both photos, and how alike the dogs hold themselves, 0 to
    100, None where too little is seen in both."""

    ratios: list[Compared] = field(default_factory=list)
    pose: int | None = None


def compared(query: Query, photo: Photo | None) -> Comparison:
    """An adopter's photo beside a listed one. Two queries."""
    version = active_version()
    if version is None or photo is None or not query.points or query.version is None:
        return Comparison()
    row = Keypoints.objects.filter(version=version, photo=photo).first()
    if row is None:
        return Comparison()
    ours = (query.version.spec["keypoints"], query.points, query.width, query.height)
    listed = (version.spec["keypoints"], row.points, photo.width, photo.height)
    mine, other = proportions(*ours), proportions(*listed)
    found = []
    for name, label in RATIOS.items():
        yours, theirs = mine.get(name), other.get(name)
        # A height below 0 has no difference in per cent.
        if yours and theirs and min(yours, theirs) > 0:
            apart = abs(yours - theirs) / max(yours, theirs)
            found.append(Compared(label, yours, theirs, round(100 * apart)))
    return Comparison(found, pose_percent(in_pixels(*ours), in_pixels(*listed)))


def face_rows(face: Mapping[str, float]) -> list[Measured]:
    """What is kept of a person's face, in words."""
    return [
        Measured(BELOW_EYES, round(-value, 2))
        if name == "ear_height" and value < 0
        else Measured(RATIOS.get(name, name), round(value, 2))
        for name, value in face.items()
    ]
