"""`script/bench decode`: photos as people send them to pixels as the models take them, by library.

Every way ends at the same: upright RGB (H, W, 3) uint8, the longer side `SIDE` pixels or less. How
far its pixels are from Pillow's own stands beside its time, since a decoder that skips work is
fast too. The way back, files that browsers are given, is measured after it.
"""

import argparse
import importlib.util
import io
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps

from benchmarks import content, plots
from benchmarks.report import picture, place, table, write_section
from benchmarks.rounds import interleaved, times_faster
from ml import images

SIDE = 1280
ROUNDS = 7
PHOTOS = 3
# Pillow as most programs use it: every pixel decoded, then shrunk.
REFERENCE = "Pillow"
OURS = "Pawkin (Pillow's draft)"
ORIENTATION_TAG = 0x0112
# A phone held upright: the sensor's rows are the picture's columns.
TURNED = 6
# Grey values (standard deviation) of a sensor's noise, without which enlarged photos would be
# smaller files than a phone makes and cost their decoders less.
NOISE = 4.0

Decoder = Callable[[bytes], np.ndarray]


@dataclass(frozen=True)
class Kind:
    """A kind of file that people upload, `width` × `height` as its sensor or program has it."""

    name: str
    width: int
    height: int
    format: str
    quality: int = 0
    orientation: int = 1

    def file(self, picture: Image.Image, seed: int) -> bytes:
        """`picture` as such a file, cut to its shape and enlarged or shrunk to its size."""
        turned = ImageOps.fit(picture, (self.width, self.height), Image.Resampling.BICUBIC)
        noise = np.random.default_rng(seed).normal(0, NOISE, (self.height, self.width, 1))
        pixels = (np.asarray(turned, np.float32) + noise.astype(np.float32)).clip(0, 255)
        exif = Image.Exif()
        exif[ORIENTATION_TAG] = self.orientation
        options: dict[str, Any] = {"exif": exif.tobytes()} if self.orientation != 1 else {}
        if self.quality:
            options["quality"] = self.quality
        out = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(out, self.format, **options)
        return out.getvalue()


KINDS = (
    Kind("JPEG 4032 × 3024", 4032, 3024, "JPEG", quality=92, orientation=TURNED),
    Kind("HEIC 4032 × 3024", 4032, 3024, "HEIF", quality=60),
    Kind("JPEG 1600 × 1200", 1600, 1200, "JPEG", quality=88),
    Kind("PNG 1600 × 1200", 1600, 1200, "PNG"),
    Kind("WebP 1600 × 1200", 1600, 1200, "WEBP", quality=80),
)


