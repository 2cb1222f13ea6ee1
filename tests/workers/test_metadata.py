"""Where, when and by whom a photo was taken is in nothing that is made of it."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from portal.clips.models import Clip
from portal.clips.services import take_clip
from portal.dogs import services
from portal.dogs.models import Photo
from portal.matching.models import Query
from tests.films import film
from tests.fuzz.films import element, written
from tests.workers.conftest import file
from workers import pictures

MARK = "PLANTED-37.5665N"
CAMERA = "PLANTED-SERIAL-0042"

TOLD = {"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"}


def exif():
    told = Image.Exif()
    told[ExifTags.Base.Make] = told[ExifTags.Base.Artist] = MARK
    told[ExifTags.Base.BodySerialNumber] = CAMERA
    told.get_ifd(ExifTags.IFD.GPSInfo).update(
        {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (37.0, 33.0, 59.4),
         ExifTags.GPS.GPSAreaInformation: MARK.encode()}
    )  # fmt: skip
    return told


def photo(format):
    """A photo that tells where it was taken wherever its format has room for it."""
    pixels = np.full((240, 320, 3), (200, 20, 20), np.uint8)
    image = Image.fromarray(pixels)
    out = io.BytesIO()
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{MARK}</x:xmpmeta>".encode()
    if format == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Comment", MARK)
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
        image.save(out, "PNG", pnginfo=texts, exif=exif())
    elif format == "JPEG":
        image.save(out, "JPEG", exif=exif(), xmp=xmp, comment=MARK)
    else:
        image.save(out, format, exif=exif(), xmp=xmp)
    return out.getvalue() + MARK.encode()


def marks(data):
    """Signs of the plants in a file, packed texts of PNGs included."""
    found = [word for word in (MARK, CAMERA, "GPS", "Exif", "xmpmeta") if word.encode() in data]
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        found += [
            name for name in image.info if name in ("exif", "xmp", "comment", "XML:com.adobe.xmp")
        ]
        found += ["exif"] if dict(image.getexif()) else []
    return found


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_where_a_photo_was_taken_is_in_no_file(
    version, shelter, staff, act, run, media, files, format, search
):
    sent = photo(format)
    assert MARK.encode() in sent
    assert marks(sent)
    with act():
        dog = services.create_dog(
            shelter=shelter, by=staff, fields={"name": "Bori"}, photos=[file(sent)], publish=True
        )
    search(data=sent)
    run()
    kept = dog.photos.get()
    assert kept.image
    assert Query.objects.get().image
    with act():
        pictures.make_variants(kept)
    # The picture, its thumbnail and three other sizes, and that of the search.
    assert len(files()) == 6
    told = {name: marks((media / name).read_bytes()) for name in files()}
    Photo.objects.filter(pk=kept.pk).update(crop=[0.1, 0.1, 0.9, 0.9])
    with act():
        pictures.crop(Photo.objects.get(pk=kept.pk))
    told |= {name: marks((media / name).read_bytes()) for name in files()}
    assert len(told) > 6
    assert not any(told.values()), told


@pytest.mark.parametrize("kind", ["webm", "mp4", "mov"])
def test_where_a_clip_was_filmed_is_in_no_file(
    version, list_dog, staff, act, run, media, files, kind
):
    """Phones write the place into a box of the user's data, and more behind it."""
    dog = list_dog("Bori")
    pictures_of_it = [np.full((64, 96, 3), (60 + 8 * n, 90, 40), np.uint8) for n in range(16)]
    told = f"{MARK} {CAMERA}".encode()
    if kind == "webm":
        tag = element(b"\x45\xa3", b"LOCATION") + element(b"\x44\x87", told)
        plant = element(b"\x12\x54\xc3\x67", element(b"\x73\x73", element(b"\x67\xc8", tag)))
    else:
        place = (b"\xa9xyz", len(told).to_bytes(2, "big") + b"\x15\xc7" + told, None)
        plant = written([(b"udta", b"", [place]), (b"uuid", told, None)])
    sent = film(pictures_of_it, kind) + plant
    with act():
        clip = take_clip(dog=dog, by=staff, file=file(sent))
    assert any(MARK.encode() in (media / name).read_bytes() for name in files())
    run()
    clip = Clip.objects.get(pk=clip.pk)
    assert clip.state == Clip.State.READY, clip.error_code
    data = {name: (media / name).read_bytes() for name in files()}
    assert {clip.film.name, clip.poster.name} <= set(data)
    assert not [name for name in data if MARK.encode() in data[name] or b"SERIAL" in data[name]]
    assert MARK not in str(Clip.objects.values().get())
    assert not marks(data[clip.poster.name])
    for frame in clip.frames:
        start, end = frame["at"]
        assert not marks(data[clip.film.name][start:end])
