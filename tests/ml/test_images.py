import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from ml.errors import ImageRejected
from ml.images import Limits, encode, load, probe


def scene(width: int = 120, height: int = 80) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    h, w = height // 2, width // 2
    pixels[:h, :w] = (220, 20, 20)
    pixels[:h, w:] = (20, 220, 20)
    pixels[h:, :w] = (20, 20, 220)
    pixels[h:, w:] = (250, 250, 250)
    return Image.fromarray(pixels)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def corners(pixels: np.ndarray) -> str:
    """Colour initials of the four quarters: top left, top right, bottom left, bottom right."""
    height, width = pixels.shape[:2]
    names = ""
    for y in (height // 4, height * 3 // 4):
        for x in (width // 4, width * 3 // 4):
            r, g, b = pixels[y, x].astype(int)
            names += "w" if min(r, g, b) > 200 else "rgb"[int(np.argmax((r, g, b)))]
    return names


def code_of(data: bytes, **options: object) -> str:
    with pytest.raises(ImageRejected) as caught:
        load(data, **options)  # type: ignore[arg-type]
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    ("format", "name"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WEBP"), ("HEIF", "HEIC")]
)
def test_formats(format: str, name: str) -> None:
    data = saved(scene(), format)
    info = probe(data)
    assert (info.format, info.width, info.height) == (name, 120, 80)
    pixels = load(data)
    assert pixels.shape == (80, 120, 3)
    assert pixels.dtype == np.uint8
    assert corners(pixels) == "rgbw"


# What a viewer shows for each orientation of the stored "rgbw" scene (EXIF 2.32, tag 0x0112).
SHOWN = {1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb"}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_shrunk_photo_is_upright_too(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = load(saved(scene(), "PNG", exif=exif), max_side=60)
    assert pixels.shape == ((40, 60, 3) if orientation < 5 else (60, 40, 3))
    assert corners(pixels) == SHOWN[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(scene(), format, exif=exif)
    info = probe(data)
    assert (info.width, info.height) == ((120, 80) if orientation < 5 else (80, 120))
    pixels = load(data)
    assert pixels.shape == (info.height, info.width, 3)
    assert corners(pixels) == SHOWN[orientation]
    small = load(data, max_side=60)
    assert max(small.shape[:2]) == 60
    assert corners(small) == SHOWN[orientation]


def test_heic_rotation_is_applied_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(scene(), "HEIF", exif=exif.tobytes())
    info = probe(data)
    pixels = load(data)
    assert pixels.shape == (info.height, info.width, 3)
    assert corners(pixels) == SHOWN[6]


def test_broken_exif_costs_nothing() -> None:
    data = saved(scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert corners(load(data)) == "rgbw"


def test_nonsense_orientation_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    assert corners(load(saved(scene(), "JPEG", exif=exif))) == "rgbw"


def test_gps_and_all_metadata_are_gone_after_encode() -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 59.0)
    exif.get_ifd(0x8825)[1] = "N"
    data = saved(scene(), "JPEG", exif=exif, comment=b"SecretComment")
    assert b"SecretCamera" in data
    assert dict(Image.open(io.BytesIO(data)).getexif().get_ifd(0x8825))
    for format in ("JPEG", "WEBP"):
        clean = encode(load(data), max_side=200, format=format)  # type: ignore[arg-type]
        reread = Image.open(io.BytesIO(clean))
        assert not dict(reread.getexif())
        assert not {"exif", "comment", "icc_profile", "xmp"} & set(reread.info)
        assert b"Secret" not in clean


def test_encode_bounds_the_longer_side_and_never_enlarges() -> None:
    pixels = np.asarray(scene(300, 100))
    assert probe(encode(pixels, max_side=150), Limits(min_side=1)).width == 150
    assert probe(encode(pixels, max_side=900)).width == 300
    assert probe(encode(pixels, max_side=900, format="WEBP")).format == "WEBP"
    assert corners(load(encode(pixels, max_side=900))) == "rgbw"


def test_max_side_of_a_large_jpeg() -> None:
    pixels = load(saved(scene(3000, 2000), "JPEG"), max_side=500)
    assert pixels.shape == (333, 500, 3)
    assert corners(pixels) == "rgbw"


def test_max_side_keeps_a_small_photo() -> None:
    assert load(saved(scene(), "PNG"), max_side=500).shape == (80, 120, 3)


# --- colour modes


def test_greyscale() -> None:
    pixels = load(saved(scene().convert("L"), "JPEG"))
    assert pixels.shape == (80, 120, 3)
    assert np.ptp(pixels.astype(int), axis=2).max() == 0


def test_sixteen_bit_grey_keeps_its_brightness() -> None:
    ramp = np.tile(np.linspace(0, 65535, 120).astype(np.uint16), (80, 1))
    pixels = load(saved(Image.fromarray(ramp), "PNG"))
    assert pixels[0, 0, 0] == 0
    assert abs(int(pixels[0, 60, 0]) - 128) <= 2
    assert pixels[0, -1, 0] == 255


def test_sixteen_bit_colour() -> None:
    row = b"\0" + struct.pack(">HHH", 60000, 5000, 5000) * 64
    data = _png(64, 64, bit_depth=16, colour_type=2, raw=row * 64)
    assert load(data)[32, 32].tolist() == pytest.approx([234, 19, 19], abs=1)


def test_cmyk_jpeg() -> None:
    assert corners(load(saved(scene().convert("CMYK"), "JPEG"))) == "rgbw"


def test_palette() -> None:
    assert corners(load(saved(scene().quantize(16), "PNG"))) == "rgbw"


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_transparent_is_white(mode: str, format: str) -> None:
    image = scene().convert(mode)
    image.putalpha(Image.new("L", image.size, 0))
    if format == "WEBP":
        image = image.convert("RGBA")
    assert load(saved(image, format)).min() == 255


def test_transparent_palette_is_white() -> None:
    image = scene().quantize(16)
    data = saved(image, "PNG", transparency=image.getpixel((0, 0)))
    assert load(data)[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_first_frame_of_an_animation(format: str) -> None:
    frames = [Image.new("RGB", (80, 80), "black")]
    data = saved(scene(80, 80), format, save_all=True, append_images=frames, lossless=True)
    assert corners(load(data)) == "rgbw"


def test_icc_profile_is_brought_to_srgb() -> None:
    """A profile whose red and green primaries are exchanged must exchange the colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tmp_").replace(b"gXYZ", b"rXYZ").replace(b"tmp_", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    assert corners(load(saved(scene(), "PNG", icc_profile=swapped))) == "grbw"
    assert corners(load(saved(scene(), "PNG", icc_profile=profile))) == "rgbw"


def test_unusable_icc_profile_is_ignored() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert corners(load(saved(scene(), "PNG", icc_profile=lab))) == "rgbw"
    assert corners(load(saved(scene(), "PNG", icc_profile=b"broken profile" * 20))) == "rgbw"


# --- what must be refused


def test_empty() -> None:
    assert code_of(b"") == "empty_file"


def test_too_many_bytes() -> None:
    assert code_of(saved(scene(), "PNG"), limits=Limits(max_bytes=50)) == "file_too_large"


def test_too_small() -> None:
    assert code_of(saved(scene(63, 200), "PNG")) == "image_too_small"
    assert load(saved(scene(64, 200), "PNG")).shape == (200, 64, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"hello, this is a letter",
        b"<!doctype html><html><body>404</body></html>",
        b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script></html>" + b" " * 500,
        b"\xff\xd8\xff\xe0<html>" + b" " * 500,
        b"RIFF\x10\0\0\0WEBPVP8 <html>",
        b"\0\0\0\x18ftypheic\0\0\0\0" + b"<html>" * 50,
        b"PK\x03\x04" + b"\0" * 100,
        b"\0" * 1000,
    ],
)
def test_not_an_image(data: bytes) -> None:
    assert code_of(data) == "not_an_image"
    with pytest.raises(ImageRejected):
        probe(data)


@pytest.mark.parametrize(
    "data",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        saved(scene(), "GIF"),
        saved(scene(), "BMP"),
        saved(scene(), "TIFF"),
        b"%PDF-1.7\n",
        b"\0\0\0\x20ftypisom\0\0\x02\0",
    ],
)
def test_unsupported_format(data: bytes) -> None:
    assert code_of(data) == "unsupported_format"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_truncated(format: str) -> None:
    rng = np.random.default_rng(0)
    noisy = Image.fromarray(rng.integers(0, 255, (200, 200, 3), np.uint8))
    data = saved(noisy, format)
    assert code_of(data[: len(data) // 2]) in {"truncated_image", "not_an_image"}
    if format in {"JPEG", "PNG"}:  # their headers are readable without the rest
        assert code_of(data[: len(data) // 2]) == "truncated_image"
        assert probe(data[: len(data) // 2]).width == 200
        assert code_of(data[: len(data) // 2], max_side=50) == "truncated_image"


def test_html_instead_of_pixels() -> None:
    data = _png(100, 100, bit_depth=8, colour_type=2, raw=b"")
    data = data[:33] + b"<html>" * 200
    assert code_of(data) == "not_an_image"


def test_png_bomb_is_refused_from_the_header_without_its_memory() -> None:
    """300 megapixels would be 900 MB; the check may not allocate more than a little."""
    script = (
        "import resource, struct, zlib\n"
        "from ml.errors import ImageRejected\n"
        "from ml.images import load\n"
        "def chunk(kind, body):\n"
        "    return (struct.pack('>I', len(body)) + kind + body\n"
        "            + struct.pack('>I', zlib.crc32(kind + body)))\n"
        "packer = zlib.compressobj(9)\n"
        "row = b'\\0' * (1 + 3 * 20000)\n"
        "body = b''.join(packer.compress(row) for _ in range(15000)) + packer.flush()\n"
        "head = struct.pack('>IIBBBBB', 20000, 15000, 8, 2, 0, 0, 0)\n"
        "data = (b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', head) + chunk(b'IDAT', body)\n"
        "        + chunk(b'IEND', b''))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    load(data)\n"
        "except ImageRejected as error:\n"
        "    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "    print(error.code, grown < 50_000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["too_many_pixels", "True"]


@pytest.mark.parametrize(("width", "height"), [(9000, 9000), (20000, 15000), (60000, 60000)])
def test_declared_size_alone_is_enough_to_refuse(width: int, height: int) -> None:
    data = _png(width, height, bit_depth=1, colour_type=0, raw=b"")
    assert code_of(data) == "too_many_pixels"
    with pytest.raises(ImageRejected):
        probe(data)


def test_webp_of_the_largest_declared_size() -> None:
    head = struct.pack("<I", 0x10) + (16382).to_bytes(3, "little") * 2
    body = b"VP8X" + struct.pack("<I", 10) + head
    assert code_of(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body) in {
        "too_many_pixels",
        "not_an_image",
    }


def test_pixel_limit_is_exact() -> None:
    data = saved(scene(100, 100), "PNG")
    assert load(data, Limits(max_pixels=10_000)).shape == (100, 100, 3)
    assert code_of(data, limits=Limits(max_pixels=9_999)) == "too_many_pixels"


def test_a_png_is_probed_without_its_pixels() -> None:
    """Pillow decodes all of them to see whether EXIF stands behind; a web process may not."""
    script = (
        "import resource, sys\n"
        "from ml.images import probe\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "info = probe(data)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(info.width, grown < 20_000)\n"
    )
    data = saved(Image.new("RGB", (6000, 5000)), "PNG", compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", script], input=data, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.split() == [b"6000", b"True"]


def test_exif_behind_the_pixels_of_a_png_turns_them() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(scene(), "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    length = 12 + struct.unpack_from(">I", data, start)[0]
    block, rest = data[start : start + length], data[:start] + data[start + length :]
    moved = rest[:-12] + block + rest[-12:]
    assert corners(load(moved)) == corners(load(data)) == SHOWN[6]
    assert probe(moved).width == 120


@pytest.mark.parametrize("format", ["PNG", "WEBP", "MPO", "HEIF"])
def test_too_many_frames(format: str) -> None:
    frames = [Image.new("RGB", (80, 80), (shade, 0, 0)) for shade in (0, 80, 160, 240)]
    data = saved(scene(80, 80), format, save_all=True, append_images=frames)
    assert load(data, Limits(max_frames=5)).shape == (80, 80, 3)
    assert code_of(data, limits=Limits(max_frames=4)) == "too_many_frames"
    with pytest.raises(ImageRejected):
        probe(data, Limits(max_frames=4))


def test_import_is_light() -> None:
    script = (
        "import sys, ml.images, ml.errors\n"
        "print([m for m in ('torch','timm','cv2','openvino','scipy','faiss','django')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def _png(width: int, height: int, *, bit_depth: int, colour_type: int, raw: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )
