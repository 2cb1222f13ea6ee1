"""The data report as one HTML file that needs nothing beside it."""

import base64
import html
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.datasets import plots
from ml.datasets.hashes import groups_of
from ml.datasets.sheets import sheet, thumbnail
from ml.datasets.survey import Survey
from ml.training.data import below
from ml.training.sides import hash_of

# Bounds of the page; report.json has everything.
_CLASSES, _OF_A_CLASS, _UNLABELLED = 150, 8, 64
_GROUPS, _OF_A_GROUP = 24, 6
_ROWS = 200
_EXTREMES = 8

_CSS = """
:root { --paper: #FBF8F3; --surface: #fff; --ink: #2A2420; --muted: #6B6058; --line: #E7DFD5;
  --accent: #B3402A; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --paper: #171412; --surface: #211D1A;
  --ink: #F1EAE2; --muted: #B5A99E; --line: #37302B; --accent: #E8785F } }
body { margin: 0 auto; max-width: 1080px; padding: 32px 24px 64px; background: var(--paper);
  color: var(--ink); font: 16px/1.6 "Pretendard", "Apple SD Gothic Neo", "Noto Sans KR",
  "Malgun Gothic", system-ui, sans-serif; word-break: keep-all; overflow-wrap: anywhere }
h1 { font-size: 28px; line-height: 1.3; margin: 0 } h2 { font-size: 20px; margin: 48px 0 12px }
h3 { font-size: 16px; margin: 24px 0 8px } p { margin: 0 0 12px } .muted { color: var(--muted) }
code { font-size: .9em; background: var(--surface); border: 1px solid var(--line);
  border-radius: 4px; padding: 1px 4px }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px;
  margin: 24px 0 } .tiles div { background: var(--surface); border: 1px solid var(--line);
  border-radius: 12px; padding: 12px 16px } .tiles b { display: block; font-size: 24px;
  font-variant-numeric: tabular-nums } .tiles span { color: var(--muted); font-size: 14px }
li { margin: 4px 0 } figure { margin: 0 0 16px } figure img { max-width: 100%; border-radius: 8px }
.plot { background: #fff; border: 1px solid var(--line); border-radius: 12px; padding: 12px;
  overflow-x: auto } .plot img { width: 100%; max-width: none; min-width: 640px; border-radius: 0 }
figcaption { font-size: 14px; color: var(--muted); margin: 0 0 4px }
figcaption b { color: var(--ink) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 14px; min-width: 50% }
th, td { text-align: left; padding: 4px 16px 4px 0; border-bottom: 1px solid var(--line);
  vertical-align: top } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.groups { display: flex; flex-wrap: wrap; gap: 12px; margin-bottom: 12px }
.group { display: flex; gap: 12px; flex-wrap: wrap; padding: 12px; background: var(--surface);
  border: 1px solid var(--line); border-radius: 12px } .group div { width: 150px; font-size: 12px;
  line-height: 1.4; color: var(--muted) } .group img { display: block; max-width: 150px;
  border-radius: 8px; margin-bottom: 4px } .warn { color: var(--accent) }
"""


def write_page(report: dict[str, Any], survey: Survey, folder: Path, out: Path) -> None:
    """`out`/report.html with plots and sheets, and `out`/report.json."""
    readable = survey.readable()
    body = [_head(report)]
    if readable:
        body += [_plots(report, survey), _sheets(survey), _extremes(survey)]
    body += [_copies(report, survey, folder), _unreadable(report), _colours(report)]
    title = html.escape(f"Data report: {report['folder']}")
    page = (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_CSS}</style>\n<body>\n{''.join(body)}\n</body></html>\n"
    )
    (out / "report.html").write_text(page, encoding="utf-8")
    told = json.dumps(report, indent=1, ensure_ascii=False)
    (out / "report.json").write_text(told + "\n", encoding="utf-8")


