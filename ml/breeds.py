"""Breeds: their names, and which one the dog in a crop looks like.

The classifier reads the features that `Embedder.describe` gives beside the vectors, so it costs a
matrix product and no pass through a network.
"""

import csv
import functools
import json
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from ml.errors import DataError, ModelMismatch, ModelMissing
from ml.spec import WEIGHTS, ModelSpec, weights_file
from ml.subject import Box, crop, softmax

_TABLE = Path(__file__).with_suffix(".csv")
_LIKELY = 5

# The key of a weights file's metadata under which the slugs stand, in the order of its rows.
NAMES = "names"


@dataclass(frozen=True)
class Breed:
    """A breed by its slug, English and Korean name.

    `imagenet` is its place among ImageNet-1k's classes, if it has one; `wider` the slug of the
    breed that it is a variety of: a toy poodle is a poodle.
    """

    slug: str
    english: str
    korean: str
    imagenet: int | None
    wider: str | None


@functools.cache
def breeds() -> Mapping[str, Breed]:
    """The breeds that have names here, by slug: ImageNet's and those that shelters ask for."""
    return {breed.slug: breed for breed, _ in _rows()}


def slug_of(name: str) -> str:
    """The slug of a breed however it is written: n02085620-Chihuahua, Chihuahua, 치와와, chihuahua.

    Of several names with commas between, as ImageNet has them, one must be known. A name that the
    table lacks becomes its own slug: letters and digits in lower case and hyphens.
    """
    bare = re.sub(r"^(\d+-)?n\d{6,8}-", "", name.strip())
    spelt = [_plain(part) for part in (bare, *bare.split(","))]
    return next((_spellings()[part] for part in spelt if part in _spellings()), spelt[0])


@dataclass(frozen=True)
class BreedGuess:
    """What breed a dog looks like: `slug`, or None for mixed or unknown.

    `likely` are up to five slugs and their probabilities, most likely first; `probability` is that
    of the first. Together with what is mixed or unknown the probabilities of all breeds sum to 1.
    """

    slug: str | None
    probability: float
    likely: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Calibration:
    """How scores become probabilities, found on validation photos.

    Scores are divided by `temperature`; `unknown` is the constant score of a dog of no known breed
    (so that low scores everywhere mean unknown, as in Liu et al. 2020, energy-based
    out-of-distribution detection); a breed is told from probability `told_from` on. A breed added
    from a few photos scores `added_slope` × cosine to their mean + `added_offset`.
    """

    temperature: float
    unknown: float
    told_from: float
    added_slope: float
    added_offset: float


