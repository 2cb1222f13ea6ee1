"""Figures and where they are kept."""

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import Figure, write

MACHINE = {"processor": "P", "cores": 2, "commit": "abc", "date": "2026-01-02"}


def test_median_and_nearest_rank_percentile() -> None:
    figure = Figure("x", [float(value) for value in range(20, 0, -1)])
    assert figure.median == 10.5
    assert figure.p95 == 19
    assert Figure("x", [7.0]).p95 == 7


def test_a_new_outcome_replaces_its_earlier_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "DOCS", tmp_path)
    write("a", [Figure("upload", [2.0])], MACHINE)
    write("b", [Figure("listing", [3.0])], MACHINE)
    path = write("a", [Figure("upload", [1.0])], MACHINE, content="40 dogs")
    rows = [row for row in (tmp_path / "performance.md").read_text().splitlines() if " s |" in row]
    assert rows == [
        "| listing | 3 s | 3 s | 1 | P, 2 cores | abc | 2026-01-02 |",
        "| upload | 1 s | 1 s | 1 | P, 2 cores | abc | 2026-01-02 |",
    ]
    assert json.loads(path.read_text())["content"] == "40 dogs"
