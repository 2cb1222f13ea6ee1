"""The intake of pictures: `ml.images` on bytes of unknown origin."""

from __future__ import annotations

import io
import struct
import zlib
from random import Random

import numpy as np
from PIL import Image

from ml.errors import ImageRejected
from ml.images import Limits, encode, load, probe
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import Change, changed
from tests.fuzz.pictures import SECRET, all_drawn, profile

# The product's own, but for fewer pixels, so that no case is slow; heavy.py has the largest.
LIMITS = Limits(max_bytes=1024 * 1024, max_pixels=2_000_000, min_side=8, max_frames=50)
CODES = {
    "empty_file", "file_too_large", "not_an_image", "unsupported_format", "too_many_pixels",
    "too_many_frames", "image_too_small", "truncated_image",
}  # fmt: skip
METADATA = {"exif", "icc_profile", "xmp", "comment", "XML:com.adobe.xmp"}


def one(data: bytes) -> None:
    """`probe` and `load` return or raise ImageRejected; what `load` returns is a picture within the
    limits and of the size that `probe` tells; and what `encode` makes of it has no metadata."""
    with in_time():
        try:
            info = probe(data, LIMITS)
        except ImageRejected as refused:
            check(refused)
            info = None
        small = loaded(data, 60)
        whole = loaded(data, None)
    if info is None:
        assert whole is None
        assert small is None
        return
    assert info.format in {"JPEG", "PNG", "WEBP", "HEIC"}
    assert info.width * info.height <= LIMITS.max_pixels
    assert min(info.width, info.height) >= LIMITS.min_side
    if small is not None:
        assert max(small.shape[:2]) <= 60
        written(small)
    if whole is not None:
        # EXIF behind the pixels of a PNG turns it only once they are decoded.
        assert sorted(whole.shape[:2]) == sorted((info.height, info.width))


def loaded(data: bytes, side: int | None) -> np.ndarray | None:
    try:
        picture = load(data, LIMITS, max_side=side)
    except ImageRejected as refused:
        check(refused)
        return None
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    return picture


def check(refused: ImageRejected) -> None:
    assert refused.code in CODES, refused.code
    assert refused.message.endswith(".")
    str(refused).encode("utf-8", "surrogateescape")


def written(picture: np.ndarray) -> None:
    """What is stored of it: three formats, without anything but pixels."""
    for format in ("JPEG", "WEBP", "AVIF") if picture[0, 0, 0] % 32 == 0 else ("JPEG", "WEBP"):
        data = encode(picture, max_side=48, format=format)  # type: ignore[arg-type]
        assert SECRET.encode() not in data
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == format
            assert max(image.size) <= 48
            assert not METADATA & set(image.info)
            assert not dict(image.getexif())


def seeds() -> list[bytes]:
    return list(all_drawn())


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    """Most of the time a file whose parts still are parts: with the right lengths and sums."""
    if random.randrange(3):
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return png(data, random, change)
        if data[:4] == b"RIFF":
            return webp(data, random, change)
        if data[:2] == b"\xff\xd8":
            return jpeg(data, random, change)
    return change(data)


def png(data: bytes, random: Random, change: Change) -> bytes:
    chunks = []
    at = 8
    while at + 12 <= len(data) and len(chunks) < 200:
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return change(data)
    number = random.randrange(len(chunks))
    kind, body = chunks[number]
    match random.randrange(7):
        case 0:
            chunks.insert(random.randrange(len(chunks) + 1), extra_chunk(random))
        case 1:
            del chunks[number]
        case 2:
            chunks.insert(random.randrange(len(chunks) + 1), chunks[number])
        case 3 if kind == b"IDAT":
            body = zlib.compress(changed(unpacked(body), random, 200_000))
            chunks[number] = kind, body
        case 4:
            chunks[number] = random.choice(CHUNKS), body
        case _:
            chunks[number] = kind, change(body)
    out = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        kind = (kind + b"    ")[:4]
        out += (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )
    return out


CHUNKS = (
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf", b"iCCP", b"tEXt", b"zTXt", b"iTXt",
    b"acTL", b"fcTL", b"fdAT", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"teXt", b"tEXT",
)  # fmt: skip


def extra_chunk(random: Random) -> tuple[bytes, bytes]:
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    raw = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n  4\n" + random.randbytes(4).hex().encode()
    )
    sides = [random.choice((0, 9, 96, 2**31)) for _ in range(4)]
    return random.choice(
        (
            (b"zTXt", b"k\0\0" + zlib.compress(b"a" * 3_000_000)),
            (b"zTXt", raw),
            (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b'tiff:Orientation="8"')),
            (b"iCCP", b"p\0\0" + zlib.compress(changed(profile(), random))),
            (b"eXIf", changed(exif, random)),
            (b"acTL", struct.pack(">II", random.choice((0, 1, 60, 2**31)), 0)),
            (b"fcTL", struct.pack(">IIIIIHHBB", 0, *sides, 0, 0, 1, 0)),
            (b"tRNS", random.randbytes(random.choice((0, 1, 2, 6, 256)))),
            (b"PLTE", random.randbytes(random.choice((0, 2, 3, 768, 900)))),
        )
    )  # fmt: skip


def unpacked(body: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, 200_000)
    except zlib.error:
        return body


def webp(data: bytes, random: Random, change: Change) -> bytes:
    chunks = []
    at = 12
    while at + 8 <= len(data) and len(chunks) < 200:
        (length,) = struct.unpack_from("<I", data, at + 4)
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    if not chunks:
        return change(data)
    number = random.randrange(len(chunks))
    kind, body = chunks[number]
    match random.randrange(6):
        case 0:
            kind = random.choice((b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"EXIF"))
            chunks[number] = kind, body
        case 1:
            del chunks[number]
        case 2:
            chunks.insert(random.randrange(len(chunks) + 1), chunks[number])
        case 3:
            other = random.choice(((b"ICCP", profile()), (b"EXIF", b"Exif\0\0MM"), (b"XMP ", b"<")))
            chunks.append((other[0], changed(other[1], random)))
        case _:
            chunks[number] = kind, change(body)
    parts = [k[:4] + struct.pack("<I", len(b)) + b + b"\0" * (len(b) % 2) for k, b in chunks]
    told = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(told)) + told


def jpeg(data: bytes, random: Random, change: Change) -> bytes:
    """Segments up to the first scan, and the rest."""
    segments = []
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA and len(segments) < 200:
        (length,) = struct.unpack_from(">H", data, at + 2)
        segments.append((data[at + 1], data[at + 4 : at + 2 + max(2, length)]))
        at += 2 + max(2, length)
    rest = data[at:]
    if not segments or not random.randrange(4):
        return data[:at] + change(rest)
    number = random.randrange(len(segments))
    marker, body = segments[number]
    match random.randrange(5):
        case 0:
            segments[number] = (
                random.choice((0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, 0xE1, 0xE2, 0xEE)),
                body,
            )
        case 1:
            del segments[number]
        case 2:
            segments.insert(random.randrange(len(segments) + 1), segments[number])
        case _:
            segments[number] = marker, change(body)
    told = [
        bytes([0xFF, m]) + struct.pack(">H", len(b[:65_000]) + 2) + b[:65_000] for m, b in segments
    ]
    return data[:2] + b"".join(told) + rest
