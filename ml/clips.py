"""Bytes of a short film to upright frames, a few a second; under limits, since anybody sent them.

OpenCV's wheel brings FFmpeg, which reads what phones and browsers record: H.264, HEVC, VP8, VP9 and
MPEG-4 in MP4, MOV, WebM and Matroska. Sound is never looked at.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from ml.containers import CLIP_LIMITS, HEAD_BYTES, ClipLimits, kind_of
from ml.errors import ClipRejected

LOOKS_A_SECOND = 8
"""Frames that are looked at. A small dog at a trot puts each paw down up to three times a second;
fewer than twice as many looks would find its legs at the same place again and again."""

LONGER_SIDE = 640
"""Pixels of a frame's longer side."""

# A recorder that is stopped after 20 seconds writes a little more.
_GRACE = 1.0
# Of the time that a file says it lasts, how much may be missing at its end.
_MISSING, _MISSING_SECONDS = 0.1, 0.5
# FFmpeg's names, as OpenCV gives them: what phones, cameras and browsers write.
_CODECS = frozenset(
    {"h264", "avc1", "hevc", "hvc1", "hev1", "vp80", "vp90", "av01", "fmp4", "mp4v", "mjpg"}
)
# Else FFmpeg would try all its formats on the bytes, among them lists that name other files.
_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_OPTIONS = "format_whitelist;mov,matroska,webm|protocol_whitelist;file"

# FFmpeg tells of every damaged frame; what matters becomes a ClipRejected. Read once a process.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@dataclass(frozen=True, eq=False)
class Clip:
    """`frames` (H, W, 3) uint8 RGB each, upright; `times` (T,) seconds from the first frame, which
    rise; `seconds` from the first frame to the end of the last."""

    frames: list[np.ndarray]
    times: np.ndarray
    seconds: float


def read(
    data: bytes,
    limits: ClipLimits = CLIP_LIMITS,
    *,
    a_second: int = LOOKS_A_SECOND,
    max_side: int = LONGER_SIDE,
) -> Clip:
    """The clip's frames, at most `a_second` of them a second, their longer side at most `max_side`
    pixels. Raises ClipRejected.
    """
    if len(data) > limits.max_bytes:
        megabytes = limits.max_bytes / 1024 / 1024
        raise ClipRejected(
            "clip_too_large",
            f"This clip is larger than {megabytes:.0f} MB. Please send a shorter one.",
            f"{len(data)} bytes",
        )
    kind_of(data[:HEAD_BYTES])
    with _opened(data, limits) as capture:
        promised = _promised(capture)
        if promised > limits.max_seconds + _GRACE:
            raise _too_long(limits, f"{promised:.1f} s")
        return _frames(capture, promised, limits, a_second, max_side)


@contextmanager
def _opened(data: bytes, limits: ClipLimits) -> Iterator[cv2.VideoCapture]:
    silent = cv2.utils.logging.LOG_LEVEL_SILENT
    before, loudness = os.environ.get(_VARIABLE), cv2.utils.logging.setLogLevel(silent)
    os.environ[_VARIABLE] = _OPTIONS
    milliseconds = int(1000 * limits.read_seconds)
    settings = [cv2.CAP_PROP_N_THREADS, 2, cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds]
    settings += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
    try:
        # Its own reading from memory lets go of the bytes while it still needs them (5.0.0). A file
        # without a name leaves nothing where a film kills this process.
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            capture = cv2.VideoCapture(f"/dev/fd/{file.fileno()}", cv2.CAP_FFMPEG, settings)
            try:
                if not capture.isOpened():
                    raise _damaged("it cannot be opened")
                _check(capture, limits)
                yield capture
            finally:
                capture.release()
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(str(error)) from error
        raise _damaged(str(error)) from error
    finally:
        cv2.utils.logging.setLogLevel(loudness)
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def _check(capture: cv2.VideoCapture, limits: ClipLimits) -> None:
    """What the header says, before a frame is decoded."""
    codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    if codec.decode("latin-1").lower() not in _CODECS:
        raise ClipRejected(
            "not_a_clip",
            "This file is not a film that we can read. Please send an MP4, MOV or WebM film.",
            repr(codec),
        )
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > limits.max_pixels:
        raise _too_heavy(f"{width} x {height}")
    if min(width, height) < limits.min_side:
        raise ClipRejected(
            "clip_too_small",
            f"This clip is too small. Each side needs at least {limits.min_side} pixels.",
            f"{width} x {height}",
        )


def _promised(capture: cv2.VideoCapture) -> float:
    """Seconds that the file says it lasts; 0 where it says nothing, as a browser's recording."""
    frames, rate = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    return frames / rate if frames > 0 and rate > 0 else 0.0


def _frames(
    capture: cv2.VideoCapture,
    promised: float,
    limits: ClipLimits,
    a_second: int,
    max_side: int,
) -> Clip:
    until = time.monotonic() + limits.read_seconds
    frames: list[np.ndarray] = []
    times: list[float] = []
    first = last = step = 0.0
    looks = 0
    # Every frame is decoded, since each builds on those before; few are made pictures.
    for number in range(limits.max_frames + 1):
        if not capture.grab():
            break
        now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if number == 0:
            first = now
        elif now - first > last:
            step, last = now - first - last, now - first
        if last > limits.max_seconds + _GRACE:
            raise _too_long(limits, f"more than {last:.1f} s")
        if number == limits.max_frames or time.monotonic() > until:
            raise _too_heavy(f"{number} frames in {limits.read_seconds:.0f} s")
        # A hundredth of a look early, so that a frame meant for this moment is not passed over.
        if last * a_second + 0.01 < looks or (times and last <= times[-1]):
            continue
        _, picture = capture.retrieve()
        if picture is None:
            raise _damaged("a frame cannot be shown")
        frames.append(_small(picture, max_side))
        times.append(last)
        looks = int(last * a_second + 0.01) + 1
    if not frames:
        raise _damaged("no frame can be read")
    seconds = last + step
    if seconds < (1 - _MISSING) * promised - _MISSING_SECONDS:
        raise _damaged(f"{seconds:.1f} of {promised:.1f} s are there")
    if seconds < 1:
        raise ClipRejected(
            "clip_too_short",
            "This clip is shorter than a second. Please record a longer one.",
            f"{seconds:.2f} s",
        )
    return Clip(frames, np.array(times), round(seconds, 3))


def _small(picture: np.ndarray, max_side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = max_side / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _too_long(limits: ClipLimits, detail: str) -> ClipRejected:
    return ClipRejected(
        "clip_too_long",
        f"This clip is longer than {limits.max_seconds:.0f} seconds. "
        "Please cut it, or record a shorter one.",
        detail,
    )


def _too_heavy(detail: str) -> ClipRejected:
    return ClipRejected(
        "clip_too_heavy",
        "This clip is too much to look at. Please record it smaller, at 1080p and 30 frames a "
        "second.",
        detail,
    )


def _damaged(detail: str) -> ClipRejected:
    return ClipRejected(
        "clip_damaged", "This clip is damaged or incomplete. Please record it again.", detail
    )
