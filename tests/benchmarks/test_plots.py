"""Plots are files that can be read, and compared from one day to the next."""

import datetime
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import plots


def words(path: Path) -> set[str]:
    return {element.text or "" for element in ET.parse(path).iter() if element.tag.endswith("text")}


def test_bars_show_what_they_are_given(tmp_path: Path) -> None:
    series = {"ours": [1.25, None], "theirs": [2.5, 3.75]}
    path = plots.bars(tmp_path / "a.svg", "Speed", ["one", "two"], series, axis="ms", mark=2.0)
    assert {"Speed", "one", "two", "ours", "theirs", "ms", "1.25", "2.5", "3.75"} <= words(path)


def test_lines_show_what_they_are_given(tmp_path: Path) -> None:
    path = plots.lines(
        tmp_path / "a.svg",
        "Search",
        {"exact": [(10, 1), (100, 8)], "coarse": [(10, 2), (100, 3)]},
        across="photos",
        up="ms",
        logarithmic=True,
        marks={"aim": 5.0},
    )
    assert {"Search", "exact", "coarse", "aim", "photos", "ms"} <= words(path)


def test_the_same_numbers_give_the_same_small_file(tmp_path: Path) -> None:
    one, other = (
        plots.bars(tmp_path / name, "T", ["a", "b"], {"s": [1.0, 2.0], "t": [2.0, 3.0]}, axis="x")
        for name in ("1.svg", "2.svg")
    )
    assert one.read_bytes() == other.read_bytes()
    assert len(one.read_bytes()) < 20_000
    assert str(datetime.date.today().year) not in one.read_text().partition("<defs>")[0]
    assert "<dc:date>" not in one.read_text()


def test_a_series_of_another_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 values for 2 labels"):
        plots.bars(tmp_path / "a.svg", "T", ["a", "b"], {"s": [1.0]}, axis="x")
