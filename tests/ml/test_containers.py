"""A film is told by what stands in it."""

import pytest

from ml.containers import kind_of
from ml.errors import ClipRejected


def box(brand: bytes) -> bytes:
    return b"\0\0\0\x20ftyp" + brand + b"\0\0\2\0isommp41"


def ebml(kind: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82" + bytes([0x80 | len(kind)]) + kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (box(b"isom"), "mp4"),
        (box(b"mp42"), "mp4"),
        (box(b"qt  "), "mp4"),
        (box(b"3gp5"), "mp4"),
        (ebml(b"webm"), "webm"),
        (ebml(b"matroska"), "webm"),
    ],
)
def test_films_of_phones_and_browsers(head, kind):
    assert kind_of(head) == kind


@pytest.mark.parametrize(
    "head",
    [
        box(b"heic"),
        box(b"avif"),
        box(b"M4A "),
        ebml(b"cooking"),
        b"\x1a\x45\xdf\xa3" + bytes(60),
        b"\x1a\x45\xdf\xa3\x42\x82",
        b"RIFF\0\0\0\0AVI LIST",
        b"#EXTM3U\nfile:///etc/passwd",
        b"\xff\xd8\xff\xe0 a photo",
        b"<svg onload=alert()>",
    ],
)
def test_what_is_no_film(head):
    with pytest.raises(ClipRejected) as refused:
        kind_of(head)
    assert refused.value.code == "not_a_clip"


def test_an_empty_file():
    with pytest.raises(ClipRejected) as refused:
        kind_of(b"")
    assert refused.value.code == "empty_file"
