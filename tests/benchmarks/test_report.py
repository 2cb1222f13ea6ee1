"""Figures and where they are kept."""

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import Figure, picture, place, table, with_section, write, write_section

MACHINE = {"processor": "P", "cores": 2, "commit": "abc", "date": "2026-01-02"}


@pytest.fixture(autouse=True)
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "DOCS", tmp_path)
    return tmp_path


def test_median_and_nearest_rank_percentile() -> None:
    figure = Figure("x", [float(value) for value in range(20, 0, -1)])
    assert figure.median == 10.5
    assert figure.p95 == 19
    assert Figure("x", [7.0]).p95 == 7


def test_a_new_outcome_replaces_its_earlier_section_only(docs: Path) -> None:
    write("a", [Figure("upload", [2.0])], MACHINE, title="Uploads")
    write("b", [Figure("listing", [3.0])], MACHINE, title="Listings")
    before = (docs / "performance.md").read_text()
    path = write("a", [Figure("upload", [1.0])], MACHINE, title="Uploads", content="40 dogs")
    after = (docs / "performance.md").read_text()
    assert after == before.replace("| upload | 2 s | 2 s | 1 |", "| upload | 1 s | 1 s | 1 |")
    assert after != before
    assert after.index("## Uploads") < after.index("## Listings")
    kept = json.loads(path.read_text())
    assert kept["content"] == "40 dogs"
    assert kept["machine"] == MACHINE
    assert kept["figures"][0]["seconds"] == [1.0]


def test_a_section_says_where_it_was_measured(docs: Path) -> None:
    path = write_section("search", "Search", ["Some *lines*."], MACHINE, {"values": [1, 2]})
    assert path == docs / "performance" / "search.json"
    text = (docs / "performance.md").read_text()
    assert text.startswith("# Performance\n")
    assert "## Search\n\nSome *lines*.\n" in text
    assert "`script/bench search` on P, 2 cores, at abc, 2026-01-02" in text
    assert "](performance/search.json)" in text
    assert sorted(one.name for one in docs.iterdir()) == ["performance", "performance.md"]


def test_what_people_wrote_between_sections_stays() -> None:
    page = "# P\n\n<!-- bench: a -->\nold\n<!-- end of a -->\n\nBy hand.\n"
    once = with_section(with_section(page, "b", "B"), "a", "new")
    assert "old" not in once
    assert "By hand.\n\n<!-- bench: b -->\nB\n<!-- end of b -->\n" in once
    assert with_section(once, "a", "new") == once


def test_a_section_without_an_end_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="end of a"):
        with_section("<!-- bench: a -->\nold\n", "a", "new")


@pytest.mark.parametrize("name", ["", "A", "a/b", "a b", "../a"])
def test_a_name_must_do_for_a_file(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        write_section(name, "t", [], MACHINE, {})


def test_tables() -> None:
    assert table(("what", "ms"), [("a|b", "1")]) == [
        "| what | ms |",
        "| --- | ---: |",
        "| a\\|b | 1 |",
    ]
    with pytest.raises(ValueError, match="2 cells"):
        table(("what",), [("a", "1")])


def test_pictures_lie_beside_the_page(docs: Path) -> None:
    assert place("a.svg") == docs / "performance" / "a.svg"
    assert place("a.svg").parent.is_dir()
    assert picture("Bars", "a.svg") == "![Bars](performance/a.svg)"
