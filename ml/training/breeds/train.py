"""A whole run: photos to features, head, calibration, figures and the weights file."""

import csv
import dataclasses
import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from ml.breeds import NAMES, BreedClassifier, Calibration, slug_of
from ml.errors import DataError
from ml.evaluation.breeds import figures_of, told_figures
from ml.evaluation.tables import read_table
from ml.spec import ModelSpec
from ml.training.breeds.calibrate import (
    calibrate,
    cosines_to,
    log_loss,
    prototypes,
    struck_out,
)
from ml.training.breeds.config import BreedsConfig
from ml.training.breeds.features import Photos, gather, teacher_rows
from ml.training.breeds.few_shot import measure_few_shot
from ml.training.breeds.head import Head, start_head, train_head
from ml.training.breeds.held_out import HeldOut
from ml.training.data import Sample, Source, split
from ml.training.release import METADATA

WEIGHTS_NAME = "breeds.safetensors"

_FOLDS = 5


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """Photos to learn from and photos to measure on, the slugs of all breeds, the teacher's rows.

    No photo to learn from is one to measure on, or looks the same. `pseudo` (n,) bool says which
    labels of those to learn from are a model's.
    """

    training: Photos
    pseudo: np.ndarray
    validation: Photos
    names: tuple[str, ...]
    rows: tuple[np.ndarray, np.ndarray] | None


def train_breeds(
    config: BreedsConfig, data: Path, out: Path, spec: ModelSpec, pseudo: Path | None = None
) -> dict[str, Any]:
    """Train below `out`; leaves `breeds.safetensors`, `report.json`, `validation.csv`, `log.jsonl`.

    `pseudo` is a file of `python -m ml pseudo-label`. Gives the report.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    found = read_data(config, data, out, spec, pseudo)
    start = start_head(found.training, found.names, found.rows)
    truth = places_of(found.validation.labels, found.names)
    log: list[dict[str, float]] = []

    def note(epoch: int, loss: float, head: Head) -> None:
        scores = head.scores(found.validation.features[:, 0])
        line = {"epoch": epoch, "loss": round(loss, 5)}
        log.append(line | ranking_figures(scores, truth))

    head = train_head(found.training, start, config, note)
    scores = head.scores(found.validation.features[:, 0])
    chance = np.random.default_rng(config.seed)
    few = prototypes(
        found.training.features, found.training.labels, head.names, config.shots, chance
    )
    cosines = cosines_to(few, found.validation.features[:, 0])
    calibration = calibrate(scores, truth, cosines, config.told_right)
    report = {
        "photos": {
            "labelled": int((found.training.labels != "").sum()),
            "unlabelled": int((found.training.labels == "").sum()),
            "validation": len(found.validation),
        },
        "breeds": len(found.names),
        "start": ranking_figures(start.scores(found.validation.features[:, 0]), truth),
        "cross_validated": cross_validated(found, config),
        **validation_figures(head, calibration, found.validation),
        "few_shot": measure_few_shot(
            found.training.only(~found.pseudo),
            found.validation,
            found.names,
            lambda photos, names: train_head(photos, start_head(photos, names, found.rows), config),
            config,
        ),
        "calibration": dataclasses.asdict(calibration),
    }
    save(head, calibration, found.validation, spec, out / WEIGHTS_NAME)
    (out / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    write_validation(found.validation, data, out / "validation.csv")
    return report


def read_data(
    config: BreedsConfig, data: Path, out: Path, spec: ModelSpec, pseudo: Path | None = None
) -> DataSet:
    """The split of the configuration, with features.

    Photos to learn from that are, or look like, one to measure on are left out and counted; a
    pseudo-label for such a photo raises DataError.
    """
    rows = teacher_rows(data / config.teacher) if config.teacher else None
    training, validation = split(config.sources, data)
    kept = [sample for source, samples in validation if source.labelled for sample in samples]
    if not kept:
        raise DataError("No labelled photo is held out. Give a labelled source 'held_out'.")
    folder = out / "features"
    labels = [slug_of(sample.label) for sample in kept]
    measured = gather(kept, labels, spec, config, data, folder)
    held = HeldOut(measured.digests, measured.looks)
    samples, labels = _drawn(training, config.seed)
    known: set[Path] = set()
    if pseudo is not None:
        added, given = _pseudo_labelled(pseudo, data)
        refuse_held_out(gather(added, given, spec, config, data, folder), held)
        known = {sample.path for sample in added}
        rest = [row for row in zip(samples, labels, strict=True) if row[0].path not in known]
        samples, labels = [s for s, _ in rest] + added, [label for _, label in rest] + given
    photos = gather(samples, labels, spec, config, data, folder)
    same = held.holds(photos.digests, photos.looks)
    if same.any():
        print(f"left out {same.sum()} photos that are, or look like, photos of the validation set")
    photos = photos.only(~same)
    guessed = np.isin([str(path) for path in photos.paths], [str(path) for path in known])
    names = sorted({str(label) for label in photos.labels if label} | set(photos.taught))
    known_breed = np.isin(measured.labels, names)
    if not known_breed.any():
        raise DataError("No photo that is held out is of a breed that is learnt. Add photos.")
    if not known_breed.all():
        absent = sorted(set(measured.labels[~known_breed]))
        print(f"not measured, for want of photos to learn from: {', '.join(absent)}")
    return DataSet(photos, guessed, measured.only(known_breed), tuple(names), rows)


def cross_validated(found: DataSet, config: BreedsConfig) -> dict[str, float]:
    """log_loss (at its best temperature), top1 and top5 over five folds of the labelled photos.

    Folds are by the hash of a photo's name. Breeds in no other fold are left to the teacher;
    pseudo-labels are learnt from in every fold and measured in none.
    """
    photos = found.training
    folds = np.array([_fold(path.name) for path in photos.paths])
    labelled = (photos.labels != "") & ~found.pseudo
    scores, truth = [], []
    for fold in range(_FOLDS):
        asked = labelled & (folds == fold)
        rest = photos.only(~asked)
        if not asked.any():
            continue
        head = train_head(rest, start_head(rest, found.names, found.rows), config)
        scores.append(head.scores(photos.features[asked, 0]))
        truth.append(places_of(photos.labels[asked], found.names))
    every, right = np.concatenate(scores), np.concatenate(truth)
    return {"log_loss": round(log_loss(every, right), 5), **ranking_figures(every, right)}


def refuse_held_out(photos: Photos, held: HeldOut) -> None:
    """Raises DataError where one of the photos is held out for validation, naming the first."""
    same = held.holds(photos.digests, photos.looks)
    if same.any():
        first = photos.paths[int(np.flatnonzero(same)[0])].name
        raise DataError(
            f"{same.sum()} pseudo-labelled photos belong to the validation set, {first} first. "
            "Make the labels again with `python -m ml pseudo-label`, which leaves them out.",
            code="validation_leak",
        )


def places_of(labels: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The row of the head for each slug, all of them known."""
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[str(label)] for label in labels])


