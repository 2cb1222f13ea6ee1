"""The intake of films: `ml.containers` on their first bytes, `ml.clips` on all of them."""

from __future__ import annotations

import struct
from functools import cache
from random import Random
from typing import Any

import numpy as np

from ml.clips import Clip, read
from ml.containers import HEAD_BYTES, ClipLimits, kind_of
from ml.errors import ClipRejected
from tests.films import film
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import Change, changed

# The product's own, but for shorter and smaller films, so that no case is slow.
LIMITS = ClipLimits(
    max_bytes=1024 * 1024, max_seconds=4.0, max_pixels=1_000_000, max_frames=60, read_seconds=3.0
)
LOOKS, SIDE = 8, 48
HEAD_CODES = {"empty_file", "not_a_clip"}
CODES = HEAD_CODES | {
    "clip_too_large", "clip_too_long", "clip_too_heavy", "clip_too_small", "clip_too_short",
    "clip_damaged",
}  # fmt: skip


def one(data: bytes) -> None:
    """A clip within the limits, or ClipRejected; and what its first bytes are refused for is what
    all of it is refused for."""
    with in_time():
        head, clip = begun(data), loaded(data)
    if head:
        assert clip == head
    if isinstance(clip, Clip):
        check(clip)


def begun(data: bytes) -> str:
    try:
        assert kind_of(data[:HEAD_BYTES]) in ("mp4", "webm")
    except ClipRejected as refused:
        check_refusal(refused, HEAD_CODES)
        return refused.code
    return ""


def loaded(data: bytes) -> Clip | str:
    try:
        return read(data, LIMITS, a_second=LOOKS, max_side=SIDE)
    except ClipRejected as refused:
        check_refusal(refused)
        return refused.code


def check(clip: Clip) -> None:
    times = clip.times
    assert 1 <= clip.seconds < 2 * LIMITS.max_seconds + 2
    assert times.shape == (len(clip.frames),)
    assert times[0] == 0
    assert np.isfinite(times).all()
    assert (np.diff(times) > 0).all()
    # One look more than seconds allow, as the first is at none.
    assert len(times) <= (LIMITS.max_seconds + 1) * LOOKS + 1
    assert len({frame.shape for frame in clip.frames}) == 1
    for frame in clip.frames:
        assert frame.dtype == np.uint8
        assert frame.ndim == 3
        assert frame.shape[2] == 3
        assert max(frame.shape) <= SIDE


def check_refusal(refused: ClipRejected, codes: set[str] = CODES) -> None:
    assert refused.code in codes, refused.code
    assert refused.message.endswith(".")
    str(refused).encode("utf-8", "surrogateescape")


@cache
def drawn() -> tuple[bytes, ...]:
    ramp = [np.full((64, 96, 3), 20 + 20 * n, np.uint8) for n in range(10)]
    noise = np.random.default_rng(1).integers(0, 255, (9, 64, 64, 3), np.uint8)
    return (
        film(ramp),
        film(ramp, "mp4"),
        film(ramp, "mov"),
        film(list(noise)),
        film(ramp[:3], "mp4", rate=2.0),
        matroska(frames_of(film(ramp))),
        # A frame that is larger than its header says, among others.
        matroska([*frames_of(film(ramp)), *frames_of(film([wide()])), *frames_of(film(ramp))]),
    )


def wide() -> np.ndarray:
    return np.full((1200, 1600, 3), 90, np.uint8)


def seeds() -> list[bytes]:
    return [
        *drawn(),
        b"\0\0\0\x20ftypheic\0\2\0\0isommp41",
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
        b"",
    ]


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    """Most of the time a file whose boxes still are boxes, with the right lengths."""
    if random.randrange(4):
        if data[4:8] == b"ftyp":
            return boxes(data, random, change)
        if data[:4] == b"\x1a\x45\xdf\xa3":
            return elements(data, random, change)
    return change(data)


# ISO/IEC 14496-12: boxes that hold boxes, after so many bytes of their own.
HOLD = {
    b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"dinf": 0, b"edts": 0,
    b"udta": 0, b"moof": 0, b"traf": 0, b"dref": 8, b"stsd": 8, b"mp4v": 78,
}  # fmt: skip
KINDS = (
    *HOLD, b"mdat", b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"stts", b"stsc", b"stsz", b"stco", b"co64",
    b"stss", b"ctts", b"elst", b"esds", b"trun", b"url ", b"alis", b"meta", b"cmov", b"free",
)  # fmt: skip
ODD_WORDS = (0, 1, 2, 255, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

# A box: its kind, what stands before the boxes in it, and those; or none, and then all is before.
Box = tuple[bytes, bytes, "list[Box] | None"]


def parsed(data: bytes, most: int = 300) -> list[Box]:
    found: list[Box] = []
    at = 0
    while at + 8 <= len(data) and len(found) < most:
        (length,) = struct.unpack_from(">I", data, at)
        length = length if 8 <= length <= len(data) - at else len(data) - at
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + length]
        if kind in HOLD:
            found.append((kind, body[: HOLD[kind]], parsed(body[HOLD[kind] :])))
        else:
            found.append((kind, body, None))
        at += length
    return found


def written(found: list[Box]) -> bytes:
    out = b""
    for kind, before, inside in found:
        body = before + (written(inside) if inside is not None else b"")
        out += struct.pack(">I", len(body) + 8) + kind + body
    return out


def filled(tree: list[Any]) -> list[list[Any]]:
    """The lists of boxes or elements, this one and those inside, that are not empty."""
    inside = [found for *_, within in tree for found in filled(within or [])]
    return [tree, *inside] if tree else []


