"""A folder of dogs, read: one folder a dog or one loose photo a dog, facts from `dogs.csv`.

Nothing is written here and no photo is opened. What cannot be used is said with its place and its
reason, and the rest is kept.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from portal.dogs.models import Colour, Dog
from portal.dogs.temperament import ANSWER_TRAITS, SCALE, SCALE_TRAITS, Answer

TABLE = "dogs.csv"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
PHOTOS_PER_DOG = 8
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Problem:
    """Something that was left out: where it is (a path, or the table's line) and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """One dog as the folder tells it; `key` is its path within the folder, its identity.

    `fields` are Dog fields, breeds excepted, which are names; an unknown fact is absent.
    `shelter` is a name, "" when the folder does not say.
    """

    key: str
    where: str
    photos: tuple[Path, ...]
    fields: dict[str, Any]
    breeds: tuple[str, ...] = ()
    temperament: dict[str, str | int] = field(default_factory=dict)
    shelter: str = ""
    bonded_with: str = ""
    status: str = Dog.Status.AVAILABLE.value


@dataclass
class Reading:
    listings: list[Listing] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def readable_name(stem: str) -> str:
    """`bella_02` → `Bella 02`."""
    words = re.sub(r"[._\-\s]+", " ", stem).strip() or stem
    return words[:1].upper() + words[1:80]


def read_folder(folder: Path, *, limit: int | None = None) -> Reading:
    """Every dog in `folder`, at most `limit` of them.

    Raises NotADirectoryError, and ValueError when `dogs.csv` has no column `dog`.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    reading = Reading()
    source = from_table(folder, reading) if (folder / TABLE).is_file() else from_names(folder)
    for listing in source:
        if limit is not None and len(reading.listings) >= limit:
            break
        photos = listing.photos
        if not photos:
            reading.problems.append(Problem(listing.where, _("There is no photo of this dog.")))
            continue
        if len(photos) > PHOTOS_PER_DOG:
            left = len(photos) - PHOTOS_PER_DOG
            reason = _("%(left)d of %(all)d photos left out: %(most)d a dog are loaded.") % {
                "left": left,
                "all": len(photos),
                "most": PHOTOS_PER_DOG,
            }
            reading.problems.append(Problem(listing.where, reason))
        reading.listings.append(replace(listing, photos=photos[:PHOTOS_PER_DOG]))
    return reading


def photos_of(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        return tuple(p for p in in_order(path) if p.is_file() and p.suffix.lower() in SUFFIXES)
    return (path,) if path.is_file() else ()


def in_order(folder: Path) -> list[Path]:
    """The folder's entries, hidden ones excepted, with `dog.2` before `dog.10`."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", path.name.lower())
        return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]

    return sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=key)


def from_names(folder: Path) -> Iterator[Listing]:
    """Dogs of which nothing is known but their photos."""
    for path in in_order(folder):
        if path.is_dir() or path.suffix.lower() in SUFFIXES:
            stem = path.name if path.is_dir() else path.stem
            fields = {"name": readable_name(stem)}
            yield Listing(path.name, path.name, photos_of(path), fields)


def choice(choices: list[tuple[str, Any]]) -> forms.ChoiceField:
    return forms.ChoiceField(choices=choices, required=False)


class RowForm(forms.Form):
    """The columns that hold one value each; empty and `unknown` mean the same: not known."""

    name = forms.CharField(max_length=80, required=False)
    shelter = forms.CharField(max_length=120, required=False)
    sex = choice(Dog.Sex.choices)
    birth_date = forms.DateField(required=False, input_formats=["%Y-%m-%d", "%Y-%m", "%Y"])
    birth_precision = choice(Dog.BirthPrecision.choices)
    weight_kg = forms.DecimalField(
        required=False, min_value=Decimal("0.01"), max_value=120, max_digits=5, decimal_places=2
    )
    mixed = choice([("yes", "yes"), ("no", "no")])
    neutered = choice([("yes", "yes"), ("no", "no")])
    status = choice(Dog.Status.choices)
    bonded_with = forms.CharField(required=False)
    description = forms.CharField(required=False)
    health = forms.CharField(required=False)


def temperament_fields() -> dict[str, forms.Field]:
    fields: dict[str, forms.Field] = {t.value: choice(Answer.choices) for t in ANSWER_TRAITS}
    for trait in SCALE_TRAITS:
        fields[trait.value] = forms.IntegerField(
            required=False, min_value=SCALE.start, max_value=SCALE.stop - 1
        )
    return fields


TEMPERAMENT = frozenset(temperament_fields())
FREE_TEXT = frozenset({
    "dog", "name", "shelter", "bonded_with", "description", "health", "breeds", "tags",
})  # fmt: skip
LISTS = ("breeds", "colours", "tags")
COLUMNS = frozenset({"dog", *RowForm.base_fields, *TEMPERAMENT, *LISTS})


def from_table(folder: Path, reading: Reading) -> Iterator[Listing]:
    text = decode((folder / TABLE).read_bytes())
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    columns = [name.strip() for name in rows.fieldnames or []]
    if "dog" not in columns:
        raise ValueError(f"{TABLE} needs a column `dog` that names each dog's folder or photo")
    rows.fieldnames = columns
    for name in columns:
        if name not in COLUMNS:
            reading.problems.append(
                Problem(
                    TABLE, _("Column “%(name)s” is not known and was ignored.") % {"name": name}
                )
            )
    seen: set[str] = set()
    line = rows.line_num + 1
    for row in rows:
        where = _("%(table)s line %(line)d") % {"table": TABLE, "line": line}
        line = rows.line_num + 1
        try:
            listing = from_row(folder, row, where)
            if listing.key in seen:
                raise ValueError(
                    _("“%(name)s” is in the table twice; the first one counts.")
                    % {"name": listing.key}
                )
        except ValueError as error:
            reading.problems.append(Problem(where, str(error)))
            continue
        seen.add(listing.key)
        yield listing


class Line:
    """What csv writes to: gives the line back."""

    def write(self, line: str) -> str:
        return line


# What a spreadsheet would run as a formula (OWASP, CSV injection), and that with apostrophes
# before it.
FORMULA = re.compile(r"'*[=+\-@\t\r]")


def to_cell(value: str) -> str:
    """A cell that no spreadsheet runs: an apostrophe before what would be a formula."""
    return f"'{value}" if FORMULA.match(value) else value


def from_cell(text: str) -> str:
    """What `to_cell` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def decode(data: bytes) -> str:
    """Spreadsheets save CSV as UTF-8 with a mark or, on Korean Windows, as CP949."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp949", errors="replace")


def from_row(folder: Path, row: dict[str, str | None], where: str) -> Listing:
    """Raises ValueError with everything that is wrong with the row."""
    values: dict[str, str] = {}
    for name, value in row.items():
        if name in COLUMNS and isinstance(value, str) and value.strip():
            text = from_cell(value.strip())
            text = text if name in FREE_TEXT else text.lower()
            if text.lower() != UNKNOWN:
                values[name] = text
    key = values.get("dog", "")
    path = (folder / key).resolve()
    if not key or path == folder.resolve() or not path.is_relative_to(folder.resolve()):
        raise ValueError(_("“dog” must name a folder or photo that lies beside the table."))
    try:
        there = path.exists()
    except OSError:  # a name that no file can have
        there = False
    if not there:
        raise ValueError(_("“%(name)s” is not there.") % {"name": key[:200]})
    lists = {name: split(values.get(name, "")) for name in LISTS}
    form = RowForm(values)
    form.fields.update(temperament_fields())
    wrong = (
        []
        if form.is_valid()
        else [f"{name}: {' '.join(str(e) for e in errors)}" for name, errors in form.errors.items()]
    )
    wrong += [
        _("colours: “%(name)s” is not a known colour.") % {"name": colour}
        for colour in lists["colours"]
        if colour not in Colour
    ]
    if wrong:
        raise ValueError(" ".join(wrong))
    facts = form.cleaned_data
    fields: dict[str, Any] = {
        "name": facts["name"] or readable_name(path.stem if path.is_file() else path.name),
        "description": facts["description"],
        "health": facts["health"],
        "weight_kg": facts["weight_kg"],
        "birth_date": facts["birth_date"],
        "colours": lists["colours"],
        "tags": lists["tags"],
    }
    if facts["sex"]:
        fields["sex"] = facts["sex"]
    if facts["birth_date"]:
        parts = values["birth_date"].count("-")
        written = (Dog.BirthPrecision.YEAR, Dog.BirthPrecision.MONTH, Dog.BirthPrecision.DAY)[parts]
        fields["birth_precision"] = facts["birth_precision"] or written.value
    for name in ("mixed", "neutered"):
        if facts[name]:
            fields[name] = facts[name] == "yes"
    return Listing(
        key=str(Path(key)),
        where=where,
        photos=photos_of(path),
        fields=fields,
        breeds=tuple(lists["breeds"]),
        temperament={t: facts[t] for t in TEMPERAMENT if facts[t]},
        shelter=facts["shelter"],
        bonded_with=facts["bonded_with"],
        status=facts["status"] or Dog.Status.AVAILABLE.value,
    )


def split(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split("|") if part.strip()))
