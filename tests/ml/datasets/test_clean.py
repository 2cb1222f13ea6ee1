import csv
from pathlib import Path

import numpy as np
import pytest

from ml.datasets.clean import Drop, drops_of, move_aside, write_list
from ml.datasets.scan import Facts
from ml.datasets.survey import Survey
from ml.errors import DataError
from ml.training.data import Sample

# Name, label, width: what each photo is.
PHOTOS = (
    ("a/small.jpg", "a", 100),
    ("a/large.jpg", "a", 300),
    ("a/middle.jpg", "a", 200),
    ("b/large.jpg", "b", 300),
    ("b/torn.jpg", "b", 0),
    ("b/far.jpg", "b", 90),
)


def survey(folder: Path, exact: list[list[int]], near: list[list[int]]) -> Survey:
    samples, facts = [], []
    for name, label, width in PHOTOS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        samples.append(Sample(path, "dog", label, path.name, "photo"))
        problem = "" if width else "This file is empty."
        facts.append(Facts(width, name, problem, width=width, height=width))
    return Survey(samples, facts, exact, np.array(near, int).reshape(-1, 4))


def test_the_largest_of_a_group_stays(tmp_path: Path) -> None:
    found = survey(tmp_path, [[0, 1, 2]], [])
    assert drops_of(found, exact=True, near=False) == [
        Drop(0, "exact copy", 1),
        Drop(2, "exact copy", 1),
        Drop(4, "unreadable"),
    ]


def test_of_equals_the_first_by_name_stays(tmp_path: Path) -> None:
    found = survey(tmp_path, [[1, 3]], [])
    assert drops_of(found, exact=True, near=True)[0] == Drop(3, "exact copy", 1)


def test_exact_and_near_are_chosen_separately(tmp_path: Path) -> None:
    found = survey(tmp_path, [[0, 2]], [[1, 3, 4, 1]])
    exact = drops_of(found, exact=True, near=False)
    near = drops_of(found, exact=False, near=True)
    assert [drop.place for drop in exact] == [0, 4]
    assert near == [Drop(3, "mirrored copy", 1, 4), Drop(4, "unreadable")]
    assert [drop.place for drop in drops_of(found, exact=True, near=True)] == [0, 3, 4]


def test_copies_of_a_photo_that_goes_for_a_near_one_go_too(tmp_path: Path) -> None:
    """0 and 2 are equal files; 0, their first, looks like the larger 3."""
    found = survey(tmp_path, [[0, 2]], [[0, 3, 5, 0]])
    near = drops_of(found, exact=False, near=True)
    assert near[:2] == [Drop(0, "near copy", 3, 5), Drop(2, "near copy", 3, 5)]


def test_a_chain_drops_only_copies_of_what_stays(tmp_path: Path) -> None:
    """5 looks like 0, which goes for the sake of 1; 5 itself does not look like 1 and stays."""
    found = survey(tmp_path, [], [[0, 1, 6, 0], [0, 5, 6, 0]])
    assert drops_of(found, exact=True, near=True)[0] == Drop(0, "near copy", 1, 6)
    assert 5 not in {drop.place for drop in drops_of(found, exact=True, near=True)}


def test_the_list(tmp_path: Path) -> None:
    found = survey(tmp_path, [[0, 3]], [])
    write_list(drops_of(found, exact=True, near=True), found, tmp_path, tmp_path / "list.csv")
    rows = list(csv.DictReader((tmp_path / "list.csv").open()))
    assert rows[0] == {
        "file": "a/small.jpg",
        "reason": "exact copy",
        "kept": "b/large.jpg",
        "bits": "0",
        "label": "a",
        "kept_label": "b",
        "detail": "",
    }
    assert (rows[1]["file"], rows[1]["kept"]) == ("b/torn.jpg", "")
    assert rows[1]["detail"] == "This file is empty."


def test_moving_aside_deletes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "dogs"
    found = survey(folder, [[0, 1, 2]], [])
    beside = move_aside(drops_of(found, exact=True, near=True), found, folder)
    assert beside == tmp_path / "dogs-removed"
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}
    moved = {path.relative_to(beside).as_posix() for path in beside.rglob("*.jpg")}
    assert moved == {"a/small.jpg", "a/middle.jpg", "b/torn.jpg"}
    assert left | moved == {name for name, _, _ in PHOTOS}
    assert (beside / "a" / "small.jpg").read_text() == "a/small.jpg"
    assert len((beside / "removed.csv").read_text().splitlines()) == 4


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "dogs"
    found = survey(folder, [[0, 1, 2]], [])
    taken = tmp_path / "dogs-removed" / "b" / "torn.jpg"
    taken.parent.mkdir(parents=True)
    taken.write_text("another")
    with pytest.raises(DataError, match="is there already, so nothing was moved"):
        move_aside(drops_of(found, exact=True, near=True), found, folder)
    assert taken.read_text() == "another"
    assert len(list(folder.rglob("*.jpg"))) == len(PHOTOS)
