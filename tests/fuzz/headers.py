"""Headers of a photo that arrives in pieces: three lines of bytes as a server hands them on."""

from __future__ import annotations

import base64
from random import Random

from django.test import RequestFactory

from portal.dogs.resumable import file_name, number
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import Change, changed

factory = RequestFactory()


def one(data: bytes) -> None:
    """A name that can be stored and numbers that fit, or -1."""
    length, offset, metadata = [*data.decode("latin-1").split("\n", 2), "", ""][:3]
    headers = {"Upload-Length": length, "Upload-Offset": offset, "Upload-Metadata": metadata}
    request = factory.post("/staff/uploads/", headers=headers)
    with in_time():
        for header in ("Upload-Length", "Upload-Offset"):
            assert -1 <= number(request, header) < 10**12
        name = file_name(request)
    name.encode()
    assert "\0" not in name


def seeds() -> list[bytes]:
    name = base64.b64encode("보리 1.jpg".encode())
    return [
        b"1234\n0\nfilename " + name,
        b"0\n00012\nfiletype aW1hZ2UvanBlZw==,filename " + name + b",is_confidential",
        b"-1\n1e3\nfilename",
        b"\xb2\n\n filename \xe9",
    ]


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    if random.randrange(2):
        return change(data)
    lines = [*data.split(b"\n", 2), b"", b""][:3]
    raw = changed(random.choice(("보리", "a\0b", "\U0010ffff", "")).encode(), random, 300)
    lines[2] = b"filename " + base64.b64encode(raw) + random.choice((b"", b"=", b",a b", b"\xe9"))
    return b"\n".join(lines)