def _head(report: dict[str, Any]) -> str:
    classes = len(report["classes"])
    tiles = {
        "photos": f"{report['photos']:,}",
        "classes": f"{classes:,}" if classes else "none",
        "in all": f"{report['bytes'] / 1e6:,.0f} MB",
        "unreadable": f"{len(report['unreadable']):,}",
        "exact copies": f"{sum(len(group) - 1 for group in report['exact']):,}",
        "look the same": f"{sum(len(group) - 1 for group in report['near']):,}",
    }
    shown = "".join(
        f"<div><b>{value}</b><span>{name}</span></div>" for name, value in tiles.items()
    )
    told = "".join(f"<li>{_text(sentence)}</li>" for sentence in report["findings"])
    return (
        f"<h1>{html.escape(report['folder'])}</h1>"
        f'<p class="muted">Data report by Pawkin</p><div class="tiles">{shown}</div>'
        f"<h2>What to know before training</h2><ul>{told}</ul>"
    )


def _plots(report: dict[str, Any], survey: Survey) -> str:
    facts = [survey.facts[place] for place in survey.readable()]
    shown = [
        ("Sizes", plots.sizes(facts), ("width", "height", "aspect")),
        ("Files", plots.files(facts), ("kilobytes",)),
        ("Light", plots.light(facts), ("brightness", "contrast", "colour")),
    ]
    parts = []
    for title, png, names in shown:
        rows = [[name, *(f"{value:,.4g}" for value in report[name].values())] for name in names]
        table = _table(["", *report[names[0]]], rows)
        parts.append(f"<h2>{title}</h2>{_plot(png, title)}{table}")
    if report["classes"]:
        counts = report["classes"]
        table = _table(["class", "photos"], [[name, f"{n:,}"] for name, n in counts.items()])
        parts.append(
            f"<h2>Classes</h2>{_plot(plots.classes(Counter(counts)), 'Class balance')}"
            f"<details><summary>All {len(counts):,} classes</summary>{table}</details>"
        )
    return "".join(parts)


def _sheets(survey: Survey) -> str:
    """Samples chosen by the hash of their names: the same ones whenever the report is made."""
    classes: dict[str, list[Path]] = defaultdict(list)
    for place in survey.readable():
        classes[survey.samples[place].label].append(survey.samples[place].path)
    parts = ["<h2>Samples</h2>"]
    loose = classes.pop("", [])
    if loose:
        parts.append(_sheet(f"<b>without a class</b> {len(loose):,} photos", loose, _UNLABELLED))
    for name in sorted(classes)[:_CLASSES]:
        paths = classes[name]
        count = f"{len(paths):,} photo" + ("s" if len(paths) != 1 else "")
        parts.append(_sheet(f"<b>{html.escape(name)}</b> {count}", paths, _OF_A_CLASS))
    if len(classes) > _CLASSES:
        parts.append(
            f'<p class="muted">{len(classes) - _CLASSES:,} more classes are not shown.</p>'
        )
    return "".join(parts)


def _sheet(caption: str, paths: Sequence[Path], most: int) -> str:
    chosen = sorted(paths, key=lambda path: hash_of(path.name))[:most]
    picture = _picture(sheet(chosen, 8, 126), "jpeg", "samples")
    return f"<figure><figcaption>{caption}</figcaption>{picture}</figure>"


def _extremes(survey: Survey) -> str:
    """The photos at the ends of each measure: what does not belong is often among them."""
    places = survey.readable()
    facts = survey.facts
    ends = {
        "darkest": lambda place: facts[place].brightness,
        "lightest": lambda place: -facts[place].brightness,
        "least contrast": lambda place: facts[place].contrast,
        "least colour": lambda place: facts[place].colour,
        "most colour": lambda place: -facts[place].colour,
        "smallest": lambda place: facts[place].width * facts[place].height,
        "widest": lambda place: -facts[place].width / facts[place].height,
        "tallest": lambda place: facts[place].width / facts[place].height,
    }
    parts = ["<h2>Extremes</h2>"]
    for name, key in ends.items():
        chosen = [survey.samples[place].path for place in sorted(places, key=key)[:_EXTREMES]]
        picture = _picture(sheet(chosen, 8, 126), "jpeg", name)
        parts.append(f"<figure><figcaption><b>{name}</b></figcaption>{picture}</figure>")
    return "".join(parts)


