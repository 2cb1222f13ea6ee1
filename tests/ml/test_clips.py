"""Films read under limits: upright frames at known times, or a code that says why not."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from ml import clips
from ml.clips import CLIP_LIMITS, read
from ml.errors import ClipRejected
from tests.films import film, plain

# As two films' frames differ after their encoders: a colour is this near.
NEAR = 12


def ramp(count: int, size: tuple[int, int] = (96, 64)) -> list[np.ndarray]:
    """Frames that grow brighter, so that each tells its number; a red corner at the upper left."""
    frames = [np.full((size[1], size[0], 3), 20 + 200 * n // count, np.uint8) for n in range(count)]
    for frame in frames:
        frame[:24, :24] = 230, 20, 20
    return frames


def code(data: bytes, **limits) -> str:
    with pytest.raises(ClipRejected) as refused:
        read(data, replace(CLIP_LIMITS, **limits))
    return refused.value.code


@pytest.mark.parametrize("kind", ["webm", "mp4", "mov"])
def test_eight_frames_a_second_at_their_times(kind):
    frames = ramp(45)
    clip = read(film(frames, kind, rate=30.0))
    assert clip.seconds == pytest.approx(1.5, abs=0.01)
    assert clip.times == pytest.approx(np.arange(12) / 8, abs=1 / 30)
    for picture, moment in zip(clip.frames, clip.times, strict=True):
        meant = frames[round(30 * moment)][50, 50, 0]
        assert abs(int(picture[50, 50, 0]) - int(meant)) < NEAR
        assert picture[8, 8, 0] > picture[8, 8, 2] + 100, "red stays red"


def test_a_slow_film_gives_each_of_its_frames_once():
    clip = read(film(ramp(6), rate=3.0))
    assert clip.times == pytest.approx(np.arange(6) / 3, abs=0.01)


def test_large_frames_are_made_smaller():
    clip = read(film(ramp(10, (800, 600))), max_side=200)
    assert clip.frames[0].shape == (150, 200, 3)


def test_a_film_that_was_held_upright_is_upright():
    """A phone writes the turn into the track's matrix (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(film(ramp(10), "mp4"))
    place = data.index(b"tkhd") + 44
    one = 1 << 16
    data[place : place + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 64 * one, 0, 1 << 30)
    picture = read(bytes(data)).frames[0]
    assert picture.shape == (96, 64, 3)
    red = picture[..., 0].astype(int) - picture[..., 2] > 100
    assert red[4:20, 44:60].all()
    assert red.sum() < 2 * 24 * 24


def test_what_is_too_long_is_refused_whether_or_not_it_says_so():
    data = film(ramp(30), rate=10.0)
    assert code(data, max_seconds=1.5) == "clip_too_long"
    # As a browser records: the length in the header is of nothing.
    silent = bytearray(data)
    place = silent.index(b"\x44\x89\x88")
    silent[place + 3 : place + 11] = struct.pack(">d", 0.0)
    assert read(bytes(silent)).seconds == pytest.approx(3, abs=0.01)
    assert code(bytes(silent), max_seconds=1.5) == "clip_too_long"


def test_a_recorder_may_end_a_little_late():
    assert read(film(ramp(25), rate=10.0), replace(CLIP_LIMITS, max_seconds=2.0)).seconds > 2.4


def test_limits_have_codes():
    data = film(ramp(12))
    assert code(data, max_bytes=len(data) - 1) == "clip_too_large"
    assert code(data, max_pixels=96 * 64 - 1) == "clip_too_heavy"
    assert code(data, max_frames=11) == "clip_too_heavy"
    assert code(data, read_seconds=-1.0) == "clip_too_heavy"
    assert code(data, min_side=65) == "clip_too_small"
    assert code(film(ramp(4))) == "clip_too_short"
    assert read(data, replace(CLIP_LIMITS, max_frames=12, max_pixels=96 * 64, min_side=64))


@pytest.mark.parametrize("kind", ["webm", "mp4"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_what_was_cut_off_is_damaged(kind, share):
    noise = np.random.default_rng(1).integers(0, 255, (24, 64, 96, 3), np.uint8)
    data = film(list(noise), kind)
    assert code(data[: int(share * len(data))]) == "clip_damaged"


def test_changed_bytes_end_in_a_clip_or_a_code():
    random = np.random.default_rng(2)
    ended = set()
    for kind in ("webm", "mp4"):
        whole = film(ramp(10), kind)
        for _ in range(40):
            data = bytearray(whole)
            for place in random.integers(0, len(data), 8):
                data[place] = random.integers(256)
            try:
                ended.add(len(read(bytes(data)).frames))
            except ClipRejected as refused:
                ended.add(refused.code)
    assert "clip_damaged" in ended
    assert 10 in ended


def test_a_list_that_names_files_is_no_film():
    assert code(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n") == "not_a_clip"


def test_a_film_of_one_colour():
    assert len(read(plain((200, 40, 40), 16)).frames) == 16


def test_nothing_of_a_film_lies_in_a_folder_while_it_is_read(tmp_path, monkeypatch):
    """Its worker may be killed there."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = []
    grab = clips._frames

    def looking(*args):
        seen.extend(tmp_path.iterdir())
        return grab(*args)

    monkeypatch.setattr(clips, "_frames", looking)
    assert read(film(ramp(10), "mp4")).frames
    assert seen == []
