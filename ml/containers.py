"""What kind of film a file is, told by its first bytes; nothing of it is decoded here.

Only Python's own library, so that the web side can use it too. The kind is decided by what stands
in the file, never by its name or a content type.
"""

import re
from dataclasses import dataclass
from typing import Literal

from ml.errors import ClipRejected

Container = Literal["mp4", "webm"]

HEAD_BYTES = 512
"""How much of a file `kind_of` wants to see."""


@dataclass(frozen=True)
class ClipLimits:
    """What a clip may be: bytes of the file, seconds, pixels of a frame (4K has 8.3 million) and of
    its shorter side, frames in all, and seconds that reading it may take here."""

    max_bytes: int = 60 * 1024 * 1024
    max_seconds: float = 20.0
    max_pixels: int = 3840 * 2160
    min_side: int = 64
    max_frames: int = 20 * 120
    read_seconds: float = 60.0


CLIP_LIMITS = ClipLimits()

# ISO/IEC 14496-12, 4.3: a file begins with a box of type ftyp, whose first word is its major brand.
# Those of films as phones, cameras and browsers write them; pictures (HEIC, AVIF) and sound are
# boxes of the same kind with other brands.
_FILM = re.compile(
    rb"(iso[m2-9a-c]|mp4[12]|avc1|hvc1|hev1|av01|M4V[ HP]|qt  |3g[2p].|MSNV|mmp4|dash|cmf[cf]|XAVC)"
)
# RFC 8794: EBML begins so, and says what it is in an element of this id.
_EBML, _DOC_TYPE = b"\x1a\x45\xdf\xa3", b"\x42\x82"


def kind_of(head: bytes) -> Container:
    """The kind of the film that begins so. Raises ClipRejected `empty_file` or `not_a_clip`."""
    if not head:
        raise ClipRejected("empty_file", "This file is empty. Please choose it again.")
    if head[4:8] == b"ftyp" and _FILM.match(head, 8):
        return "mp4"
    if head.startswith(_EBML) and _doc_type(head[:HEAD_BYTES]) in (b"webm", b"matroska"):
        return "webm"
    raise ClipRejected(
        "not_a_clip",
        "This file is not a film that we can read. Please send an MP4, MOV or WebM film.",
        head[:12].hex(" "),
    )


def _doc_type(head: bytes) -> bytes:
    place = head.find(_DOC_TYPE, len(_EBML))
    if place < 0 or place + 3 > len(head):
        return b""
    # A length of one byte has its first bit set.
    length = head[place + 2] & 0x7F
    return head[place + 3 : place + 3 + length].rstrip(b"\0")
