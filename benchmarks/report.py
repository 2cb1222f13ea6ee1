"""What benchmarks found: a section of docs/performance.md each, and every value as JSON.

Every benchmark owns one section of the page and rewrites no other:

    write_section(name, title, lines, machine, facts)  the section, and performance/{name}.json
    table(head, rows)                                  a table for `lines`
    picture(text, file)                                a line that shows performance/{file}
    place(file)                                        where `benchmarks.plots` writes that file

`name` is a short plain word, which also names the JSON file; `lines` are Markdown without a
heading; `machine` is what `benchmarks.machine.describe` tells; `facts` is whatever JSON can hold,
best every single measurement. `write` does all of it for plain durations. A section that is there
is replaced where it stands, a new one comes last.
"""

import json
import math
import os
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE_HEAD = (
    "# Performance\n\n"
    "Each section is written by the `script/bench` of its name, on the machine that it names;\n"
    "other machines give other times, while ratios hold better.\n"
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

    def row(self) -> list[str]:
        """Of a table with the head `FIGURES`."""
        return [
            self.what,
            f"{self.median:.3g} s",
            f"{self.p95:.3g} s",
            str(len(self.seconds)),
        ]

    def told(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "what": self.what,
            "median_s": round(self.median, 4),
            "p95_s": round(self.p95, 4),
            "seconds": [round(value, 4) for value in self.seconds],
        }


FIGURES = ("what", "median", "95 %", "number")


def write(
    name: str, figures: Sequence[Figure], machine: Mapping[str, Any], *, title: str, **facts: Any
) -> Path:
    """A section that is a table of durations. Returns the JSON's path."""
    return write_section(
        name,
        title,
        table(FIGURES, [figure.row() for figure in figures]),
        machine,
        {**facts, "figures": [figure.told() for figure in figures]},
    )


def write_section(
    name: str,
    title: str,
    lines: Sequence[str],
    machine: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> Path:
    """Keep one benchmark's outcome, in place of its earlier one. Returns the JSON's path.

    Raises ValueError for a name that cannot be a file's and a marker's.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"'{name}' is no name for a section: use small letters, digits and _")
    path = place(f"{name}.json")
    told = {"machine": dict(machine), **facts}
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    body = "\n".join([f"## {title}", "", *lines, "", measured_on(name, machine)])
    page = DOCS / "performance.md"
    text = page.read_text() if page.exists() else PAGE_HEAD
    # Two benchmarks may end at once: a reader sees the old page or the new one, never a half.
    fresh = page.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(with_section(text, name, body))
    fresh.replace(page)
    return path


def with_section(text: str, name: str, body: str) -> str:
    """The page `text` with `body` as its section `name`, in place of the earlier one or last."""
    begin, end = f"<!-- bench: {name} -->", f"<!-- end of {name} -->"
    section = f"{begin}\n{body}\n{end}\n"
    before, found, rest = text.partition(f"{begin}\n")
    if not found:
        return f"{text.rstrip()}\n\n{section}"
    _, closed, after = rest.partition(f"{end}\n")
    if not closed:
        raise ValueError(f"docs/performance.md has no line '{end}': restore it")
    return before + section + after


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, a line an entry; all columns but the first are aligned to the right.

    Raises ValueError for a row of another length than the head.
    """
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row has {len(row)} cells, the head {len(head)}: {row}")
        lines.append(_row(row))
    return lines


def picture(text: str, file: str) -> str:
    """The Markdown line that shows `place(file)`; `text` is for those who do not see it."""
    return f"![{text}](performance/{file})"


def place(file: str) -> Path:
    """Where a file beside the page belongs; its folder is there then."""
    path = DOCS / "performance" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def measured_on(name: str, machine: Mapping[str, Any]) -> str:
    """Where the figures of a section are from."""
    return (
        f"`script/bench {name}` on {machine['processor']}, {machine['cores']} cores, at "
        f"{machine['commit']}, {machine['date']}; [every value](performance/{name}.json)."
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
