"""Figures out of many measurements, kept as JSON and as a line in docs/performance.md."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
TABLE_HEAD = (
    "# Performance\n\n"
    "Measured by `script/bench` on the running product; each line's file in `performance/` has "
    "every value.\n\n"
    "| what | median | 95 % | number | machine | commit | date |\n"
    "|---|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Figure:
    """Seconds, each measured once, of one thing that `what` names."""

    what: str
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """The smallest value that 95 % of the others do not exceed (nearest rank)."""
        return sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]

    def line(self, machine: dict[str, Any]) -> str:
        place = f"{machine['processor']}, {machine['cores']} cores"
        return (
            f"| {self.what} | {self.median:.3g} s | {self.p95:.3g} s | {len(self.seconds)} "
            f"| {place} | {machine['commit']} | {machine['date']} |\n"
        )


def write(name: str, figures: Sequence[Figure], machine: dict[str, Any], **facts: Any) -> Path:
    """Keep one benchmark's outcome, in place of its earlier one. Returns the JSON's path."""
    path = DOCS / "performance" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    outcome = {
        "machine": machine,
        **facts,
        "figures": [
            {
                "what": figure.what,
                "median_s": round(figure.median, 4),
                "p95_s": round(figure.p95, 4),
                "seconds": [round(value, 4) for value in figure.seconds],
            }
            for figure in figures
        ],
    }
    path.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")
    table = DOCS / "performance.md"
    text = table.read_text() if table.exists() else TABLE_HEAD
    for figure in figures:
        kept = [row for row in text.splitlines(True) if not row.startswith(f"| {figure.what} |")]
        text = "".join(kept) + figure.line(machine)
    table.write_text(text)
    return path
