"""Photos to the features that the head learns from, computed once and kept."""

import dataclasses
import functools
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from tqdm import tqdm

from ml.breeds import breeds, whole
from ml.embedder import Embedder
from ml.errors import DataError, ImageRejected, NoSubject
from ml.networks.backbone import Normalise, build_backbone, load_pretrained
from ml.runtime import Network, compile_network
from ml.spec import ModelSpec
from ml.subject import Box, Subject, SubjectFinder, crop, squash
from ml.training import augment
from ml.training.breeds.config import BreedsConfig
from ml.training.breeds.held_out import digest, look
from ml.training.data import Sample, read

_CHUNK = 64
_BATCH = 16
_MAX_SIDE = 640


@dataclass(frozen=True, eq=False)
class Photos:
    """What is known about n photos.

    `labels` are slugs, "" for none; `features` (n, 1 + views, C) float32, the product's own view
    first; `teacher` (n, T) float32, its scores for the breeds `taught`; `digests` (n, 32) and
    `looks` (n, 4) as in `HeldOut`.
    """

    paths: list[Path]
    labels: np.ndarray
    features: np.ndarray
    teacher: np.ndarray
    taught: tuple[str, ...]
    digests: np.ndarray
    looks: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)

    def only(self, kept: np.ndarray) -> "Photos":
        """Those where `kept` (n,) bool is true."""
        arrays = ("labels", "features", "teacher", "digests", "looks")
        return dataclasses.replace(
            self,
            paths=[path for path, keep in zip(self.paths, kept, strict=True) if keep],
            **{name: getattr(self, name)[kept] for name in arrays},
        )


class Teacher(torch.nn.Module):
    """An ImageNet classifier's scores for its dog breeds: uint8 (n, H, W, 3) to (n, T)."""

    def __init__(self, architecture: str, size: int, path: Path) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.backbone = build_backbone(architecture, (size, size))
        load_pretrained(self.backbone, path)
        weight, bias = teacher_rows(path)
        self.rows = torch.nn.Linear(weight.shape[1], weight.shape[0])
        self.rows.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        tokens = self.backbone.forward_features(self.normalise(pixels))  # type: ignore[operator]
        return self.rows(self.backbone.forward_head(tokens, pre_logits=True))  # type: ignore[operator]


def taught_breeds() -> tuple[str, ...]:
    """The breeds among ImageNet's classes, in their order there."""
    return tuple(breed.slug for breed in breeds().values() if breed.imagenet is not None)