def _copies(report: dict[str, Any], survey: Survey, folder: Path) -> str:
    near = groups_of(survey.near, len(survey.samples))
    mirrored = {
        place
        for one, other, _, is_mirrored in survey.near.tolist()
        if is_mirrored
        for place in (one, other)
    }
    parts = ["<h2>Copies</h2>"]
    for title, groups in (("Exact copies", survey.exact), ("Look the same", near)):
        if not groups:
            parts.append(f'<p class="muted">{title}: none.</p>')
            continue
        ordered = sorted(groups, key=lambda group: (-len(_labels(survey, group)), -len(group)))
        noted = mirrored if groups is near else set()
        shown = "".join(_group(survey, group, folder, noted) for group in ordered[:_GROUPS])
        number = f"{len(groups):,} group" + ("s" if len(groups) != 1 else "")
        parts.append(f'<h3>{title}: {number}</h3><div class="groups">{shown}</div>')
        if len(groups) > _GROUPS:
            more = len(groups) - _GROUPS
            parts.append(f'<p class="muted">{more:,} more groups are in report.json.</p>')
    return "".join(parts)


def _labels(survey: Survey, group: Sequence[int]) -> set[str]:
    return {survey.samples[place].label for place in group} - {""}


def _group(survey: Survey, group: Sequence[int], folder: Path, mirrored: set[int]) -> str:
    conflict = len(_labels(survey, group)) > 1
    cells = []
    for place in group[:_OF_A_GROUP]:
        path, facts = survey.samples[place].path, survey.facts[place]
        jpeg = thumbnail(path, 150)
        picture = _picture(jpeg, "jpeg", path.name) if jpeg else ""
        name = below(path, folder)
        told = f"{facts.width} × {facts.height}, {facts.bytes / 1024:,.0f} kB"
        if place in mirrored:
            told += ", mirrored"
        if conflict:
            told += f', <b class="warn">{html.escape(survey.samples[place].label)}</b>'
        cells.append(f"<div>{picture}{html.escape(name)}<br>{told}</div>")
    if len(group) > _OF_A_GROUP:
        cells.append(f"<div>and {len(group) - _OF_A_GROUP:,} more</div>")
    return f'<div class="group">{"".join(cells)}</div>'


def _unreadable(report: dict[str, Any]) -> str:
    listed = report["unreadable"]
    if not listed:
        return '<h2>Unreadable files</h2><p class="muted">None.</p>'
    table = _table(["file", "reason"], [[row["file"], row["reason"]] for row in listed[:_ROWS]])
    more = f'<p class="muted">{len(listed) - _ROWS:,} more are in report.json.</p>'
    return f"<h2>Unreadable files</h2>{table}{more if len(listed) > _ROWS else ''}"


def _colours(report: dict[str, Any]) -> str:
    if "colours" not in report:
        return ""
    told = report["colours"]
    rows = [
        [row["colours"], row["equalise"], f"{row['r1']:.3f}", f"{row['r5']:.3f}"]
        for row in told["options"]
    ]
    return (
        f"<h2>Colour spaces and equalisation</h2><p>{_text(told['verdict'])}</p>"
        f"{_table(['colours', 'equalised', 'r1', 'r5'], rows)}"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        kinds = [' class="n"' if _is_number(rows[0][place]) else "" for place in range(len(cells))]
        pairs = zip(cells, kinds, strict=True)
        return "".join(f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for cell, kind in pairs)

    lines = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return f'<div class="scroll"><table><tr>{row(head, "th")}</tr>{lines}</table></div>'


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?[\d,.]+(e[+-]?\d+)?", text))


def _text(sentence: str) -> str:
    """With what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(sentence))


def _plot(png: bytes, title: str) -> str:
    return f'<figure class="plot">{_picture(png, "png", title)}</figure>'


def _picture(data: bytes, kind: str, alt: str) -> str:
    coded = base64.b64encode(data).decode()
    return f'<img src="data:image/{kind};base64,{coded}" alt="{html.escape(alt)}">'
