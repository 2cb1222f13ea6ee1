"""ZIP archives with dogs.csv and photos."""

from __future__ import annotations

import csv
import io
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path
from random import Random
from unittest.mock import patch

from portal.dogs.imports import TABLE
from portal.feeds.errors import FeedError
from portal.feeds.sources import open_source
from tests.fuzz.bounds import in_time
from tests.fuzz.mutation import ODD_TEXTS, Change, changed, changed_text
from tests.fuzz.records import Repeating, check, check_refusal, check_rejected

HEAD = [
    "dog", "name", "sex", "birth_date", "birth_precision", "weight_kg", "breeds", "mixed",
    "colours", "neutered", "status", "bonded_with", "description", "health", "tags", "shelter",
    "good_with_cats", "good_with_children", "energy", "house_trained", "moon",
]  # fmt: skip
BORI = [
    "bori", "Bori", "male", "2021-05", "month", "5.4", "Maltese|Moon Hound", "no", "white|black",
    "yes", "available", "coco.jpg", "겁이 많음. Good with cats.", "fine", "calm|old", "Haneul",
    "yes", "selective", "4", "no", "?",
]  # fmt: skip


def one(data: bytes) -> None:
    """Records or FeedError, and records that fit the rows; nothing is left in the folder for
    temporary files, nothing is written beside it, and what is unpacked stays small."""
    with tempfile.TemporaryDirectory() as place, patch.object(tempfile, "tempdir", place):
        with in_time():
            read(data)
        assert list(Path(place).iterdir()) == []


def read(data: bytes) -> None:
    source = open_source(
        "csvzip", client=Repeating(data), settings={"address": "https://a.example"}
    )
    try:
        [page] = source.pages(since=None, cursor=None)
        for record in page.records:
            check(record)
            for photo in record.photos[:2]:
                source.photo(photo)
        for rejected in page.rejected:
            check_rejected(rejected)
        assert len({record.external_id for record in page.records}) == len(page.records)
    except FeedError as error:
        check_refusal(error)


def table(*rows: list[str], head: list[str] = HEAD) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([head, *rows])
    return out.getvalue().encode("utf-8", "surrogatepass")


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in files.items():
            file.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def seeds() -> list[bytes]:
    photo = b"\xff\xd8\xff\xe0"
    coco = ["coco.jpg", "", "female", "2020", "", "30", "", "", "brindle", "", "adopted"]
    coco += [""] * (len(HEAD) - len(coco))
    nobody = ["nobody", *[""] * 20]
    usual = {TABLE: table(BORI, coco, nobody), "bori/1.jpg": photo, "coco.jpg": photo}
    return [
        packed(usual),
        packed({f"dogs/{name}": data for name, data in usual.items()}, zipfile.ZIP_DEFLATED),
        packed({"보리/1.jpg": photo, "bori_2.png": photo, "__MACOSX/a.jpg": photo}),
        packed({TABLE: table(BORI).decode().encode("cp949"), "bori/2.heic": photo}),
        packed(usual, zipfile.ZIP_BZIP2),
        packed(usual, zipfile.ZIP_LZMA),
        b"PK\x05\x06" + b"\0" * 18,
    ]


def mutated(data: bytes, random: Random, change: Change) -> bytes:
    """Most of the time an archive that can be opened, with another table, name or header."""
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as file:
            warnings.simplefilter("ignore")
            files = {name: file.read(name)[:20_000] for name in file.namelist()[:20]}
    except Exception:
        files = {}
    kind = random.randrange(8)
    if not files or kind == 0:
        return change(data)
    if kind == 1:
        return with_odd_header(data, random)
    if kind == 2:
        name = random.choice(list(files))
        files[changed_text(name, random)] = files.pop(name)
    elif kind == 3:
        files[random.choice(("bori", "bori/1.jpg/2.jpg", "a/../b.jpg", "coco.jpg/", "x.jpg"))] = b""
    else:
        told = next((name for name in files if name.endswith(TABLE)), TABLE)
        files[told] = changed_table(files.get(told, b""), random, change)
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    try:
        return packed(files, method)
    except Exception:  # a name that no archive can have
        return change(data)


def changed_table(data: bytes, random: Random, change: Change) -> bytes:
    if not random.randrange(5):
        return change(data)
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline="")))
    except csv.Error:
        return change(data)
    rows = [row for row in rows if row] or [[*HEAD], [*BORI]]
    row = random.choice(rows)
    at = random.randrange(len(row))
    match random.randrange(6):
        case 0:
            row[at] = random.choice(ODD_TEXTS)
        case 1:
            rows.append(list(row))
        case 2:
            row.append("more")
        case 3:
            row[at] = row[at] * random.choice((2, 100))
        case _:
            row[at] = changed_text(row[at], random)
    return table(*rows[1:], head=rows[0])


def with_odd_header(data: bytes, random: Random) -> bytes:
    """Another value in a field of a local or central header, or of the archive's end."""
    starts = [n for n in range(len(data) - 4) if data[n : n + 2] == b"PK" and data[n + 2] < 7]
    if not starts:
        return changed(data, random)
    at = random.choice(starts) + random.randrange(4, 46)
    size = random.choice((1, 2, 4))
    value = random.choice((0, 1, 8, 9, 12, 14, 0xFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF))
    return data[:at] + struct.pack("<I", value)[:size] + data[at + size :]