class BreedClassifier:
    """A linear layer on the embedder's features, and breeds added from a few photos.

    `names` are K slugs, `weight` (K, C), `bias` (K,); `added` slugs and prototypes (C,), length 1.
    """

    def __init__(
        self,
        names: Sequence[str],
        weight: np.ndarray,
        bias: np.ndarray,
        calibration: Calibration,
        added: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._added = dict(added or {})
        self.names = (*names, *self._added)
        self._weight = weight.astype(np.float32)
        self._bias = bias.astype(np.float32)
        self._calibration = calibration
        for slug, prototype in self._added.items():
            if prototype.shape != (self.width,) or not np.isfinite(prototype).all():
                raise ModelMismatch(
                    f"The added breed {slug} belongs to another embedder. "
                    "Add it again from its photos: python -m ml breeds add."
                )

    @classmethod
    def load(
        cls, spec: ModelSpec, *, directory: Path = WEIGHTS, added: Path | None = None
    ) -> "BreedClassifier":
        """The classifier of a spec with the breeds added in the folder `added`, or else beside it.

        Raises ModelMissing where the spec has none or its file is absent, ModelMismatch where it
        was trained on the features of another embedder.
        """
        if spec.breeds is None:
            raise ModelMissing(
                f"The model '{spec.name}' has no breed classifier. "
                "Train one with `python -m ml train breeds` and release it."
            )
        options = dict(spec.breeds.options)
        if options.pop("embedder") != spec.embedder.sha256:
            raise ModelMismatch(
                "The breed classifier was trained on another embedder. "
                "Train it again with `python -m ml train breeds` and release it."
            )
        path = weights_file(spec.breeds, directory)
        with safe_open(path, framework="numpy") as file:
            names = json.loads(file.metadata()[NAMES])
            weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
        return cls(
            names,
            weight,
            bias,
            Calibration(**options),
            read_added(added_file(spec, added or directory)),
        )

    @property
    def width(self) -> int:
        """C, the number of features that it reads."""
        return int(self._weight.shape[1])

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, K + added) float32 for features (n, C); in the order of `names`.

        Raises ModelMismatch for features of another width and DataError for some not finite.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ModelMismatch(
                f"The breed classifier reads {self.width} features, not {features.shape[-1]}. "
                "Train it on this embedder with `python -m ml train breeds`."
            )
        if not np.isfinite(features).all():
            raise DataError("The features of a photo are not numbers. Send the photo again.")
        scores = features @ self._weight.T + self._bias
        if not self._added:
            return scores
        length = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        cosines = features / length @ np.stack(list(self._added.values())).T
        known = self._calibration
        return np.hstack([scores, known.added_slope * cosines + known.added_offset])

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(n, K + added); what a row lacks to 1 is the probability of mixed or unknown."""
        return self._calibrated(self.scores(features))

    def classify(self, features: np.ndarray) -> list[BreedGuess]:
        """One guess for each row of features (n, C)."""
        return self.of_scores(self.scores(features)) if len(features) else []

    def of_scores(self, scores: np.ndarray) -> list[BreedGuess]:
        """One guess for each row of scores (n, K + added), of which -inf means impossible."""
        return [self.guess(row) for row in self._calibrated(scores)]

    def guess(self, probabilities: np.ndarray) -> BreedGuess:
        """The guess that a row of probabilities amounts to."""
        order = np.argsort(-probabilities, kind="stable")[:_LIKELY]
        likely = tuple((self.names[place], float(probabilities[place])) for place in order)
        slug, probability = likely[0]
        told = probability >= self._calibration.told_from
        return BreedGuess(slug if told else None, probability, likely)

    def _calibrated(self, scores: np.ndarray) -> np.ndarray:
        return calibrated(scores, self._calibration.temperature, self._calibration.unknown)


def calibrated(scores: np.ndarray, temperature: float, unknown: float) -> np.ndarray:
    """Softmax of scores (n, K) and the constant `unknown`, over the temperature: (n, K)."""
    beside = np.full((len(scores), 1), unknown, scores.dtype)
    return softmax(np.hstack([scores, beside]) / temperature)[:, :-1]


def prototype_of(features: np.ndarray) -> np.ndarray:
    """(C,) float32 of length 1: the mean direction of features (n, C)."""
    directions = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    mean = directions.mean(0)
    return (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)


def views(
    image: np.ndarray, box: Box, margins: Sequence[float], mirror: bool = False
) -> list[np.ndarray]:
    """The dog cut with each margin (share of its box at each side), each also mirrored if asked.

    For test-time augmentation: the features of all of them are averaged.
    """
    found = [crop(image, box, margin) for margin in margins]
    return found + [part[:, ::-1] for part in found] if mirror else found


def whole(image: np.ndarray) -> Box:
    """The box of the whole picture, for a labelled photo in which no dog is found."""
    return 0.0, 0.0, float(image.shape[1]), float(image.shape[0])


def added_file(spec: ModelSpec, folder: Path) -> Path:
    """Where the breeds added for this embedder are: another embedder's stay for its return."""
    return folder / f"breeds-added-{spec.embedder.sha256[:12]}.safetensors"


def read_added(path: Path) -> dict[str, np.ndarray]:
    """Added breeds: slugs and prototypes; none where there is no file."""
    if not path.is_file():
        return {}
    try:
        return dict(sorted(load_file(path).items()))
    except (OSError, SafetensorError) as error:
        raise ModelMismatch(
            f"The added breeds in {path.name} cannot be read. Remove the file and add them again.",
            str(error),
        ) from error


def save_added(path: Path, added: Mapping[str, np.ndarray]) -> None:
    """Write added breeds in one step, so that a process that loads them sees a whole file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    save_file({slug: np.ascontiguousarray(value) for slug, value in added.items()}, fresh)
    os.replace(fresh, path)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", name).lower()).strip("-")


@functools.cache
def _spellings() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for breed, also in _rows():
        for name in (breed.english, breed.korean, *also):
            found[_plain(name)] = breed.slug
    return found


def _rows() -> list[tuple[Breed, list[str]]]:
    with _TABLE.open(newline="", encoding="utf-8") as file:
        return [
            (
                Breed(
                    slug=_plain(row["english"]),
                    english=row["english"],
                    korean=row["korean"],
                    imagenet=int(row["imagenet"]) if row["imagenet"] else None,
                    wider=_plain(row["wider"]) or None,
                ),
                row["also"].split(";") if row["also"] else [],
            )
            for row in csv.DictReader(file)
        ]
