"""A clip from its bytes to what staff see: frames, the dog in each, how it moves, a film of stills.

The film is stills because it has to play everywhere: what OpenCV's wheel can write, VP8 in WebM,
no iPhone shows before iOS 17.4, and of MPEG-4 neither Chromium nor Firefox shows any. And each
drawing of the points belongs to exactly one picture, which a <video> element does not promise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.conf import settings

from ml.activity import LEVELS, Activity, measure
from ml.camera import motions
from ml.clips import Clip as Film
from ml.clips import read as read_film
from ml.containers import CLIP_LIMITS, ClipLimits
from ml.errors import ClipRejected, PawkinError
from ml.following import Sighting
from ml.images import encode
from portal.clips import services
from portal.clips.models import Clip
from portal.dogs.storage import Files, new_files
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching.queries import active_version
from workers.pictures import or_later
from workers.runtime import runtime

# Pixels of the longer side, and quality 1 to 100: twenty seconds make 1 to 3 MB.
FILM_SIDE = 480
FILM_QUALITY = 70


def limits() -> ClipLimits:
    return replace(CLIP_LIMITS, max_bytes=settings.CLIP_MAX_BYTES)


def watch_clip(job: Job) -> None:
    """Has the live version's models follow the dog through a clip that waits."""
    clip = Clip.objects.filter(pk=job.subject, state=Clip.State.WAITING).first()
    if clip is None:
        jobs.finish(job=job)
        return
    version = active_version()
    if version is None:
        raise PawkinError("no_active_version", "Start a worker that has models.")
    try:
        film = read_film(read(clip), limits())
    except ClipRejected as error:
        services.refuse_clip(clip=clip, code=error.code)
        jobs.finish(job=job)
        return
    total = 2 * len(film.frames)
    jobs.beat(job=job, step="watching", done=0, total=total)
    analyser = runtime.analyser(version)

    def tell(done: int) -> None:
        jobs.beat(job=job, done=done)

    seen = analyser.follow(film.frames, tell)
    if any(one is not None for one in seen):
        camera = motions(film.frames, [one.box if one else None for one in seen])
        activity = measure(seen, film.times, camera)
        store(clip, film, activity, dict(version.spec["keypoints"]))
    else:
        # A film of people, perhaps: nothing of it is kept.
        services.refuse_clip(clip=clip, code="clip_no_dog")
    jobs.finish(job=job)


@or_later()
def read(clip: Clip) -> bytes:
    """The bytes as they came. Raises PawkinError `file_missing`, and Postponed."""
    try:
        with clip.upload.storage.open(str(clip.upload.name)) as opened:
            return bytes(opened.read())
    except FileNotFoundError as error:
        raise PawkinError("file_missing", "Record it again.", str(error)) from error


@or_later()
def store(clip: Clip, film: Film, activity: Activity, layout: dict[str, Any]) -> None:
    """Keeps the film, its poster, and what was seen; nothing if the clip is gone."""
    height, width = film.frames[0].shape[:2]
    scale = min(1.0, FILM_SIDE / max(height, width))
    shown = clearest(activity.sightings)
    with new_files() as files:
        name, places = write_film(film.frames, files)
        poster = files.write(
            encode(film.frames[shown], max_side=max(height, width), quality=85),
            folder="clips",
            suffix=".jpg",
        )
        watched = services.Watched(
            film=name,
            poster=poster,
            shown=shown,
            seconds=film.seconds,
            width=round(scale * width),
            height=round(scale * height),
            layout=layout,
            frames=[
                as_row(one, float(moment), place, width, height)
                for one, moment, place in zip(activity.sightings, film.times, places, strict=True)
            ],
            speeds=[None if math.isnan(v) else round(float(v), 3) for v in activity.speeds],
            speed=None if activity.speed is None else round(activity.speed, 3),
            level=activity.level or "",
            levels={str(name): begins for name, begins in LEVELS[activity.relative].items()},
            relative=activity.relative,
            seen=round(activity.seen, 3),
            postures=None
            if activity.postures is None
            else {str(name): round(share, 3) for name, share in activity.postures.items()},
        )
        if not services.store_watched(clip=clip, watched=watched):
            files.take_back()


def write_film(frames: Sequence[np.ndarray], files: Files) -> tuple[str, list[list[int]]]:
    """Stores all frames as one file; its name, and where in it each begins and ends."""
    stills = [encode(f, max_side=FILM_SIDE, format="WEBP", quality=FILM_QUALITY) for f in frames]
    ends = np.cumsum([len(still) for still in stills]).tolist()
    places = [[end - len(still), end] for end, still in zip(ends, stills, strict=True)]
    return files.write(b"".join(stills), folder="clips", suffix=".stills"), places


def clearest(sightings: Sequence[Sighting | None]) -> int:
    """The frame in which most of the dog is surely seen."""
    sure = [0.0 if one is None else float(one.keypoints[:, 2].sum()) for one in sightings]
    return int(np.argmax(sure))


def as_row(
    one: Sighting | None, moment: float, place: list[int], width: int, height: int
) -> dict[str, Any]:
    """A frame as Clip.frames holds it."""
    row: dict[str, Any] = {"t": round(moment, 3), "at": place}
    if one is None:
        return {**row, "box": None, "points": None, "posture": ""}
    box = np.asarray(one.box) / [width, height, width, height]
    points = one.keypoints.astype(np.float64) / [width, height, 1]
    return {
        **row,
        "box": box.round(4).tolist(),
        "points": [[round(x, 4), round(y, 4), round(s, 2)] for x, y, s in points.tolist()],
        "posture": one.posture or "",
    }
