"""The most expensive pictures, answers and archives that the limits let through, and what reading
them needs.

`python -m tests.fuzz.heavy` (or `script/fuzz heavy`) makes each, reads it in a process of its own
and prints a row of a table: size of the file, how it ended, seconds, and by how many MB the
process grew at its highest. Ends with 1 where one needs more than MOST_MB or MOST_SECONDS. Linux
only: the highest use of memory is that of /proc.
"""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from tests.fuzz.targets import say
from tests.portal.feeds import servers

pillow_heif.register_heif_opener()

MOST_MB = 1536
MOST_SECONDS = 20.0
# As workers do: the longer side of a picture that is shown.
MAX_SIDE = 1280
SIDES = (8160, 6120)  # just under 50 megapixels

# What a process of its own does. It reads a file, and notes its highest use of memory.
BEFORE = """
import sys, time
def highest():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
data = open(sys.argv[1], "rb").read()
"""
READ_PICTURE = """
import ml.images
from ml.errors import PawkinError
def work():
    if sys.argv[2] == "probe":
        return ml.images.probe(data).width
    picture = ml.images.load(data, max_side=int(sys.argv[3]) or None)
    return "x".join(map(str, picture.shape))
"""
READ_FEED = """
from tests.fuzz.bounds import start_django
start_django()
from ml.errors import PawkinError
from portal.feeds.sources import open_source
from tests.fuzz.records import Repeating
def work():
    settings = {"address": "https://a.example", "reaches_back_days": "10"}
    source = open_source(sys.argv[2], client=Repeating(data), settings=settings, key="k")
    pages = list(source.pages(since=None, cursor=None))
    return f"{sum(len(p.records) for p in pages)}+{sum(len(p.rejected) for p in pages)}"
"""
AFTER = """
open("/proc/self/clear_refs", "w").write("5")
before, begun = highest(), time.monotonic()
try:
    told = work()
except PawkinError as error:
    told = error.code
print(told, round(time.monotonic() - begun, 2), round((highest() - before) / 1024))
"""


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def noise(mode: str, sides: tuple[int, int] = SIDES) -> Image.Image:
    """Soft noise: it does not pack to nothing, and a file of it stays below the limit on bytes."""
    bands = len(Image.new(mode, (1, 1)).getbands())
    small = np.random.default_rng(0).integers(0, 255, (96, 128, bands), np.uint8)
    layers = [Image.fromarray(small[:, :, n]).resize(sides) for n in range(bands)]
    return Image.merge(mode, layers) if bands > 1 else layers[0]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def flat_png(width: int, height: int, depth: int, colour: int, *extra: bytes) -> bytes:
    """A PNG of zeros, with these chunks before its pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = b"\0" * (1 + (width * channels * depth + 7) // 8)
    packer = zlib.compressobj(1)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *extra, chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def texts(kind: bytes, number: int) -> list[bytes]:
    """Compressed texts of a megabyte each."""
    packed = zlib.compress(b"\0" * 1_000_000, 9)
    middle = {b"zTXt": b"\0\0", b"iTXt": b"\0\1\0\0\0"}[kind]
    return [chunk(kind, b"k%d" % n + middle + packed) for n in range(number)]


def animated_png(frames: int) -> bytes:
    """Many frames, each the whole picture."""
    packed = zlib.compress(b"\0" * (1 + 3 * 64) * 64)
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"acTL", struct.pack(">II", frames, 0))]
    number = 0
    for frame in range(frames):
        control = struct.pack(">IIIIIHHBB", number, 64, 64, 0, 0, 1, 10, 0, 0)
        parts.append(chunk(b"fcTL", control))
        number += 1
        if frame == 0:
            parts.append(chunk(b"IDAT", packed))
        else:
            parts.append(chunk(b"fdAT", struct.pack(">I", number) + packed))
            number += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IEND", b"")])


def animated_webp(frames: int, sides: tuple[int, int] = (64, 64)) -> bytes:
    """One frame's bytes over and over."""
    still = saved(Image.new("RGB", sides), "WEBP", lossless=True)
    body = still[12:]
    wide, high = (n.to_bytes(3, "little") for n in (sides[0] - 1, sides[1] - 1))
    control = b"\0\0\0" * 2 + wide + high + (100).to_bytes(3, "little") + b"\0"
    frame = b"ANMF" + struct.pack("<I", len(control) + len(body)) + control + body
    head = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + wide + high
    loop = b"ANIM" + struct.pack("<I", 6) + b"\0" * 6
    data = b"WEBP" + head + loop + frame * frames
    return b"RIFF" + struct.pack("<I", len(data)) + data