def ranking_figures(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """top1 and top5, 0 to 1, of scores (n, K) against right places (n,)."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :5] == truth[:, None]
    return {
        "top1": round(float(order[:, 0].mean()), 5),
        "top5": round(float(order.any(1).mean()), 5),
    }


def validation_figures(head: Head, calibration: Calibration, validation: Photos) -> dict[str, Any]:
    """What `python -m ml evaluate breeds` measures, and what is told of dogs of unknown breeds.

    `unknown_told`: the share of the same photos that would be told a breed if their own breed were
    not known to the classifier.
    """
    classifier = BreedClassifier(head.names, head.weight, head.bias, calibration)
    scores = head.scores(validation.features[:, 0])
    guesses = classifier.classify(validation.features[:, 0])
    truth = places_of(validation.labels, head.names)
    outside = classifier.of_scores(struck_out(scores, truth))
    figures = figures_of([str(label) for label in validation.labels], guesses)
    unknown_told = float(np.mean([guess.slug is not None for guess in outside]))
    return {
        "n": figures["n"],
        **ranking_figures(scores, truth),
        "macro": figures["macro"],
        **told_figures([str(label) for label in validation.labels], guesses),
        "unknown_told": round(unknown_told, 4),
    }


def save(
    head: Head, calibration: Calibration, validation: Photos, spec: ModelSpec, path: Path
) -> None:
    """float16 weights that describe themselves, and the hashes of what they were measured on."""
    told = {
        "architecture": "linear",
        "size": spec.embedder.size,
        "mean": spec.embedder.mean,
        "std": spec.embedder.std,
        "options": {"embedder": spec.embedder.sha256, **dataclasses.asdict(calibration)},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "weight": head.weight.astype(np.float16),
            "bias": head.bias.astype(np.float16),
            "held_out_digests": validation.digests,
            "held_out_looks": validation.looks,
        },
        path,
        metadata={METADATA: json.dumps(told), NAMES: json.dumps(head.names)},
    )


def write_validation(validation: Photos, data: Path, path: Path) -> None:
    """A table for `python -m ml evaluate breeds --images DATA`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "label"))
        for photo, label in zip(validation.paths, validation.labels, strict=True):
            writer.writerow((photo.relative_to(data).as_posix(), label))


def _fold(name: str) -> int:
    return hashlib.sha256(name.encode()).digest()[-1] % _FOLDS


def draw_curves(log: Path, path: Path) -> None:
    """Loss, and top-1 and top-5 on the validation photos, over the epochs of a `log.jsonl`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    epochs = [line["epoch"] + 1 for line in lines]
    left.plot(epochs, [line["loss"] for line in lines], color="#7a3b8f")
    left.set(xlabel="epoch", ylabel="training loss", xticks=epochs[4::5])
    for key, word in (("top1", "top-1"), ("top5", "top-5")):
        right.plot(epochs, [line[key] for line in lines], label=word)
    right.set(xlabel="epoch", ylabel="share of validation photos", xticks=epochs[4::5])
    right.legend()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _drawn(
    training: Sequence[tuple[Source, list[Sample]]], seed: int
) -> tuple[list[Sample], list[str]]:
    """Each source's share, drawn once, with slugs where the source is labelled."""
    samples: list[Sample] = []
    labels: list[str] = []
    for source, listed in training:
        count = min(len(listed), round(source.share * len(listed)))
        chosen = sorted(random.Random(seed).sample(listed, count), key=lambda s: s.path)
        samples += chosen
        labels += [slug_of(s.label) if source.labelled else "" for s in chosen]
    return samples, labels


def _pseudo_labelled(path: Path, data: Path) -> tuple[list[Sample], list[str]]:
    rows = read_table(path, ("file", "label"))
    files = [data / row["file"] for row in rows]
    absent = next((file for file in files if not file.is_file()), None)
    if absent is not None:
        raise DataError(f"There is no photo {absent}. Label photos that lie below --data.")
    samples = [Sample(file, "dog", "", file.name, "photo") for file in files]
    return samples, [slug_of(row["label"]) for row in rows]
