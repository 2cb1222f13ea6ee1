"""Which photos of a set are one too many, and moving them aside."""

import csv
import shutil
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ml.datasets.survey import Survey
from ml.errors import DataError
from ml.training.data import below

Reason = Literal["exact copy", "near copy", "mirrored copy", "unreadable"]

_LIST = "removed.csv"
_COLUMNS = ("file", "reason", "kept", "bits", "label", "kept_label", "detail")


@dataclass(frozen=True)
class Drop:
    """A photo to leave out: its place, why, the place of the one that stays (-1: none), `bits`."""

    place: int
    reason: Reason
    kept: int = -1
    bits: int = 0


def drops_of(survey: Survey, *, exact: bool, near: bool) -> list[Drop]:
    """What to leave out, in the order of the photos: unreadable ones, and copies of one that stays.

    The largest of a group stays (most pixels, then most bytes, then the first by name). A photo is
    left out only if it is itself a copy of one that stays, not for being tied to it by others.
    """
    found = {place: Drop(place, "unreadable") for place in survey.unreadable()}
    copies = _copies(survey, exact=exact, near=near)
    kept: set[int] = set()
    for place in sorted(survey.readable(), key=lambda place: _rank(survey, place)):
        known = [drop for drop in copies[place] if drop.kept in kept]
        if known:
            found[place] = min(known, key=lambda drop: (drop.bits, _rank(survey, drop.kept)))
        else:
            kept.add(place)
    return [found[place] for place in sorted(found)]


def write_list(drops: Sequence[Drop], survey: Survey, folder: Path, path: Path) -> None:
    """A CSV file of what is left out, paths below `folder`; added to if it is there already."""
    fresh = not path.exists()
    try:
        with path.open("a", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            if fresh:
                table.writerow(_COLUMNS)
            for drop in drops:
                sample, facts = survey.samples[drop.place], survey.facts[drop.place]
                kept = survey.samples[drop.kept] if drop.kept >= 0 else None
                table.writerow(
                    (
                        below(sample.path, folder),
                        drop.reason,
                        below(kept.path, folder) if kept else "",
                        drop.bits if kept else "",
                        sample.label,
                        kept.label if kept else "",
                        facts.problem,
                    )
                )
    except OSError as error:
        raise DataError(f"The list {path} cannot be written.", str(error)) from error


def move_aside(drops: Sequence[Drop], survey: Survey, folder: Path) -> Path:
    """Move what is left out to a folder beside, with the list of it; nothing is deleted.

    Raises DataError, before anything is moved, where a file of that name is there already.
    """
    beside = folder.parent / f"{folder.name}-removed"
    paths = [survey.samples[drop.place].path for drop in drops]
    moves = [(path, beside / below(path, folder)) for path in paths]
    taken = [new for _, new in moves if new.exists()]
    if taken:
        raise DataError(
            f"{taken[0]} is there already, so nothing was moved. Move the folder {beside.name} "
            "elsewhere first."
        )
    try:
        beside.mkdir(exist_ok=True)
        write_list(drops, survey, folder, beside / _LIST)
        for path, new in moves:
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, new)
    except OSError as error:
        raise DataError(
            f"Not all photos could be moved to {beside}. Make both folders writable and run the "
            "command again.",
            str(error),
        ) from error
    return beside


def _rank(survey: Survey, place: int) -> tuple[int, int, str]:
    facts = survey.facts[place]
    return -facts.width * facts.height, -facts.bytes, str(survey.samples[place].path)


def _copies(survey: Survey, *, exact: bool, near: bool) -> dict[int, list[Drop]]:
    """For each photo, why it could be left out for the sake of another."""
    copies: dict[int, list[Drop]] = defaultdict(list)

    def join(one: int, other: int, reason: Reason, bits: int) -> None:
        copies[one].append(Drop(one, reason, other, bits))
        copies[other].append(Drop(other, reason, one, bits))

    equals = {group[0]: group for group in survey.exact}
    if exact:
        for group in survey.exact:
            for place, one in enumerate(group):
                for other in group[place + 1 :]:
                    join(one, other, "exact copy", 0)
    if near:
        for one, other, bits, is_mirrored in survey.near.tolist():
            reason: Reason = "mirrored copy" if is_mirrored else "near copy"
            for a in equals.get(one, [one]):
                for b in equals.get(other, [other]):
                    join(a, b, reason, bits)
    return copies
