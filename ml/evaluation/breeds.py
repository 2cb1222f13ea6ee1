"""How well breeds are told: `python -m ml evaluate breeds`."""

import argparse
import collections
import itertools
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.breeds import BreedClassifier, BreedGuess, breeds, slug_of, views, whole
from ml.embedder import Embedder
from ml.errors import DataError
from ml.evaluation.tables import print_result, read_images, read_table
from ml.spec import ModelSpec, load_spec
from ml.subject import Box, Subject, SubjectFinder

_BATCH = 16
_PAIRS_TOLD = 12


@dataclass(frozen=True)
class Variant:
    """One way of looking at a dog: margins of the crop, each mirrored as well if `mirror`."""

    margins: tuple[float, ...]
    mirror: bool = False

    @property
    def passes(self) -> int:
        """How often the network runs for a photo."""
        return len(self.margins) * (2 if self.mirror else 1)

    def __str__(self) -> str:
        crops = ", ".join(f"{margin:.0%}" for margin in self.margins)
        return f"crop +{crops}{' and mirrored' if self.mirror else ''}"


class Reader:
    """Photos to breed probabilities with one model."""

    def __init__(self, spec: ModelSpec, added: Path | None = None) -> None:
        self.classifier = BreedClassifier.load(spec, added=added)
        self.margin = float(spec.subject.options["margin"])
        self._finder = SubjectFinder.load(spec)
        self._embedder = Embedder.load(spec)

    def find(self, images: Sequence[np.ndarray]) -> list[Box | None]:
        """The dog's box in each photo, if there is a dog."""
        return [
            found.box if isinstance(found, Subject) else None for found in self._finder.find(images)
        ]

    def features(
        self,
        images: Sequence[np.ndarray],
        boxes: Sequence[Box],
        variant: Variant,
    ) -> np.ndarray:
        """(n, C): the mean over the variant's views."""
        return self.each(images, boxes, variant).mean(1)

    def each(
        self,
        images: Sequence[np.ndarray],
        boxes: Sequence[Box],
        variant: Variant,
    ) -> np.ndarray:
        """(n, views, C)."""
        crops = [
            part
            for image, box in zip(images, boxes, strict=True)
            for part in views(image, box, variant.margins, variant.mirror)
        ]
        found = self._embedder.describe(crops)[1]
        return found.reshape(len(images), variant.passes, -1)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "breeds",
        help="which breed a dog is",
        description="Labels may be written in any way that the breed's table knows: "
        "n02085620-Chihuahua, Chihuahua, 치와와.",
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--labels", type=Path, required=True, help="CSV: file,label")
    parser.add_argument("--model", default="starter")
    parser.add_argument(
        "--with",
        action="append",
        default=[],
        metavar="MODEL",
        dest="others",
        help="average with this model's probabilities; may be repeated",
    )
    parser.add_argument("--added", type=Path, help="folder of breeds added from a few photos")
    parser.add_argument("--margins", type=float, nargs="+", help="crops to average over")
    parser.add_argument("--mirror", action="store_true", help="average over mirrored crops too")
    parser.add_argument(
        "--compare", action="store_true", help="also a table of what such averages cost and bring"
    )
    parser.add_argument(
        "--picture", type=Path, metavar="FILE.png", help="draw the confusion matrix"
    )
    parser.add_argument("--json", action="store_true", help="only the result, no words")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print n, top1, top5, confused, macro and per-breed figures; see `figures_of`."""
    rows = read_table(options.labels, ("file", "label"))
    readers = [Reader(load_spec(name), options.added) for name in (options.model, *options.others)]
    labels, unknown = known_labels(rows, readers)
    if unknown:
        told = ", ".join(f"{label} ({count})" for label, count in unknown.items())
        print(
            f"left out {sum(unknown.values())} photos of breeds that the model does not know: "
            f"{told}",
            file=sys.stderr,
        )
    asked = Variant(tuple(options.margins or (readers[0].margin,)), options.mirror)
    variants = [asked, *_alternatives(readers[0].margin)] if options.compare else [asked]
    variants = list(dict.fromkeys(variants))
    answers = Answers(readers, variants)
    for files, images in _batches(read_images(options.images, labels, max_side=640)):
        answers.add(files, images)
    if not answers.files:
        raise DataError(f"None of the images in {options.images} could be read. Check --images.")
    truth = [labels[file] for file in answers.files]
    guesses = answers.guesses(asked)
    figures = figures_of(truth, guesses) | told_figures(truth, guesses)
    figures["labels_unknown"] = unknown
    if options.compare:
        figures["compared"] = answers.compared(truth)
        if not options.json:
            print_compared(figures["compared"])
    if options.picture is not None:
        draw_confusion(truth, guesses, options.picture)
    print_result(figures)


def known_labels(
    rows: Iterable[Mapping[str, str]], readers: Sequence[Reader]
) -> tuple[dict[str, str], dict[str, int]]:
    """Slug by file where the model knows the breed, and how many rows have each other label.

    Raises DataError where no label is known, or the models know different breeds.
    """
    names = readers[0].classifier.names
    if any(set(reader.classifier.names) != set(names) for reader in readers):
        raise DataError("These models know different breeds, so they cannot be averaged.")
    known = {*names, *(_wider(name) for name in names)}
    labels: dict[str, str] = {}
    unknown: collections.Counter[str] = collections.Counter()
    for row in rows:
        slug = slug_of(row["label"])
        if slug in known:
            labels[row["file"]] = slug
        else:
            unknown[row["label"]] += 1
    if not labels:
        raise DataError(
            f"The model knows none of these breeds: {', '.join(sorted(unknown))}. "
            "Add one from five photos with `python -m ml breeds add`."
        )
    return labels, dict(unknown.most_common())


class Answers:
    """Collects what each variant says, photo by photo, and the time it takes."""

    def __init__(self, readers: Sequence[Reader], variants: Sequence[Variant]) -> None:
        self._readers, self._variants = readers, variants
        self._order = [
            [reader.classifier.names.index(name) for name in readers[0].classifier.names]
            for reader in readers
        ]
        self._found: dict[tuple[int, Variant], list[np.ndarray]] = collections.defaultdict(list)
        self._seconds: dict[tuple[int, Variant], float] = collections.defaultdict(float)
        self.files: list[str] = []

    def add(self, files: Sequence[str], images: Sequence[np.ndarray]) -> None:
        """Look at a batch of photos."""
        self.files += files
        for place, reader in enumerate(self._readers):
            found = reader.find(images)
            boxes = [box or whole(image) for box, image in zip(found, images, strict=True)]
            for variant in self._variants:
                started = time.perf_counter()
                features = reader.features(images, boxes, variant)
                chances = reader.classifier.probabilities(features)[:, self._order[place]]
                self._seconds[place, variant] += time.perf_counter() - started
                self._found[place, variant].append(chances)

    def guesses(self, variant: Variant, models: int | None = None) -> list[BreedGuess]:
        """One for each photo, averaged over the first `models` models."""
        places = range(len(self._readers) if models is None else models)
        chances = np.mean([np.concatenate(self._found[p, variant]) for p in places], 0)
        return [self._readers[0].classifier.guess(row) for row in chances]

    def compared(self, truth: Sequence[str]) -> list[dict[str, Any]]:
        """A row for each variant and number of models; milliseconds are of features and breeds."""
        rows = []
        for models, variant in itertools.product(range(1, len(self._readers) + 1), self._variants):
            figures = figures_of(truth, self.guesses(variant, models))
            seconds = sum(self._seconds[place, variant] for place in range(models))
            rows.append(
                {
                    "views": str(variant),
                    "models": models,
                    "passes": models * variant.passes,
                    "ms": round(1000 * seconds / len(self.files), 1),
                    "top1": round(figures["top1"], 4),
                    "top5": round(figures["top5"], 4),
                }
            )
        return rows


def figures_of(truth: Sequence[str], guesses: Sequence[BreedGuess]) -> dict[str, Any]:
    """n, top1, top5; confused: [true, told, count], most frequent first; macro and per_breed.

    The likeliest breed counts, whether or not it is likely enough to be told. Precision, recall and
    F1 are of each breed that occurs, `macro` their plain means. A variety is right where the label
    is the wider breed: a toy poodle for a poodle.
    """
    ranked = [
        [_as_labelled(slug, label) for slug, _ in guess.likely]
        for label, guess in zip(truth, guesses, strict=True)
    ]
    told = [row[0] for row in ranked]
    pairs = collections.Counter((t, g) for t, g in zip(truth, told, strict=True) if t != g)
    per_breed = {}
    for breed in sorted(set(truth)):
        right = sum(t == g == breed for t, g in zip(truth, told, strict=True))
        count, named = truth.count(breed), told.count(breed)
        per_breed[breed] = {
            "n": count,
            "precision": round(right / named, 4) if named else 0.0,
            "recall": round(right / count, 4),
            "f1": round(2 * right / (count + named), 4),
        }
    return {
        "n": len(truth),
        "top1": float(np.mean([t == g for t, g in zip(truth, told, strict=True)])),
        "top5": float(np.mean([t in row for t, row in zip(truth, ranked, strict=True)])),
        "confused": [
            [*pair, count] for pair, count in sorted(pairs.items(), key=lambda x: (-x[1], x[0]))
        ],
        "macro": {
            key: round(float(np.mean([row[key] for row in per_breed.values()])), 4)
            for key in ("precision", "recall", "f1")
        },
        "per_breed": per_breed,
    }


def told_figures(truth: Sequence[str], guesses: Sequence[BreedGuess]) -> dict[str, float | None]:
    """`told`: the share of photos with a breed and not "mixed or unknown"; `told_right` of them."""
    told = [
        _as_labelled(guess.slug, label) == label
        for label, guess in zip(truth, guesses, strict=True)
        if guess.slug is not None
    ]
    return {
        "told": round(len(told) / len(guesses), 4),
        "told_right": round(float(np.mean(told)), 4) if told else None,
    }


def print_compared(rows: Sequence[Mapping[str, Any]]) -> None:
    """The comparison as a Markdown table."""
    print("| views | models | passes | ms a photo | top-1 | top-5 |\n|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


def draw_confusion(truth: Sequence[str], guesses: Sequence[BreedGuess], path: Path) -> None:
    """The confusion matrix, rows scaled to 1, with the pairs most often confused by name.

    Raises DataError where the picture cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    told = [
        _as_labelled(guess.likely[0][0], label) for label, guess in zip(truth, guesses, strict=True)
    ]
    names = sorted({*truth, *told})
    places = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, ([places[t] for t in truth], [places[t] for t in told]), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(15.0, 4 + 0.11 * len(names))
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(side + 4.5, side), width_ratios=(side, 4.5), layout="constrained"
    )
    left.imshow(shares, cmap="PuRd", vmin=0, vmax=1)
    size = max(4.0, min(9.0, 500 / len(names) / 1.2))
    left.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    left.set_yticks(range(len(names)), names, fontsize=size)
    left.set_xlabel("told")
    left.set_ylabel("labelled")
    right.axis("off")
    figures = figures_of(truth, guesses)
    lines = [
        f"{figures['n']} photos",
        f"top-1 {figures['top1']:.3f}   top-5 {figures['top5']:.3f}",
        f"macro F1 {figures['macro']['f1']:.3f}",
        "",
        "Most often confused",
        "(labelled → told)",
        *(f"{count}  {t} → {g}" for t, g, count in figures["confused"][:_PAIRS_TOLD]),
    ]
    right.text(0, 1, "\n".join(lines), va="top", fontsize=9, linespacing=1.5)
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be written.", str(error)) from error
    finally:
        pyplot.close(figure)


def _alternatives(margin: float) -> list[Variant]:
    one, three = (margin,), (margin, margin + 0.1, margin + 0.25)
    return [Variant(one), Variant(one, True), Variant(three), Variant(three, True)]


def _batches(
    pictures: Iterable[tuple[str, np.ndarray]],
) -> Iterator[tuple[list[str], list[np.ndarray]]]:
    pictures = iter(pictures)
    while batch := list(itertools.islice(pictures, _BATCH)):
        yield [name for name, _ in batch], [image for _, image in batch]


def _as_labelled(slug: str, label: str) -> str:
    """The label, where the slug is a variety of it."""
    return label if _wider(slug) == label else slug


def _wider(slug: str) -> str | None:
    breed = breeds().get(slug)
    return breed.wider if breed else None
