"""The photos of a run as rows of crops: for each stream, and for validation."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.errors import DataError
from ml.evaluation.tables import read_table
from ml.training.crops import CropCache
from ml.training.data import Sample, Source, split
from ml.training.embedder.config import EmbedderConfig


@dataclass(frozen=True, eq=False)
class Training:
    """What is learnt from; all indices are rows of `pixels`.

    `pixels` (n, side, side, 3) uint8, `names` each photo's path below the data's root. `drawn` are
    the rows of the main stream, several times where a source's share is above 1; `labels` (n,)
    of all rows, -1 for none. `rankings` (t, 3) anchor, nearer, farther with `weights` (t,) float32.
    `described` are the rows with attributes, `targets` (k, A) their classes (-1: unknown), of which
    attribute j has `classes[j]`.
    """

    pixels: np.ndarray
    names: list[str]
    drawn: np.ndarray
    labels: np.ndarray
    rankings: np.ndarray
    weights: np.ndarray
    described: np.ndarray
    targets: np.ndarray
    classes: dict[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class Validation:
    """What is measured on: `sources` and `labels` of each row, -1 for none; triplets of rows.

    `triplets` (t, 3) are query, a, b, `choices` "a" or "b" for each.
    """

    pixels: np.ndarray
    labels: np.ndarray
    sources: list[str]
    triplets: np.ndarray
    choices: list[str]


def gather(
    config: EmbedderConfig, data: Path, cut: Callable[[Sequence[Sample]], CropCache]
) -> tuple[Training, Validation]:
    """Read, split and cut all photos that the configuration names.

    No photo of the validation is in any training stream. Raises DataError where too few are left.
    """
    used, kept = split(config.sources, data)
    kept = [(source, samples) for source, samples in kept if source.labelled]
    triplets = _judged(config, data)
    judged = {path for row in triplets for path in row[:3]}
    held = judged | {s.path for _, samples in kept for s in samples}
    drawn = [
        (source, sample)
        for source, samples in used
        for sample in _share(source, [s for s in samples if s.path not in held], config.seed)
    ]
    rankings = [row for row in _rankings(config, data) if held.isdisjoint(row[:3])]
    described, classes = _attributes(config, data)
    described = {path: values for path, values in described.items() if path not in held}

    by_path = {sample.path: sample for _, sample in drawn}
    others = [path for row in rankings for path in row[:3]] + list(described)
    train, place = _cut([*by_path.values(), *_plain(others, by_path)], cut)
    labels = _labels(drawn, place, len(train.known))
    ranked = [row for row in rankings if all(place.get(path, -1) >= 0 for path in row[:3])]
    rows = [(place[path], values) for path, values in described.items() if place.get(path, -1) >= 0]
    training = Training(
        train.pixels,
        [str(path.relative_to(data)) for path in place],
        np.array([place[s.path] for _, s in drawn if place[s.path] >= 0], np.int64),
        labels,
        np.array([[place[path] for path in row[:3]] for row in ranked], np.int64).reshape(-1, 3),
        np.array([row[3] for row in ranked], np.float32),
        np.array([row for row, _ in rows], np.int64),
        np.array([values for _, values in rows], np.int64).reshape(len(rows), len(classes)),
        classes,
    )
    validation = _validation(kept, triplets, cut)
    _check(config, training, validation)
    print(
        f"{len(training.drawn)} photos in the main stream, {len(training.rankings)} rankings, "
        f"{len(training.described)} with attributes; validation: "
        f"{(validation.labels >= 0).sum()} labelled photos, {len(validation.triplets)} triplets."
    )
    return training, validation


def _check(config: EmbedderConfig, training: Training, validation: Validation) -> None:
    if len(training.drawn) < config.main_photos or not (
        (validation.labels >= 0).any() or len(validation.triplets)
    ):
        raise DataError(
            "There are too few photos of dogs to train on, or no labelled ones are held out. "
            "Add photos or lower the batch size."
        )
    for wanted, found, name in (
        (config.ranking, training.rankings, "rankings"),
        (config.attribute, training.described, "attributes"),
    ):
        if wanted and not len(found):
            raise DataError(
                f"None of the photos in '{name}' can be used for training. Check the paths in the "
                "table; photos of the validation do not count."
            )
    known, counts = np.unique(training.labels[training.labels >= 0], return_counts=True)
    if (config.labelled_share or config.supervised) and not (counts >= 2).any():
        raise DataError(
            "No label has two photos in training. Mark a source as labelled, or set "
            f"'labelled_share' and 'supervised' to 0 ({len(known)} labels)."
        )


def _share(source: Source, samples: list[Sample], seed: int) -> list[Sample]:
    """Each sample `share` times; the part below one is drawn once, so that each is used often."""
    whole, part = divmod(source.share, 1)
    some = random.Random(seed).sample(samples, round(part * len(samples)))
    return sorted(samples * int(whole) + some, key=lambda sample: sample.path)


def _cut(
    samples: Sequence[Sample], cut: Callable[[Sequence[Sample]], CropCache]
) -> tuple[CropCache, dict[Path, int]]:
    """The crops, and the row of each path, -1 where there is no crop."""
    crops = cut(samples)
    return crops, {
        sample.path: row if known else -1
        for row, (sample, known) in enumerate(zip(samples, crops.known, strict=True))
    }


def _plain(paths: Sequence[Path], known: dict[Path, Sample]) -> list[Sample]:
    return [
        Sample(path, "dog", "", path.name, "photo")
        for path in dict.fromkeys(paths)
        if path not in known
    ]


def _labels(
    listed: Sequence[tuple[Source, Sample]], place: dict[Path, int], rows: int
) -> np.ndarray:
    labels = np.full(rows, -1, np.int64)
    named = {
        s.path: f"{source.images}/{s.label}"
        for source, s in listed
        if source.labelled and place[s.path] >= 0
    }
    numbers = {name: number for number, name in enumerate(sorted(set(named.values())))}
    for path, name in named.items():
        labels[place[path]] = numbers[name]
    return labels


def _validation(
    kept: Sequence[tuple[Source, list[Sample]]],
    triplets: Sequence[tuple[Path, Path, Path, str]],
    cut: Callable[[Sequence[Sample]], CropCache],
) -> Validation:
    listed = [(source, sample) for source, samples in kept for sample in samples]
    by_path = {sample.path: sample for _, sample in listed}
    others = _plain([path for row in triplets for path in row[:3]], by_path)
    crops, place = _cut([*by_path.values(), *others], cut)
    seen = [row for row in triplets if all(place[path] >= 0 for path in row[:3])]
    source_of = {sample.path: Path(source.images).name for source, sample in listed}
    return Validation(
        crops.pixels,
        _labels(listed, place, len(crops.known)),
        [source_of.get(path, "") for path in place],
        np.array([[place[path] for path in row[:3]] for row in seen], np.int64).reshape(-1, 3),
        [row[3] for row in seen],
    )


def _judged(config: EmbedderConfig, data: Path) -> list[tuple[Path, Path, Path, str]]:
    if not config.validation_triplets:
        return []
    rows = read_table(data / config.validation_triplets, ("query", "a", "b", "choice"))
    folder = data / config.validation_images
    return [
        (folder / row["query"], folder / row["a"], folder / row["b"], row["choice"]) for row in rows
    ]


def _rankings(config: EmbedderConfig, data: Path) -> list[tuple[Path, Path, Path, float]]:
    if not config.ranking:
        return []
    rows = read_table(data / config.rankings, ("anchor", "nearer", "farther", "weight"))
    try:
        return [
            (data / r["anchor"], data / r["nearer"], data / r["farther"], float(r["weight"]))
            for r in rows
        ]
    except ValueError as error:
        raise DataError(
            f"{config.rankings}: a weight is no number. Write 1 where all count alike.", str(error)
        ) from error


def _attributes(
    config: EmbedderConfig, data: Path
) -> tuple[dict[Path, list[int]], dict[str, tuple[str, ...]]]:
    """The class of each attribute for each photo (-1: unknown), and the names of the classes."""
    if not config.attribute:
        return {}, {}
    rows = read_table(data / config.attributes, ("file",))
    columns = [name for name in rows[0] if name != "file"]
    classes = {name: tuple(sorted({r[name] for r in rows} - {"", None})) for name in columns}
    classes = {name: values for name, values in classes.items() if len(values) > 1}
    if not classes:
        raise DataError(f"{config.attributes} has no attribute with two values. Add a column.")
    return {
        data / r["file"]: [
            values.index(r[name]) if r[name] else -1 for name, values in classes.items()
        ]
        for r in rows
    }, classes
