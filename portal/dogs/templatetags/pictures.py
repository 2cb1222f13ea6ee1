"""`{% picture photo sizes=… %}`: a photo in the size and format that suits its reader; addresses of
single pictures."""

from __future__ import annotations

from typing import Any

from django import template

from portal.dogs.models import Photo
from portal.media import own_photo_address, photo_address, query_photo_address

register = template.Library()

# Longer side in pixels of what an address names (workers.pictures makes them).
SIDES = {"thumb": 480, "w960": 960, "full": 1280, "a480": 480, "a960": 960}
AVIF = ("a480", "a960")


@register.inclusion_tag("partials/picture.html")
def picture(
    photo: Photo,
    *,
    sizes: str,
    alt: str = "",
    focus: str = "",
    lazy: bool = True,
    small: bool = True,
) -> dict[str, Any]:
    """`sizes` as HTML has it; `focus` a class that frames the dog; `small` for a picture that is
    never shown larger than a card, so that its plain address is the thumbnail's."""

    def candidates(names: tuple[str, ...]) -> str:
        return ", ".join(f"{photo_address(photo, name)} {width(photo, name)}w" for name in names)

    varied = bool(photo.variants) and bool(photo.width)
    plain = ("thumb", "w960") if small else ("thumb", "w960", "full")
    return {
        "photo": photo,
        "src": photo_address(photo, "thumb" if small else "full"),
        "avif": candidates(AVIF) if varied else "",
        "srcset": candidates(plain) if varied else "",
        "sizes": sizes,
        "alt": alt,
        "focus": focus,
        "lazy": lazy,
    }


register.simple_tag(photo_address)
register.simple_tag(own_photo_address)
register.simple_tag(query_photo_address)


def width(photo: Photo, name: str) -> int:
    """Pixels across, where the longer side was made to fit."""
    longer = max(photo.width, photo.height)
    return max(1, round(photo.width * min(1.0, SIDES[name] / longer)))
