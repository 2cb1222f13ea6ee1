"""Small pictures, drawn in every mode and format that phones, cameras and editors write."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageDraw, PngImagePlugin

pillow_heif.register_heif_opener()

# Stands in every block of metadata, and may stand in nothing that is written.
SECRET = "Secret 37.5665 126.9780"


def drawn(mode: str = "RGB", size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Something like a dog: an oval with ears on a coloured ground."""
    picture = Image.new("RGB", size, (120, 160, 90))
    brush = ImageDraw.Draw(picture)
    wide, high = size
    brush.ellipse((wide // 4, high // 4, wide * 3 // 4, high - 4), fill=(181, 101, 29))
    brush.polygon(
        [(wide // 4, high // 2), (wide // 4 + 6, 4), (wide // 2, high // 3)], fill="black"
    )
    if mode in ("RGBA", "LA", "PA"):
        picture = picture.convert("RGB" if mode == "RGBA" else "L")
        picture.putalpha(Image.linear_gradient("L").resize(size))
        return picture
    return picture.convert(mode)


def saved(picture: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def exif(orientation: int = 6) -> bytes:
    block = Image.Exif()
    block[0x0112], block[0x010E], block[0x013B] = orientation, SECRET, SECRET
    place = block.get_ifd(0x8825)
    place[1], place[2] = "N", (37.0, 33.0, 59.4)
    place[3], place[4] = "E", (126.0, 58.0, 40.8)
    block.get_ifd(0x8769)[0x9286] = SECRET.encode()
    return block.tobytes()


def xmp(orientation: int = 3) -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="'
        f'{orientation}">{SECRET}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def profile(name: str = "wide") -> bytes:
    told = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return told.replace("sRGB".encode("utf-16-be"), name.encode("utf-16-be"))


@cache
def all_drawn() -> tuple[bytes, ...]:
    told = {"exif": exif(), "icc_profile": profile(), "xmp": xmp()}
    second = Image.new("RGB", (96, 72), "navy")
    several = {"save_all": True, "append_images": [second, second]}
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", SECRET)
    texts.add_itxt("Title", SECRET, zip=True)
    texts.add_text("Author", SECRET, zip=True)
    sixteen = Image.fromarray(np.tile(np.linspace(0, 65535, 96).astype(np.uint16), (72, 1)))
    palette = drawn().quantize(16)
    return (
        saved(drawn(), "JPEG"),
        saved(drawn(), "JPEG", progressive=True, comment=SECRET, **told),
        saved(drawn("L"), "JPEG", exif=exif(5)),
        saved(drawn("CMYK"), "JPEG"),
        saved(drawn(), "JPEG", subsampling=0, restart_marker_rows=1),
        saved(drawn(), "MPO", **several),
        saved(drawn(), "PNG", pnginfo=texts, exif=exif(8), icc_profile=profile()),
        saved(drawn("RGBA"), "PNG"),
        saved(drawn("LA"), "PNG"),
        saved(drawn("1"), "PNG"),
        saved(palette, "PNG", transparency=3),
        saved(palette, "PNG", transparency=bytes(range(16))),
        saved(sixteen, "PNG"),
        saved(drawn(), "PNG", **several),
        saved(drawn(), "WEBP"),
        saved(drawn("RGBA"), "WEBP", lossless=True, **told),
        saved(drawn("RGBA"), "WEBP", lossless=True, save_all=True, append_images=[second]),
        saved(drawn(), "HEIF", quality=40, exif=exif()),
        saved(drawn("RGBA"), "HEIF", quality=40),
        saved(drawn("L"), "HEIF", quality=40, save_all=True, append_images=[second]),
        saved(drawn(size=(70, 400)), "JPEG", exif=exif(7)),
        saved(drawn(), "GIF"),
        saved(drawn(), "AVIF"),
        saved(drawn(), "BMP"),
        saved(drawn(size=(80, 64)), "TIFF"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"",
    )