def boxes(data: bytes, random: Random, change: Change) -> bytes:
    tree = parsed(data)
    chosen = random.choice(filled(tree))
    number = random.randrange(len(chosen))
    kind, before, inside = chosen[number]
    match random.randrange(8):
        case 0:
            del chosen[number]
        case 1:
            chosen.insert(random.randrange(len(chosen) + 1), chosen[number])
        case 2:
            chosen[number] = random.choice(KINDS), before, inside
        case 3:
            chosen.append((random.choice(KINDS), random.randbytes(random.choice((0, 4, 40))), None))
        case 4 if before:
            chosen[number] = kind, change(before), inside
        case _:
            chosen[number] = kind, with_odd_word(before, random), inside
    return written(tree)


def with_odd_word(body: bytes, random: Random) -> bytes:
    if len(body) < 4:
        return changed(body, random, 200_000)
    at = random.randrange(len(body) // 4) * 4
    return body[:at] + struct.pack(">I", random.choice(ODD_WORDS)) + body[at + 4 :]


# RFC 9559: elements that hold elements.
SEGMENT, CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
MASTERS = {
    b"\x1a\x45\xdf\xa3", SEGMENT, CLUSTER, b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b", b"\xae",
    b"\xe0", b"\xa0", b"\x1c\x53\xbb\x6b", b"\x11\x4d\x9b\x74", b"\x4d\xbb", b"\xbb", b"\xb7",
    b"\x6d\x80",
}  # fmt: skip
ODD_ELEMENTS = (
    b"\xb0", b"\xba", b"\xa3", b"\xa1", b"\x86", b"\x83", b"\x2a\xd7\xb1", b"\x44\x89", b"\xe7",
    b"\x42\x82", b"\x63\xa2", b"\x23\xe3\x83", b"\x6d\x80", b"\x50\x31", b"\x62\x40",
)  # fmt: skip

# An element: its id, what stands in it, and the elements in it, where it holds some.
Element = tuple[bytes, bytes, "list[Element] | None"]


def number_at(data: bytes, at: int) -> tuple[int, int]:
    """An EBML number and where it ends (RFC 8794, 4). Raises IndexError."""
    first = data[at]
    length = 9 - first.bit_length()
    if length > 8:
        raise IndexError
    value = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return value, at + length


def parsed_elements(data: bytes, most: int = 300) -> list[Element]:
    found: list[Element] = []
    at = 0
    try:
        while at < len(data) and len(found) < most:
            _id, begin = number_at(data, at)
            size, body_at = number_at(data, begin)
            body = data[body_at : body_at + size]
            kind = data[at:begin]
            found.append((kind, body, parsed_elements(body) if kind in MASTERS else None))
            at = body_at + len(body)
    except IndexError:
        pass
    return found


def element(kind: bytes, body: bytes) -> bytes:
    """With a length of one byte where that will do, as those who write films do."""
    size = len(body)
    length = bytes([0x80 | size]) if size < 127 else (size | 1 << 56).to_bytes(8, "big")
    return kind + length + body


def written_elements(found: list[Element]) -> bytes:
    return b"".join(
        element(kind, body if inside is None else written_elements(inside))
        for kind, body, inside in found
    )


def elements(data: bytes, random: Random, change: Change) -> bytes:
    tree = parsed_elements(data)
    lists = filled(tree)
    if not lists:
        return change(data)
    chosen = random.choice(lists)
    number = random.randrange(len(chosen))
    kind, body, _inside = chosen[number]
    match random.randrange(8):
        case 0:
            del chosen[number]
        case 1:
            chosen.insert(random.randrange(len(chosen) + 1), chosen[number])
        case 2:
            chosen[number] = random.choice(ODD_ELEMENTS), body, None
        case 3:
            odd = random.choice(ODD_WORDS).to_bytes(4, "big")
            chosen.append((random.choice(ODD_ELEMENTS), odd, None))
        case 4:
            odd = random.choice(ODD_WORDS).to_bytes(random.choice((4, 8)), "big")
            chosen[number] = kind, odd, None
        case _:
            chosen[number] = kind, change(body), None
    return written_elements(tree)


def frames_of(data: bytes) -> list[bytes]:
    """The pictures of a WebM film, each as its codec wrote it."""
    out: list[bytes] = []

    def look(found: list[Element]) -> None:
        for kind, body, inside in found:
            if kind in (b"\xa3", b"\xa1"):
                out.append(body[4:])
            look(inside or [])

    look(parsed_elements(data))
    return out


def matroska(frames: list[bytes], size: tuple[int, int] = (96, 64), step: int = 125) -> bytes:
    """A WebM film of VP8 pictures, `step` milliseconds each, whose header says this size."""
    width, height = (side.to_bytes(2, "big") for side in size)
    track = [
        (b"\xd7", b"\1"), (b"\x73\xc5", b"\1"), (b"\x83", b"\1"), (b"\x86", b"V_VP8"),
        (b"\xe0", element(b"\xb0", width) + element(b"\xba", height)),
    ]  # fmt: skip
    blocks = [
        element(b"\xa3", b"\x81" + struct.pack(">hB", step * n, 0x80) + frame)
        for n, frame in enumerate(frames)
    ]
    lasts = struct.pack(">d", float(step * len(frames)))
    info = element(b"\x2a\xd7\xb1", (1_000_000).to_bytes(4, "big")) + element(b"\x44\x89", lasts)
    tracks = element(b"\xae", b"".join(element(kind, body) for kind, body in track))
    inside = element(b"\x15\x49\xa9\x66", info) + element(b"\x16\x54\xae\x6b", tracks)
    inside += element(CLUSTER, element(b"\xe7", b"\0") + b"".join(blocks))
    return element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"webm")) + element(SEGMENT, inside)
