import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.datasets import scan as module
from ml.datasets.scan import Facts, default_cache, facts_of, scan
from ml.errors import DataError
from tests.ml.datasets.pictures import picture


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(7):
        picture(number).save(folder / f"{number}.jpg")
    return sorted(folder.iterdir())


def test_facts(tmp_path: Path) -> None:
    pixels = np.zeros((30, 50, 3), np.uint8)
    pixels[:, :25] = (200, 100, 100)
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).save(path, "PNG")
    told = facts_of(path)
    assert (told.format, told.mode, told.width, told.height) == ("PNG", "RGB", 50, 30)
    assert told.bytes == path.stat().st_size
    assert told.brightness == pytest.approx(65, abs=1)  # half of 0.299 * 200 + 0.701 * 100
    assert told.contrast == pytest.approx(65, abs=1)
    assert told.colour == 50
    assert told.problem == ""
    assert told.sha256 != facts_of(path).sha256[::-1]


def test_width_and_height_are_as_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(1, 90, 60).save(tmp_path / "turned.jpg", exif=exif)
    told = facts_of(tmp_path / "turned.jpg")
    assert (told.width, told.height) == (60, 90)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_channels_as_stored(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture(1).convert(mode).save(path)
    assert facts_of(path).mode == mode


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    picture(1).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    picture(1).save(tmp_path / "gif.jpg", "GIF")
    (tmp_path / "text.jpg").write_text("no photo")
    picture(1, 8, 8).save(tmp_path / "tiny.png")
    reasons = {path.stem: facts_of(path).problem for path in tmp_path.iterdir()}
    assert reasons["whole"] == ""
    assert reasons["empty"] == "This file is empty."
    assert reasons["torn"].startswith("This photo is damaged or incomplete (")
    assert reasons["gif"] == "We can't read this kind of file (GIF)."
    assert reasons["text"] == "This file is not a photo (no known image header)."
    assert reasons["tiny"] == "This photo is too small (8 x 8)."
    missing = facts_of(tmp_path / "missing.jpg")
    assert missing.problem == "This file cannot be read: No such file or directory."


def test_a_file_is_read_once_until_it_changes(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> Facts:
        read.append(path)
        return facts_of(path)

    monkeypatch.setattr(module, "facts_of", counted)
    cache = tmp_path / "deep" / "photos.sqlite"
    first = scan(photos, cache)
    assert sorted(read) == photos
    assert first == [facts_of(path) for path in photos]
    assert scan(photos[::-1], cache) == first[::-1]
    assert len(read) == len(photos)
    picture(99).save(photos[2])
    os.utime(photos[2], ns=(1, 1))
    again = scan(photos, cache)
    assert read[len(photos) :] == [photos[2]]
    assert again[2] != first[2]
    assert again[3:] == first[3:]


def test_a_killed_scan_goes_on(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def killed(path: Path) -> Facts:
        if path == photos[4]:
            raise KeyboardInterrupt
        return facts_of(path)

    def counted(path: Path) -> Facts:
        read.append(path)
        return facts_of(path)

    monkeypatch.setattr(module, "facts_of", killed)
    with pytest.raises(KeyboardInterrupt):
        scan(photos, tmp_path / "c.sqlite")
    monkeypatch.setattr(module, "facts_of", counted)
    scan(photos, tmp_path / "c.sqlite")
    assert sorted(read) == photos[4:]


def test_a_cache_that_cannot_be(photos: list[Path]) -> None:
    with pytest.raises(DataError, match="Name another file with --cache"):
        scan(photos, photos[0])


def test_the_cache_is_below_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache() == Path("/somewhere/pawkin/photos.sqlite")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "pawkin" / "photos.sqlite"