def many_jpegs(frames: int) -> bytes:
    """MPO: several JPEGs in a file."""
    pictures = [Image.new("RGB", (64, 64), (n % 256, 0, 0)) for n in range(frames)]
    return saved(pictures[0], "MPO", save_all=True, append_images=pictures[1:])


def many_heifs(pictures: int) -> bytes:
    file = pillow_heif.HeifFile()
    for number in range(pictures):
        file.add_from_pillow(Image.new("RGB", (64, 64), (number % 256, 0, 0)))
    out = io.BytesIO()
    file.save(out, quality=10)
    return out.getvalue()


def long_profile(size: int) -> bytes:
    """A profile that works, with as many bytes behind it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
    return struct.pack(">I", size) + profile[4:] + b"\0" * (size - len(profile))


def long_exif(size: int) -> bytes:
    """An EXIF block of entries only."""
    number = min(65_535, (size - 14) // 12)
    entry = struct.pack("<HHII", 0x9286, 7, 4, 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", number) + entry * number + b"\0" * 4


def with_segments(jpeg: bytes, marker: int, body: bytes, number: int) -> bytes:
    """The same JPEG with one application segment over and over."""
    segment = b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body
    return jpeg[:2] + segment * number + jpeg[2:]


def pictures() -> Iterator[tuple[str, Callable[[], bytes]]]:
    small = Image.new("RGB", (64, 64), "brown")
    yield "JPEG, 50 megapixels", lambda: saved(noise("RGB"), "JPEG", quality=80)
    yield "JPEG, progressive", lambda: saved(noise("RGB"), "JPEG", quality=80, progressive=True)
    yield "JPEG, CMYK", lambda: saved(noise("CMYK"), "JPEG", quality=60)
    yield (
        "JPEG, turned, wide-gamut profile",
        lambda: saved(
            noise("RGB"), "JPEG", quality=70, exif=turned(), icc_profile=long_profile(200_000)
        ),
    )
    yield "PNG, RGB, flat", lambda: flat_png(*SIDES, 8, 2)
    yield (
        "PNG, RGB, a profile of its own",
        lambda: flat_png(
            *SIDES, 8, 2, chunk(b"iCCP", b"p\0\0" + zlib.compress(long_profile(900_000)))
        ),
    )
    yield "PNG, RGBA", lambda: flat_png(*SIDES, 8, 6)
    yield "PNG, grey and alpha, 16 bit", lambda: flat_png(*SIDES, 16, 4)
    yield "PNG, RGBA, 16 bit", lambda: flat_png(*SIDES, 16, 6)
    yield "PNG, grey, 16 bit", lambda: flat_png(*SIDES, 16, 0)
    yield (
        "PNG, palette with transparency",
        lambda: flat_png(*SIDES, 8, 3, chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(256))),
    )
    yield "PNG, 1 bit", lambda: flat_png(*SIDES, 1, 0)
    yield "PNG, turned", lambda: flat_png(*SIDES, 8, 2, chunk(b"eXIf", turned()[6:]))
    yield "PNG, a strip 64 high", lambda: flat_png(780_000, 64, 8, 2)
    yield "WebP, 50 megapixels", lambda: saved(noise("RGB"), "WEBP", quality=60, method=0)
    yield (
        "WebP, lossless, RGBA",
        lambda: saved(
            Image.new("RGBA", SIDES, (9, 9, 9, 9)), "WEBP", lossless=True, method=0, exact=True
        ),
    )
    yield "WebP, 20 whole frames", lambda: animated_webp(20, SIDES)
    yield "HEIC, 50 megapixels", lambda: saved(noise("RGB"), "HEIF", quality=50)
    yield "HEIC, RGBA", lambda: saved(noise("RGBA"), "HEIF", quality=50)
    yield "HEIC, grey", lambda: saved(noise("L"), "HEIF", quality=50)
    yield "WebP, 10,000 frames", lambda: animated_webp(10_000)
    yield "WebP, 100,000 frames", lambda: animated_webp(100_000)
    yield "PNG, 10,000 frames", lambda: animated_png(10_000)
    yield "MPO, 400 pictures", lambda: many_jpegs(400)
    yield "HEIC, 300 pictures", lambda: many_heifs(300)
    yield "PNG, zTXt, 60 MB unpacked", lambda: flat_png(64, 64, 8, 2, *texts(b"zTXt", 60))
    yield "PNG, iTXt, 60 MB unpacked", lambda: flat_png(64, 64, 8, 2, *texts(b"iTXt", 60))
    yield "PNG, zTXt, 5 GB unpacked", lambda: flat_png(64, 64, 8, 2, *texts(b"zTXt", 5_000))
    yield (
        "PNG, a million small chunks",
        lambda: flat_png(64, 64, 8, 2, chunk(b"teXt", b"k\0v") * 1_000_000),
    )
    yield (
        "PNG, 600,000 texts",
        lambda: flat_png(
            64, 64, 8, 2, b"".join(chunk(b"tEXt", b"k%d\0vvvv" % n) for n in range(600_000))
        ),
    )
    yield (
        "JPEG, 18 MB of EXIF",
        lambda: with_segments(saved(small, "JPEG"), 0xE1, long_exif(65_000)[:65_000], 280),
    )
    yield "JPEG, 18 MB of profile", lambda: profile_in_parts(saved(small, "JPEG"), 16_000_000)
    yield (
        "JPEG, 18 MB of XMP",
        lambda: with_segments(
            saved(small, "JPEG"), 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<" * 65_000, 280
        ),
    )
    yield (
        "JPEG, 4 million markers",
        lambda: with_segments(saved(small, "JPEG"), 0xFE, b"", 4_000_000),
    )
    yield (
        "WebP, 18 MB of EXIF",
        lambda: saved(
            small, "WEBP", exif=b"Exif\0\0" + long_exif(65_000 * 12)[6:] + b"\0" * 17_000_000
        ),
    )


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 5
    return exif.tobytes()


def profile_in_parts(jpeg: bytes, size: int) -> bytes:
    profile = long_profile(size)
    parts = [profile[n : n + 65_000] for n in range(0, size, 65_000)]
    told = b"".join(
        b"\xff\xe2" + struct.pack(">H", len(part) + 16) + b"ICC_PROFILE\0"
        + bytes([number % 255 + 1, min(255, len(parts))]) + part
        for number, part in enumerate(parts)
    )  # fmt: skip
    return jpeg[:2] + told + jpeg[2:]


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


def long_list(entries: int) -> bytes:
    """An archive of nothing but its list: entries without a name, all at the same place."""
    entry = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, *[0] * 14)
    end = struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, entries * 46, 0, 0)
    return entry * entries + b"PK\x05\x06" + end


def told(rows: bytes) -> bytes:
    return b'{"response":{"header":{"resultCode":"00"},"body":{"items":{"item":' + rows + b"}}}}"


def answers() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    most = 32 * 1024 * 1024 - 200
    animal = json.dumps(servers.animal(1)).encode()
    yield "as a server gives them", "asm3", lambda: listed(animal, most)
    yield "empty rows", "asm3", lambda: listed(b"{}", most)
    yield "lists in place of rows", "asm3", lambda: listed(b"[]", most)
    yield "numbers in place of rows", "asm3", lambda: listed(b"12345", most)
    yield "50,000 rows of nothing", "asm3", lambda: listed(b"{}", 150_000)
    yield (
        "50,000 rows of many keys",
        "asm3",
        lambda: listed(json.dumps({"ID": 1, **{f"k{n}": n for n in range(50)}}).encode(), most),
    )
    yield (
        "one row of 32 MB of text",
        "asm3",
        lambda: listed(
            json.dumps(servers.animal(1, WEBSITEMEDIANOTES="<" * (most - 2000))).encode(), most
        ),
    )
    yield "brackets in brackets", "asm3", lambda: b"[" * most
    yield (
        "a thousand rows",
        "datagokr",
        lambda: told(listed(json.dumps(servers.stray(1)).encode(), 500_000)),
    )
    yield "empty rows", "datagokr", lambda: told(listed(b"{}", most))
    yield "a dog of a million pictures", "rescuegroups", lambda: many_links(most)
    yield (
        "a table of 16 MB of lines",
        "csvzip",
        lambda: zipped({"dogs.csv": b"dog\n" + b"x\n" * 8_000_000}),
    )
    yield (
        "a table of 99,000 lines",
        "csvzip",
        lambda: zipped({"dogs.csv": b"dog\n" + b"x\n" * 99_000}),
    )
    yield (
        "a table of 16 MB of columns",
        "csvzip",
        lambda: zipped({"dogs.csv": b"dog" + b"," * 16_000_000}),
    )
    yield (
        "a text of 130,000 spaces",
        "csvzip",
        lambda: zipped(
            {"dogs.csv": "dog,description\na.jpg,겁".encode() + b" " * 130_000 + b"x", "a.jpg": b""}
        ),
    )
    yield (
        "a breed of 130,000 brackets",
        "csvzip",
        lambda: zipped({"dogs.csv": b"dog,breeds\na.jpg," + b"(" * 130_000, "a.jpg": b""}),
    )
    yield "a list of 180,000 entries", "csvzip", lambda: long_list(180_000)
    yield "a list of 10 million entries", "csvzip", lambda: long_list(10_000_000)


def listed(row: bytes, most: int) -> bytes:
    return b"[" + b",".join([row] * max(1, most // (len(row) + 1))) + b"]"


def many_links(most: int) -> bytes:
    dog = servers.rescue(1, "https://a.example")
    link = json.dumps(dog["relationships"]["pictures"]["data"][0])
    dog["relationships"] = {kind: {"data": ["-"]} for kind in ("pictures", "colors", "breeds")}
    dog["attributes"] |= {"colorDetails": "", "breedPrimary": "", "breedSecondary": ""}
    included = dog.pop("included")
    words = json.dumps({"data": [dog], "included": included})
    return words.replace('"-"', ",".join([link] * (most // 3 // (len(link) + 1)))).encode()


def measured(path: Path, script: str, *arguments: str) -> tuple[str, float, int]:
    """How it ended, seconds, MB."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + script + AFTER, str(path), *arguments],
        capture_output=True, text=True, timeout=300, check=False, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    if done.returncode:
        return f"ended with {done.returncode}: {done.stderr[-300:]}", 0.0, 10**6
    told, seconds, grown = done.stdout.split()
    return told, float(seconds), int(grown)