def run(options: argparse.Namespace, machine: dict[str, Any]) -> int:
    """Measures, prints, and keeps the section "decode". Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="pawkin-bench-") as name:
        paths = content.some(Path(name), photos=options.photos, number=PHOTOS)
        pictures = [Image.open(path).convert("RGB") for path in paths]
    source = f"{PHOTOS} photos of {options.photos.name}" if options.photos else "drawn dogs"
    ways = decoders()
    facts: dict[str, Any] = {"content": source, "side": SIDE, "rounds": ROUNDS, "kinds": {}}
    rows = []
    faster: dict[str, list[float | None]] = {name: [] for name in ways if name != REFERENCE}
    for kind in KINDS:
        files = [kind.file(picture, seed) for seed, picture in enumerate(pictures)]
        megabytes = statistics.mean(len(data) for data in files) / 1e6
        told = compare(ways, files)
        facts["kinds"][kind.name] = {"megabytes": round(megabytes, 2), "ways": told}
        for way in ways:
            rows.append([f"{kind.name}, {megabytes:.1f} MB", way, *cells(told[way])])
            if way in faster:
                faster[way].append(told[way].get("times_faster"))
    lines = table(("file", "way", "ms", "× Pillow", "off by"), rows)
    kept = compare_encoders(images.load(files[0], max_side=SIDE))
    facts["encoders"] = kept
    encoded = table(
        ("written as", "ms", "KB"),
        [
            [name, f"{one['median_ms']:.1f}", f"{one['kilobytes']:.0f}"]
            for name, one in kept.items()
        ],
    )
    print("\n".join([*lines, "", *encoded]), flush=True)
    shown = {name: values for name, values in faster.items() if any(values)}
    plots.bars(
        place("decode.svg"),
        "Decoding: times as fast as plain Pillow",
        [kind.name for kind in KINDS],
        shown,
        axis="times as fast",
        mark=1.0,
    )
    path = write_section(
        "decode",
        "From a file to pixels",
        [
            f"To upright RGB with a longer side of {SIDE} pixels or less; medians of {ROUNDS} "
            f"rounds in turns over {source}. “Off by” is the mean absolute difference to plain "
            "Pillow in grey values of 255. Every way but ours comes without the checks of "
            "`ml/images.py`.",
            "",
            picture("Times as fast as plain Pillow, by library and kind of file", "decode.svg"),
            "",
            *lines,
            "",
            f"What browsers are given, from {SIDE} × {SIDE * 3 // 4} pixels:",
            "",
            *encoded,
        ],
        machine,
        facts,
    )
    print(path, flush=True)
    return 0


def compare(ways: Mapping[str, Decoder | str], files: Sequence[bytes]) -> dict[str, dict[str, Any]]:
    """By way: `median_ms` a file, `times_faster` than `REFERENCE`, `off_by` and all `ms`.

    A way that is not there, or that cannot read these files, has only `why_not`.
    """
    told: dict[str, dict[str, Any]] = {}
    calls = {}
    plain = ways[REFERENCE]
    assert callable(plain)
    right = [plain(data) for data in files]
    for name, way in ways.items():
        if isinstance(way, str):
            told[name] = {"why_not": way}
            continue
        try:
            off = [difference(way(data), one) for data, one in zip(files, right, strict=True)]
        except Exception as error:  # each library has its own for a format it does not know
            told[name] = {"why_not": f"cannot read it ({type(error).__name__})"}
            continue
        told[name] = {"off_by": round(statistics.mean(off), 3)}
        calls[name] = lambda way=way: [way(data) for data in files]
    seconds = interleaved(calls, ROUNDS)
    for name, taken in seconds.items():
        each = [1000 * value / len(files) for value in taken]
        told[name] |= {
            "median_ms": round(statistics.median(each), 2),
            "times_faster": round(times_faster(seconds[REFERENCE], taken), 3),
            "ms": [round(value, 2) for value in each],
        }
    return told


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two pictures (H, W, 3) uint8, 0 to 255.

    Libraries round a side to one pixel more or less; what only one has is not compared. Raises
    ValueError where shapes differ by more: then they are not the same picture.
    """
    for found in (one, other):
        if found.ndim != 3 or found.shape[2] != 3 or found.dtype != np.uint8:
            raise ValueError(f"not RGB: {found.shape} {found.dtype}")
    if max(abs(a - b) for a, b in zip(one.shape, other.shape, strict=True)) > 1:
        raise ValueError(f"{one.shape} against {other.shape}")
    height, width = (min(a, b) for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    apart = one[:height, :width].astype(np.int16) - other[:height, :width]
    return float(np.abs(apart).mean())


def cells(told: Mapping[str, Any]) -> list[str]:
    """Milliseconds, ratio and difference for the table, or why there are none."""
    if "why_not" in told:
        return [told["why_not"], "", ""]
    return [f"{told['median_ms']:.1f}", f"{told['times_faster']:.2f}", f"{told['off_by']:.2f}"]


def decoders() -> dict[str, Decoder | str]:
    """Each way by its name, or in its place why this machine does not have it."""
    return {
        REFERENCE: pillow,
        OURS: lambda data: images.load(data, max_side=SIDE),
        "OpenCV": opencv,
        "OpenCV, reduced": opencv_reduced,
        "simplejpeg": with_simplejpeg() if installed("simplejpeg") else "not installed",
        "PyTurboJPEG": with_turbojpeg(),
        "pyvips": with_pyvips() if installed("pyvips") else "not installed",
    }


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def pillow(data: bytes) -> np.ndarray:
    """All pixels, turned, then shrunk with Lanczos's filter, which is the best that Pillow has."""
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    size = fitted(*upright.size)
    if size != upright.size:
        upright = upright.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(upright)


def opencv(data: bytes) -> np.ndarray:
    return shrunk(read(data, cv2.IMREAD_COLOR_RGB))


def opencv_reduced(data: bytes) -> np.ndarray:
    """Decoded at a half, quarter or eighth, the smallest that is large enough."""
    reduced = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
    factor = factor_of(max(Image.open(io.BytesIO(data)).size))
    if factor == 1:
        return opencv(data)
    blue_first = read(data, reduced.get(factor, cv2.IMREAD_REDUCED_COLOR_8))
    return cv2.cvtColor(shrunk(blue_first), cv2.COLOR_BGR2RGB)


def read(data: bytes, how: int) -> np.ndarray:
    """What OpenCV reads, upright; raises ValueError where it cannot."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if pixels is None:
        raise ValueError("unknown format")
    return pixels


def with_simplejpeg() -> Decoder:
    import simplejpeg

    def decode(data: bytes) -> np.ndarray:
        header = Image.open(io.BytesIO(data))
        height, width = (side // factor_of(max(header.size)) for side in header.size[::-1])
        pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width)
        return turned(shrunk(pixels), orientation(header))

    return decode


def with_turbojpeg() -> Decoder | str:
    if not installed("turbojpeg"):
        return "not installed"
    import turbojpeg

    try:
        library = turbojpeg.TurboJPEG()
    except (RuntimeError, OSError):
        return "no libturbojpeg here"

    def decode(data: bytes) -> np.ndarray:
        header = Image.open(io.BytesIO(data))
        scale = (1, factor_of(max(header.size)))
        pixels = library.decode(data, turbojpeg.TJPF_RGB, scale)
        return turned(shrunk(pixels), orientation(header))

    return decode


def with_pyvips() -> Decoder:
    import pyvips

    def decode(data: bytes) -> np.ndarray:
        small = pyvips.Image.thumbnail_buffer(data, SIDE, height=SIDE, size="down")
        return small.colourspace("srgb").numpy()

    return decode


def factor_of(side: int) -> int:
    """How much smaller a JPEG may be decoded (1, 2, 4 or 8) and still have `SIDE` pixels."""
    return next((factor for factor in (8, 4, 2) if side // factor >= SIDE), 1)


def fitted(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(width, height))
    return round(width * scale), round(height * scale)


def shrunk(pixels: np.ndarray) -> np.ndarray:
    """By averages, OpenCV's only filter that does not skip pixels."""
    height, width = pixels.shape[:2]
    size = fitted(width, height)
    return (
        pixels if size == (width, height) else cv2.resize(pixels, size, None, 0, 0, cv2.INTER_AREA)
    )


def orientation(header: Image.Image) -> int:
    return int(header.getexif().get(ORIENTATION_TAG, 1))


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Upright, of the orientations that `KINDS` have."""
    return np.ascontiguousarray(np.rot90(pixels, -1)) if orientation == TURNED else pixels


def compare_encoders(pixels: np.ndarray) -> dict[str, dict[str, float]]:
    """By way: `median_ms` and `kilobytes` of what a decoded photo is kept as."""
    shown, small = Image.fromarray(pixels), Image.fromarray(pixels)
    small.thumbnail((480, 480))
    ways = {
        "JPEG 85 (Pawkin)": lambda: images.encode(pixels, max_side=SIDE),
        "JPEG 85, progressive": lambda: written(shown, "JPEG", quality=85, progressive=True),
        "JPEG 85, optimised": lambda: written(shown, "JPEG", quality=85, optimize=True),
        "JPEG 85, plain": lambda: written(shown, "JPEG", quality=85),
        "WebP 80, side 480 (Pawkin)": lambda: images.encode(
            pixels, max_side=480, format="WEBP", quality=80
        ),
        "WebP 80, side 480, method 4": lambda: written(small, "WEBP", quality=80, method=4),
        "WebP 80, side 480, method 2": lambda: written(small, "WEBP", quality=80, method=2),
        "WebP 80, side 480, method 0": lambda: written(small, "WEBP", quality=80, method=0),
    }
    seconds = interleaved(ways, ROUNDS)
    return {
        name: {
            "median_ms": round(1000 * statistics.median(seconds[name]), 2),
            "kilobytes": round(len(way()) / 1000, 1),
        }
        for name, way in ways.items()
    }


def written(picture: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()