def teacher_rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Weight (T, C) and bias (T,) of a timm ImageNet classifier for `taught_breeds`, float32.

    Raises DataError where the file has none.
    """
    places = [breeds()[slug].imagenet for slug in taught_breeds()]
    try:
        with safe_open(path, framework="numpy") as file:
            weight, bias = file.get_tensor("head.weight"), file.get_tensor("head.bias")
            if len(weight) != 1000:
                raise ValueError(f"{len(weight)} classes")
    except Exception as error:  # safetensors raises OSError, its own error or a plain Exception
        raise DataError(
            f"{path} holds no ImageNet classifier of 1,000 classes. Name another as 'teacher', or "
            "leave it empty.",
            str(error),
        ) from error
    return weight[places].astype(np.float32), bias[places].astype(np.float32)


def gather(
    samples: Sequence[Sample],
    labels: Sequence[str],
    spec: ModelSpec,
    config: BreedsConfig,
    data: Path,
    folder: Path,
) -> Photos:
    """Features of all readable photos that show a dog, and of labelled ones where none is found.

    Unreadable photos are named and left out. What was computed of a photo stays below `folder`, so
    that a killed run goes on and a later one with other photos computes only those.
    """
    folder.mkdir(parents=True, exist_ok=True)
    networks = _Networks(spec, config, data)
    rows = list(zip(samples, labels, strict=True))
    stored = [folder / f"{_key(sample, label, spec, config, data)}.npz" for sample, label in rows]
    waiting = [row for row, path in enumerate(stored) if not path.is_file()]
    for start in tqdm(range(0, len(waiting), _CHUNK), "features", mininterval=5):
        part = waiting[start : start + _CHUNK]
        found = _described([rows[row] for row in part], networks, config)
        for row, arrays in zip(part, found, strict=True):
            fresh = stored[row].with_suffix(".tmp")
            with fresh.open("wb") as file:
                np.savez(file, **arrays)
            fresh.replace(stored[row])
    kept, loaded = [], []
    for path, (sample, label) in zip(stored, rows, strict=True):
        with np.load(path) as arrays:
            if arrays.files:
                kept.append((sample.path, label))
                loaded.append(dict(arrays))
    if not kept:
        raise DataError("None of the photos shows a dog. Check --data and the configuration.")
    together = {name: np.stack([arrays[name] for arrays in loaded]) for name in loaded[0]}
    return Photos(
        [path for path, _ in kept],
        np.array([label for _, label in kept]),
        together["features"].astype(np.float32),
        together["teacher"].astype(np.float32),
        taught_breeds() if config.teacher else (),
        together["digests"],
        together["looks"],
    )


class _Networks:
    """The product's networks and the teacher, loaded when a photo first needs them."""

    def __init__(self, spec: ModelSpec, config: BreedsConfig, data: Path) -> None:
        self._spec, self._config, self._data = spec, config, data
        self._threads = config.threads or None
        self.margin = float(spec.subject.options["margin"])

    @functools.cached_property
    def finder(self) -> SubjectFinder:
        return SubjectFinder.load(self._spec, threads=self._threads)

    @functools.cached_property
    def embedder(self) -> Embedder:
        return Embedder.load(self._spec, threads=self._threads)

    @functools.cached_property
    def _teacher(self) -> Network:
        config = self._config
        size = config.teacher_size
        return compile_network(
            lambda: Teacher(config.teacher_architecture, size, self._data / config.teacher),
            np.zeros((1, size, size, 3), np.uint8),
            threads=self._threads,
        )

    def scores(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """The teacher's (n, T), means over crop and mirror image; (n, 0) without a teacher."""
        if not self._config.teacher or not crops:
            return np.zeros((len(crops), 0), np.float32)
        size = self._config.teacher_size
        found = []
        for start in range(0, len(crops), _BATCH):
            pixels = np.stack([squash(c, (size, size)) for c in crops[start : start + _BATCH]])
            found.append((self._teacher(pixels)[0] + self._teacher(pixels[:, :, ::-1])[0]) / 2)
        return np.concatenate(found)


def _key(sample: Sample, label: str, spec: ModelSpec, config: BreedsConfig, data: Path) -> str:
    """Names a photo's features by all that decides them."""
    told = [
        dataclasses.asdict(spec.subject),
        dataclasses.asdict(spec.gate) if spec.gate else None,
        dataclasses.asdict(spec.embedder),
        [config.teacher, config.teacher_architecture, config.teacher_size],
        [config.views, config.margin, config.jitter, config.seed],
        [str(sample.path.relative_to(data)), sample.path.stat().st_size, bool(label)],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


def _described(
    part: Sequence[tuple[Sample, str]], networks: _Networks, config: BreedsConfig
) -> list[dict[str, Any]]:
    """The arrays of each photo; none of one that is left out."""
    found: list[dict[str, Any]] = [{} for _ in part]
    images: dict[int, np.ndarray] = {}
    for place, (sample, _) in enumerate(part):
        try:
            images[place] = read(sample.path, _MAX_SIDE)
        except ImageRejected as error:
            print(f"skipped {sample.path.name}: {error.message}")
    crops: list[np.ndarray] = []
    answers = networks.finder.find(list(images.values()))
    for (place, image), answer in zip(images.items(), answers, strict=True):
        sample, label = part[place]
        if isinstance(answer, NoSubject) and not label:
            continue
        box = answer.box if isinstance(answer, Subject) else whole(image)
        found[place] = {"digests": digest(sample.path.read_bytes()), "looks": look(image)}
        crops.append(crop(image, box, networks.margin))
        chance = random.Random(f"{config.seed}/{sample.path.name}")
        crops += _random_views(image, box, chance, config)
    count = 1 + config.views
    features = networks.embedder.describe(crops)[1].astype(np.float16)
    teacher = networks.scores(crops[::count]).astype(np.float16)
    for row, arrays in enumerate(arrays for arrays in found if arrays):
        arrays["features"] = features[row * count : (row + 1) * count]
        arrays["teacher"] = teacher[row]
    return found


def _random_views(
    image: np.ndarray, box: Box, chance: random.Random, config: BreedsConfig
) -> Iterator[np.ndarray]:
    for _ in range(config.views):
        cut = crop(image, box, chance.uniform(0, config.margin))
        view = augment.random_part(Image.fromarray(np.ascontiguousarray(cut)), chance, 0.8)
        if chance.random() < 0.5:
            view, _ = augment.mirrored(view, None)
        if config.jitter and chance.random() < 0.8:
            view = augment.colour_jitter(view, chance, config.jitter)
        yield np.asarray(view)
