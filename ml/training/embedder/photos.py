"""The photos of a run as rows of crops: for each stream, and for validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ml.errors import DataError
from ml.evaluation.tables import read_table
from ml.training.crops import CropCache
from ml.training.data import Listed, Sample, epoch, split
from ml.training.embedder.config import EmbedderConfig

Cut = Callable[[Sequence[Sample]], CropCache]


@dataclass(frozen=True, eq=False)
class Training:
    """What is learnt from; all indices are rows of `pixels`.

    `pixels` (n, side, side, 3) uint8, `rows` the row of each photo by its path, `names` these paths
    below the data's root. `listed` are the sources of the main stream; `labels` (n,) of all rows,
    -1 for none. `rankings` (t, 3) anchor, nearer, farther with `weights` (t,) float32. `described`
    are the rows with attributes, `targets` (k, A) their classes (-1: unknown), of which each
    attribute has `classes`.
    """

    pixels: np.ndarray
    rows: dict[Path, int]
    names: list[str]
    listed: Listed
    labels: np.ndarray
    rankings: np.ndarray
    weights: np.ndarray
    described: np.ndarray
    targets: np.ndarray
    classes: dict[str, tuple[str, ...]]

    def drawn(self, seed: int, number: int) -> np.ndarray:
        """The rows of the main stream in epoch `number`, shuffled."""
        samples = epoch(self.listed, seed, number)
        return np.array([self.rows[sample.path] for sample in samples], np.int64)


@dataclass(frozen=True, eq=False)
class Validation:
    """What is measured on: labels (n,) of each row, -1 for none, its source, and triplets of rows.

    Photos of one of the `bursts` (n,) do not answer each other. `triplets` (t, 3) are query, a, b,
    `choices` "a" or "b" for each.
    """

    pixels: np.ndarray
    labels: np.ndarray
    sources: list[str]
    bursts: np.ndarray
    triplets: np.ndarray
    choices: list[str]


def gather(config: EmbedderConfig, data: Path, cut: Cut) -> tuple[Training, Validation]:
    """Read, split and cut all photos that the configuration names.

    No photo of the validation is in any training stream. Raises DataError where too few are left.
    """
    triplets = _judged(config, data)
    judged = {path for row in triplets for path in row[:3]}
    used, kept = split(config.sources, data, fixed=dict.fromkeys(judged, True))
    kept = [(source, samples) for source, samples in kept if source.labelled]
    held = judged | {s.path for _, samples in kept for s in samples}
    rankings = [row for row in _rankings(config, data) if held.isdisjoint(row[:3])]
    described, classes = _attributes(config, data)
    described = {path: values for path, values in described.items() if path not in held}

    main = [sample for _, samples in used for sample in samples]
    others = [path for row in rankings for path in row[:3]] + list(described)
    pixels, places = _cut(main, others, cut)
    known = {path for path, row in places.items() if row >= 0}
    used = [(source, [s for s in samples if s.path in known]) for source, samples in used]
    rankings = [row for row in rankings if known.issuperset(row[:3])]
    described = {path: values for path, values in described.items() if path in known}
    training = Training(
        pixels,
        places,
        [path.relative_to(data).as_posix() for path in places],
        used,
        _labels(used, places),
        np.array([[places[path] for path in row[:3]] for row in rankings], int).reshape(-1, 3),
        np.array([row[3] for row in rankings], np.float32),
        np.array([places[path] for path in described], int),
        np.array(list(described.values()), int).reshape(len(described), len(classes)),
        classes,
    )
    validation = _validation(kept, triplets, cut)
    _check(config, training, validation)
    print(
        f"{sum(len(samples) for _, samples in used)} photos in the main stream, {len(rankings)} "
        f"rankings, {len(described)} photos with attributes; validation: "
        f"{(validation.labels >= 0).sum()} labelled photos, {len(validation.triplets)} triplets."
    )
    return training, validation


def _check(config: EmbedderConfig, training: Training, validation: Validation) -> None:
    measured = (validation.labels >= 0).any() or len(validation.triplets)
    if not measured or len(training.drawn(config.seed, 0)) < config.main_photos:
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


def _cut(
    samples: Sequence[Sample], others: Sequence[Path], cut: Cut
) -> tuple[np.ndarray, dict[Path, int]]:
    """The crops, and the row of each path, -1 where there is no crop."""
    by_path = {sample.path: sample for sample in samples}
    for path in others:
        by_path.setdefault(path, Sample(path, "dog", "", path.name, "photo"))
    crops = cut(list(by_path.values()))
    known = zip(by_path, crops.known, strict=True)
    return crops.pixels, {path: row if cut else -1 for row, (path, cut) in enumerate(known)}


def _labels(listed: Listed, places: dict[Path, int]) -> np.ndarray:
    """The number of each row's label, -1 for none; one name in two sources is two labels."""
    named = {
        sample.path: f"{source.images}/{sample.label}"
        for source, samples in listed
        for sample in samples
        if source.labelled and sample.label and places[sample.path] >= 0
    }
    numbers = {name: number for number, name in enumerate(sorted(set(named.values())))}
    labels = np.full(len(places), -1, int)
    for path, name in named.items():
        labels[places[path]] = numbers[name]
    return labels


def _validation(
    kept: Listed, triplets: Sequence[tuple[Path, Path, Path, str]], cut: Cut
) -> Validation:
    samples = [sample for _, samples in kept for sample in samples]
    pixels, places = _cut(samples, [path for row in triplets for path in row[:3]], cut)
    triplets = [row for row in triplets if all(places[path] >= 0 for path in row[:3])]
    source_of = {s.path: Path(source.images).name for source, samples in kept for s in samples}
    labels = _labels(kept, places)
    return Validation(
        pixels,
        labels,
        [source_of.get(path, "") for path in places],
        bursts_of(pixels, labels),
        np.array([[places[path] for path in row[:3]] for row in triplets], int).reshape(-1, 3),
        [row[3] for row in triplets],
    )


def bursts_of(pixels: np.ndarray, labels: np.ndarray, alike: float = 0.9) -> np.ndarray:
    """A number for each photo (n,), the same for shots of one moment: they would flatter a figure.

    These are photos of one label whose crops, grey and 16 pixels wide, correlate by `alike` or
    more, directly or through others.
    """
    bursts = np.arange(len(labels))
    for label in np.unique(labels[labels >= 0]):
        rows = np.flatnonzero(labels == label)
        small = [Image.fromarray(pixels[row]).convert("L").resize((16, 16)) for row in rows]
        grey = np.stack([np.asarray(image, np.float64).ravel() for image in small])
        grey -= grey.mean(1, keepdims=True)
        grey /= np.maximum(np.linalg.norm(grey, axis=1, keepdims=True), 1e-9)
        joined = connected_components(coo_array(grey @ grey.T >= alike), directed=False)[1]
        bursts[rows] = rows[[int(np.argmax(joined == part)) for part in joined]]
    return bursts


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
