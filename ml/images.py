"""Bytes of unknown origin to upright RGB arrays, and arrays to bytes without metadata.

Only Pillow and NumPy, so that the web side can use it too. The format is decided by what the bytes
decode as, never by a file name or a content type, and every limit is checked against the header
before a pixel is decoded.
"""

import io
import re
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from ml.errors import ImageRejected

pillow_heif.register_heif_opener()
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
ImageFile.LOAD_TRUNCATED_IMAGES = False

# Pillow's own names. A JPEG that holds more pictures (phones with depth) opens as MPO.
_FORMATS = {"JPEG": "JPEG", "MPO": "JPEG", "PNG": "PNG", "WEBP": "WEBP", "HEIF": "HEIC"}
_OPEN_AS = ("JPEG", "PNG", "WEBP", "HEIF")

_KNOWN_BUT_UNSUPPORTED = (
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "BMP"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"%PDF-"), "PDF"),
    (re.compile(rb"8BPS"), "Photoshop"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "AVIF"),
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "), "JPEG XL"),
    (re.compile(rb"....ftyp(isom|mp4|qt  |M4V|3gp|avc1|iso[2-9])", re.DOTALL), "video"),
    (
        re.compile(
            rb"(\xef\xbb\xbf)?\s*(<\?xml.{0,900}|<!--.{0,900}|<!doctype svg.{0,300})?<svg[\s>]",
            re.DOTALL | re.IGNORECASE,
        ),
        "SVG",
    ),
)

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Limits:
    """What an upload may be: bytes of the file, pixels in all, pixels of the shorter side, frames
    of an animation or pictures in one file, of which only the first is ever decoded."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    min_side: int = 64
    max_frames: int = 1000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class ImageInfo:
    """What the header says; width and height in pixels as seen, that is after EXIF rotation."""

    format: str
    width: int
    height: int


def probe(data: bytes, limits: Limits = DEFAULT_LIMITS) -> ImageInfo:
    """Format (JPEG, PNG, WEBP or HEIC) and upright size from the header; no pixel is decoded, so
    an EXIF block behind a PNG's pixels is not seen.

    Raises ImageRejected. Passing says nothing about the pixels: the file can still be truncated.
    """
    with _open(data, limits) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return ImageInfo(_FORMATS[image.format or ""], width, height)


def load(data: bytes, limits: Limits = DEFAULT_LIMITS, max_side: int | None = None) -> np.ndarray:
    """The upright picture, (H, W, 3) uint8 sRGB; transparent parts white, first frame if animated.

    With `max_side` the longer side is at most that many pixels; a large JPEG is then decoded at a
    half, quarter or eighth of its size, which is several times faster. Raises ImageRejected.
    """
    with _open(data, limits) as image:
        try:
            if max_side is not None:
                image.draft(None, _fitted(image.size, max_side))
            image.load()
            # What stands behind a PNG's pixels is known only now.
            orientation = _orientation(image)
            profile = image.info.get("icc_profile")
            picture = _to_rgb(image)
        except MemoryError:  # says something about this process, nothing about the photo
            raise
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(limits, str(error)) from error
        except Exception as error:  # decoders of hostile bytes raise nearly anything
            raise ImageRejected(
                "truncated_image",
                "This photo is damaged or incomplete. Please send it again.",
                f"{type(error).__name__}: {error}",
            ) from error
    if max_side is not None:
        picture = _shrunk(picture, max_side)
    # After shrinking there is less to turn.
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    return np.asarray(_to_srgb(picture, profile))


def encode(
    image: np.ndarray,
    *,
    max_side: int,
    format: Literal["JPEG", "WEBP", "AVIF"] = "JPEG",
    quality: int = 85,
) -> bytes:
    """(H, W, 3) uint8 RGB to a JPEG, WebP or AVIF file without any metadata.

    The longer side is at most `max_side` pixels; a smaller picture keeps its size. `quality` is
    1 to 100.
    """
    picture = _shrunk(Image.fromarray(np.ascontiguousarray(image), "RGB"), max_side)
    out = io.BytesIO()
    if format == "JPEG":
        # Not progressive: that takes twice as long to write, and again whenever it is read, for a
        # hundredth of the bytes.
        picture.save(out, "JPEG", quality=quality, optimize=True)
    elif format == "AVIF":
        # Speed 8 of 10: a third of the time of the default, and a tenth more bytes.
        picture.save(out, "AVIF", quality=quality, speed=8)
    else:
        # Method 2 of 6: less than half the time of 4, and a twentieth more bytes.
        picture.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()


def _open(data: bytes, limits: Limits) -> ImageFile.ImageFile:
    if not data:
        raise ImageRejected("empty_file", "This file is empty. Please choose the photo again.")
    if len(data) > limits.max_bytes:
        megabytes = limits.max_bytes / 1024 / 1024
        raise ImageRejected(
            "file_too_large",
            f"This file is larger than {megabytes:.0f} MB. Please send a smaller version.",
            f"{len(data)} bytes",
        )
    try:
        image = Image.open(io.BytesIO(data), formats=_OPEN_AS)
    except UnidentifiedImageError as error:
        raise _unidentified(data) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(limits, str(error)) from error
    except Exception as error:  # decoders of hostile bytes raise nearly anything
        raise _not_an_image(f"{type(error).__name__}: {error}") from error
    width, height = image.size
    if width * height > limits.max_pixels:
        image.close()
        raise _too_many_pixels(limits, f"{width} x {height}")
    if min(width, height) < limits.min_side:
        image.close()
        raise ImageRejected(
            "image_too_small",
            f"This photo is too small. Each side needs at least {limits.min_side} pixels.",
            f"{width} x {height}",
        )
    frames = int(getattr(image, "n_frames", 1))
    if frames > limits.max_frames:
        image.close()
        raise ImageRejected(
            "too_many_frames",
            "This file is a film, not a photo. Please send a single photo.",
            f"{frames} frames",
        )
    return image


def _unidentified(data: bytes) -> ImageRejected:
    head = data[:2048]
    for pattern, name in _KNOWN_BUT_UNSUPPORTED:
        if pattern.match(head):
            return ImageRejected(
                "unsupported_format",
                "We can't read this kind of file. Please send a JPEG, PNG, WebP or HEIC photo.",
                name,
            )
    return _not_an_image("no known image header")


def _not_an_image(detail: str) -> ImageRejected:
    return ImageRejected(
        "not_an_image",
        "This file is not a photo. Please send a JPEG, PNG, WebP or HEIC photo.",
        detail,
    )


def _too_many_pixels(limits: Limits, detail: str) -> ImageRejected:
    return ImageRejected(
        "too_many_pixels",
        f"This photo has more than {limits.max_pixels / 1e6:.0f} megapixels. "
        "Please send a smaller version.",
        detail,
    )


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 where there is none or the EXIF block is damaged."""
    if image.format == "HEIF":
        return 1  # its decoder has applied the rotation that the container states
    try:
        # Not PngImageFile's own: that decodes all pixels, to see whether EXIF stands behind them.
        value = Image.Image.getexif(image).get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block must not cost the photo
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips at 255
        values = np.asarray(image)
        if values.dtype.kind != "u":
            values = values.clip(0, 65535)
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    # Converting to the same mode would copy.
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours of an RGB profile (phones: Display P3) brought to sRGB; unchanged without one."""
    if not profile:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return picture
        if "sRGB" in ImageCms.getProfileDescription(source):
            return picture
        converted = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture  # a broken profile must not cost the photo
    return converted if converted is not None else picture


def _fitted(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    width, height = size
    scale = min(1.0, max_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrunk(picture: Image.Image, max_side: int) -> Image.Image:
    size = _fitted(picture.size, max_side)
    if size == picture.size:
        return picture
    # Three quarters of the time of Lanczos's filter, and pixels differ by 0.2 to 0.4 of 255.
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
