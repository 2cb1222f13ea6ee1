"""What a data report says: figures as plain values, and what to do about them in sentences."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.datasets.hashes import groups_of
from ml.datasets.survey import Survey, other_files
from ml.training.data import below

# The starter's networks take 224 pixels: smaller photos are enlarged.
_INPUT_SIDE = 224

# Mean difference of the channels below which a picture has no colour to learn from.
_GREY = 3.0

# How often the largest class may have the photos of the smallest before sampling should mend it.
_BALANCED = 5

_SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".heic": "HEIC"}


def report_of(
    survey: Survey, folder: Path, colours: dict[str, Any] | None = None
) -> dict[str, Any]:
    """JSON values: counts, percentiles, unreadable files, copies, conflicts, findings.

    Files are named by their path below `folder`. `colours` is what `data compare-colours` wrote.
    """
    rows = survey.readable()
    facts = [survey.facts[row] for row in rows]
    names = [below(sample.path, folder) for sample in survey.samples]
    classes = survey.classes()
    unlabelled = classes.pop("", 0)
    report: dict[str, Any] = {
        "folder": folder.resolve().name,
        "photos": len(survey.samples),
        "readable": len(rows),
        "bytes": sum(one.bytes for one in survey.facts),
        "unreadable": [
            {"file": names[row], "reason": survey.facts[row].problem} for row in survey.unreadable()
        ],
        "other_files": dict(other_files(folder).most_common()),
        "formats": dict(Counter(one.format for one in facts).most_common()),
        "modes": dict(Counter(one.mode for one in facts).most_common()),
        "grey": sum(one.colour < _GREY for one in facts),
        "misnamed": [
            names[row]
            for row, one in zip(rows, facts, strict=True)
            if _SUFFIXES[survey.samples[row].path.suffix.lower()] != one.format
        ],
        "small": sum(max(one.width, one.height) < _INPUT_SIDE for one in facts),
        "width": _spread([one.width for one in facts]),
        "height": _spread([one.height for one in facts]),
        "aspect": _spread([one.width / one.height for one in facts]),
        "kilobytes": _spread([one.bytes / 1024 for one in facts]),
        "brightness": _spread([one.brightness for one in facts]),
        "contrast": _spread([one.contrast for one in facts]),
        "colour": _spread([one.colour for one in facts]),
        "classes": dict(classes.most_common()),
        "unlabelled": unlabelled,
        "exact": [[names[row] for row in group] for group in survey.exact],
        "near": [
            [names[row] for row in group] for group in groups_of(survey.near, len(survey.samples))
        ],
        "near_pairs": [
            {"files": [names[one], names[other]], "bits": bits, "mirrored": bool(is_mirrored)}
            for one, other, bits, is_mirrored in survey.near.tolist()
        ],
        "conflicts": [
            {
                "files": [names[one], names[other]],
                "labels": [survey.samples[one].label, survey.samples[other].label],
            }
            for one, other in survey.conflicts()
        ],
    }
    if colours is not None:
        report["colours"] = colours
    report["findings"] = findings(report)
    return report


def findings(report: dict[str, Any]) -> list[str]:
    """What a person should know or do before training, the most urgent first."""
    told = []
    unreadable, conflicts = report["unreadable"], report["conflicts"]
    if unreadable:
        told.append(f"{_count(len(unreadable), 'file')} cannot be read and will be skipped.")
    if conflicts:
        told.append(
            f"{_count(len(conflicts), 'pair')} of copies with different labels: one of the two is "
            "wrong, or both dogs are in the photo. Decide before anything is trained."
        )
    copies = sum(len(group) - 1 for group in report["exact"])
    if copies:
        told.append(
            f"{_count(copies, 'exact copy', 'exact copies')} of other files. "
            "`python -m ml data clean --exact` leaves them out."
        )
    alike = sum(len(group) - 1 for group in report["near"])
    if alike:
        told.append(
            f"{_count(alike, 'photo')} too many that look the same as another: scaled, retouched "
            "or of one burst. `python -m ml data split` keeps them on one side, `data clean "
            "--near` leaves them out."
        )
    told += _about_classes(report["classes"], report["unlabelled"])
    if report["small"]:
        told.append(
            f"{_share(report['small'], report['readable'])} smaller than the network's "
            f"{_INPUT_SIDE} pixels: they will be enlarged."
        )
    if report["grey"]:
        told.append(f"{_share(report['grey'], report['readable'])} without colour.")
    if report["misnamed"]:
        told.append(
            f"{_count(len(report['misnamed']), 'file')} of another format than the name says; that "
            "does no harm."
        )
    if report["other_files"]:
        endings = ", ".join(report["other_files"])
        count = _count(sum(report["other_files"].values()), "other file")
        told.append(f"{count} in the folder not looked at ({endings}).")
    if "colours" in report:
        told.append(report["colours"]["verdict"])
    return told or ["Nothing stands in the way of training."]


def _about_classes(classes: dict[str, int], unlabelled: int) -> list[str]:
    told = []
    if classes and unlabelled:
        told.append(f"{_count(unlabelled, 'photo')} without a label.")
    single = sorted(name for name, count in classes.items() if count == 1)
    if single:
        first = ", ".join(single[:5]) + (" …" if len(single) > 5 else "")
        told.append(
            f"{_count(len(single), 'class', 'classes')} with a single photo ({first}): refused in "
            "a stratified split. Add photos or leave them out."
        )
    if len(classes) > 1:
        most, least = max(classes.values()), min(classes.values())
        if most >= _BALANCED * least:
            told.append(
                f"The largest class has {most / least:.0f} times the photos of the smallest. Set "
                "`balanced` or `class_shares` of the source, or weigh the loss."
            )
    return told


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    names = ("least", "5%", "median", "95%", "most")
    found = np.percentile(np.array(values, float), (0, 5, 50, 95, 100))
    return {name: round(float(value), 3) for name, value in zip(names, found, strict=True)}


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _share(part: int, whole: int) -> str:
    share = part / max(1, whole)
    return f"{_count(part, 'photo')} ({share:.0%})" if share >= 0.01 else _count(part, "photo")