def main(only: list[str]) -> int:
    """`only`: words of which one is in the name of what is measured."""
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")

        def row(name: str, data: bytes, ways: list[tuple[str, ...]]) -> None:
            nonlocal worst
            path.write_bytes(data)
            cells = [f"{name:42} {len(data) / 1e6:6.1f}"]
            for way in ways:
                told, seconds, grown = measured(path, *way)
                cells.append(f"{told:>22} {seconds:6.2f} {grown:5d}")
                worst |= int(grown > MOST_MB or seconds > MOST_SECONDS)
            say(" ".join(cells))

        def wanted(name: str) -> bool:
            return not only or any(word in name for word in only)

        columns = f"{'how it ended':>22} {'s':>6} {'MB':>5}"
        say(f"{'picture: header, whole, as workers do':42} {'size':>6} {' '.join([columns] * 3)}")
        for name, draw in pictures():
            if wanted(name):
                ways = [("probe", "0"), ("load", "0"), ("load", str(MAX_SIDE))]
                row(name, draw(), [(READ_PICTURE, *way) for way in ways])
        say(f"\n{'answer, archive: dogs+left out':42} {'size':>6} {columns}")
        for name, kind, make in answers():
            if wanted(f"{kind}: {name}"):
                row(f"{kind}: {name}", make(), [(READ_FEED, kind)])
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
