"""Training of the embedder: contrast between views and labels, and holding on to a teacher."""

import functools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ml.errors import DataError
from ml.evaluation.measures import retrieval
from ml.networks.backbone import load_pretrained, save_weights
from ml.networks.embedder import EmbedderNetwork, Pool, ProjectionHead
from ml.runtime import Network, compile_network
from ml.subject import SubjectFinder, squash
from ml.training import augment
from ml.training.config import config_hash
from ml.training.crops import cut_files
from ml.training.data import Sample, Source, split
from ml.training.loop import Metrics, Schedule, fit, seed_everything
from ml.training.losses import nt_xent, relational_distillation, supervised_contrastive
from ml.training.subject import freeze


@dataclass(frozen=True)
class EmbedderConfig:
    """Settings of one run; the defaults are SimCLR's as the product was first specified.

    `frozen_blocks` of the backbone stay as they are; with all of them frozen, `views` views of each
    photo are passed through once and only the head is trained, in minutes. `positives` is "views"
    (NT-Xent: two views of one photo belong together) or "labels" (all photos of one label do as
    well); `labelled_share` of each batch are labelled photos. `contrast` and `distil` weigh that
    loss and holding on to the likenesses of the start backbone at `teacher_sizes`. With `principal`
    the head starts as the projection on the principal directions of the features. `jitter` is the
    strength of colour changes: coat colour is part of likeness.
    """

    sources: tuple[Source, ...] = field(default_factory=tuple)
    architecture: str = "vit_tiny_patch16_224"
    size: int = 224
    pool: Pool = "cls"
    dimension: int = 128
    pretrained: str = ""
    frozen_blocks: int = 0
    views: int = 4
    positives: Literal["views", "labels"] = "views"
    labelled_share: float = 0.0
    principal: bool = False
    contrast: float = 1.0
    distil: float = 0.0
    teacher_sizes: tuple[int, ...] = (224,)
    temperature: float = 0.07
    jitter: float = 0.4
    epochs: int = 40
    batch: int = 64
    accumulate: int = 1
    rate: float = 3e-4
    backbone_rate: float = 3e-5
    weight_decay: float = 1e-6
    patience: int = 8
    seed: int = 0
    workers: int = 1
    threads: int = 0


@dataclass(frozen=True, eq=False)
class Crops:
    """Crop files, the label of each (-1: none) and its source's name."""

    paths: list[Path]
    labels: np.ndarray
    sources: list[str]

    def __len__(self) -> int:
        return len(self.paths)


def train_embedder(
    config: EmbedderConfig, data: Path, out: Path, finder: SubjectFinder, margin: float
) -> Metrics:
    """Train below `out`, resuming what is there; leaves `out/embedder.safetensors`.

    `finder` and `margin` cut the photos as the product will.
    """
    seed_everything(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    training, validation = split(config.sources, data)
    cut = functools.partial(cut_files, finder=finder, margin=margin, folder=out / "crops")
    training = [(source, _share(source, samples, config.seed)) for source, samples in training]
    validation = [(source, samples) for source, samples in validation if source.labelled]
    used, kept = _crops(training, cut), _crops(validation, cut)
    if len(used) < config.batch or not (kept.labels >= 0).any():
        raise DataError(
            "There are too few photos of dogs to train on, or no labelled ones are held out. "
            "Add photos or lower the batch size."
        )
    module = EmbedderNetwork(
        config.architecture, (config.size, config.size), config.dimension, config.pool
    )
    if config.pretrained:
        load_pretrained(module.backbone, data / config.pretrained)
    frozen = config.frozen_blocks >= len(module.backbone.blocks)  # type: ignore[arg-type]
    if frozen:
        module.backbone.requires_grad_(False)
    else:
        freeze(module.backbone, config.frozen_blocks)
    teacher = _teacher(config, used, data, out) if config.distil else None
    views = clean = None
    if frozen:
        network = _feature_network(module, config.size, config.threads)
        views = _cached_views(network, used, config, out)
        clean = _clean_features(network, kept.paths, config.size)
    if config.principal:
        if views is None:
            raise DataError("'principal' needs a frozen backbone. Freeze all of its blocks.")
        start_as_projection(module.head, torch.from_numpy(views[:, 0].astype(np.float32)))
    groups = [
        {"params": list(module.head.parameters()), "lr": config.rate},
        {
            "params": [p for p in module.backbone.parameters() if p.requires_grad],
            "lr": config.backbone_rate,
        },
    ]
    optimiser = torch.optim.AdamW(
        [group for group in groups if group["params"]], weight_decay=config.weight_decay
    )

    def batches(epoch: int) -> Iterator[tuple[torch.Tensor, ...]]:
        seed = config.seed + 1000 * epoch
        order, partners = pairs(used.labels, config.positives, seed, config.labelled_share)
        if views is None:
            yield from DataLoader(
                PixelPairs(used, order, partners, config, seed),
                config.batch,
                num_workers=config.workers,
                drop_last=True,
            )
            return
        chance = np.random.default_rng(seed)
        for start in range(0, len(order) - config.batch + 1, config.batch):
            rows, others = (x[start : start + config.batch] for x in (order, partners))
            picked = [chance.integers(0, views.shape[1], config.batch) for _ in range(2)]
            yield (
                torch.from_numpy(views[rows, picked[0]].astype(np.float32)),
                torch.from_numpy(views[others, picked[1]].astype(np.float32)),
                torch.from_numpy(rows),
                torch.from_numpy(others),
            )

    def vectors_of(batch: torch.Tensor) -> torch.Tensor:
        if frozen:
            return F.normalize(module.head(batch), dim=1)
        with torch.autocast("cpu", torch.bfloat16):
            features = module.features(batch)
        return F.normalize(module.head(features.float()), dim=1)

    def loss_of(batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        first, second, rows, others = batch
        one, two = vectors_of(first), vectors_of(second)
        loss = config.contrast * contrast(one, two, used.labels, rows, config)
        if teacher is not None:
            held = relational_distillation(one, teacher[rows])
            loss = loss + config.distil / 2 * (held + relational_distillation(two, teacher[others]))
        return loss

    best = fit(
        module,
        optimiser,
        Schedule(config.epochs, len(used) // config.batch, patience=config.patience),
        batches=batches,
        loss_of=loss_of,
        validate=lambda: measure(module, kept, clean, config),
        out=out,
        fingerprint=config_hash(config),
        accumulate=config.accumulate,
    )
    save_weights(
        module,
        out / "embedder.safetensors",
        architecture=config.architecture,
        size=(config.size, config.size),
        options={"dimension": config.dimension, "pool": config.pool},
    )
    return best


def contrast(
    one: torch.Tensor,
    two: torch.Tensor,
    labels: np.ndarray,
    rows: torch.Tensor,
    config: EmbedderConfig,
) -> torch.Tensor:
    """The contrastive loss of a batch of pairs; an unlabelled photo is a label of its own."""
    if config.positives == "views":
        return nt_xent(one, two, config.temperature)
    own = torch.from_numpy(labels)[rows]
    own = torch.where(own < 0, rows + int(labels.max()) + 1, own)
    return supervised_contrastive(torch.cat([one, two]), torch.cat([own, own]), config.temperature)


def start_as_projection(head: ProjectionHead, features: torch.Tensor) -> None:
    """Make the head project features (n, C) on their principal directions, without centring.

    The first layer passes them on, lifted above zero so that the ReLU leaves nearly all as they
    are; the second lowers and projects them.
    """
    first, second = head.layers[0], head.layers[2]
    assert isinstance(first, torch.nn.Linear)
    assert isinstance(second, torch.nn.Linear)
    lift = 2 * float(features.std())
    directions = torch.linalg.svd(features, full_matrices=False).Vh[: second.weight.shape[0]]
    with torch.no_grad():
        first.weight.copy_(torch.eye(features.shape[1]))
        first.bias.fill_(lift)
        second.weight.copy_(directions)
        second.bias.copy_(-lift * directions.sum(1))


def pairs(
    labels: np.ndarray,
    positives: Literal["views", "labels"],
    seed: int,
    labelled_share: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Every row once in random order, and its partner: itself, or half the time its label's.

    A random `labelled_share` of the places goes to rows drawn from the labelled ones instead.
    """
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(labels))
    known = np.flatnonzero(labels >= 0)
    if labelled_share and len(known):
        places = chance.random(len(order)) < labelled_share
        order[places] = chance.choice(known, places.sum())
    partners = order.copy()
    if positives == "labels":
        members = {label: np.flatnonzero(labels == label) for label in np.unique(labels)}
        for place, row in enumerate(order):
            if labels[row] >= 0 and chance.random() < 0.5:
                partners[place] = chance.choice(members[labels[row]])
    return order, partners


def augmented(image: Image.Image, chance: random.Random, config: EmbedderConfig) -> np.ndarray:
    """A mild view (strong rotation and blur hurt): part, mirror, colours; (size, size, 3) uint8."""
    image = augment.random_part(image, chance, 0.8)
    if chance.random() < 0.5:
        image, _ = augment.mirrored(image, None)
    if config.jitter and chance.random() < 0.8:
        image = augment.colour_jitter(image, chance, config.jitter)
    size = (config.size, config.size)
    return np.array(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


class PixelPairs(Dataset[tuple[Any, ...]]):
    """Pairs of views as pixels, with the rows they come from."""

    def __init__(
        self, crops: Crops, rows: np.ndarray, others: np.ndarray, config: EmbedderConfig, seed: int
    ) -> None:
        self.crops, self.rows, self.others = crops, rows, others
        self.config, self.seed = config, seed

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> tuple[Any, ...]:
        chance = random.Random(f"{self.seed}/{place}")
        rows = int(self.rows[place]), int(self.others[place])
        views = [
            torch.from_numpy(augmented(_opened(self.crops.paths[row]), chance, self.config))
            for row in rows
        ]
        return (*views, *rows)


def measure(
    module: EmbedderNetwork, crops: Crops, clean: torch.Tensor | None, config: EmbedderConfig
) -> Metrics:
    """Retrieval among held-out labels of each labelled source; `score` is the mean of their r1."""
    if clean is None:
        clean = _clean_features(
            _feature_network(module, config.size, config.threads), crops.paths, config.size
        )
    with torch.inference_mode():
        vectors = F.normalize(module.head(clean), dim=1).numpy()
    metrics: Metrics = {}
    for source in dict.fromkeys(crops.sources):
        rows = [i for i, s in enumerate(crops.sources) if s == source and crops.labels[i] >= 0]
        if rows:
            found = retrieval(vectors[rows], [str(crops.labels[i]) for i in rows])
            metrics |= {f"{source}/{key}": found[key] for key in ("r1", "r5")}
    metrics["score"] = float(np.mean([v for k, v in metrics.items() if k.endswith("/r1")]))
    return metrics


def _share(source: Source, samples: list[Sample], seed: int) -> list[Sample]:
    """The source's share, drawn once: a crop that is cut should be used in every epoch."""
    count = min(len(samples), round(source.share * len(samples)))
    return sorted(random.Random(seed).sample(samples, count), key=lambda sample: sample.path)


def _crops(
    listed: Sequence[tuple[Source, list[Sample]]],
    cut: Callable[[list[Sample]], list[Path | None]],
) -> Crops:
    flat = [(source, sample) for source, samples in listed for sample in samples]
    paths = cut([sample for _, sample in flat])
    names = sorted({f"{source.images}/{s.label}" for source, s in flat if source.labelled})
    places = {name: place for place, name in enumerate(names)}
    known = [(path, source, s) for path, (source, s) in zip(paths, flat, strict=True) if path]
    return Crops(
        [path for path, _, _ in known],
        np.array([places.get(f"{source.images}/{s.label}", -1) for _, source, s in known]),
        [Path(source.images).name for _, source, _ in known],
    )


def _teacher(config: EmbedderConfig, crops: Crops, data: Path, out: Path) -> torch.Tensor:
    """The start backbone's class tokens at each teacher size, each of length 1, side by side."""
    parts = []
    for size in config.teacher_sizes:
        stored = out / f"teacher-{size}.npy"
        if not stored.is_file():
            module = EmbedderNetwork(config.architecture, (size, size), pool="cls")
            if config.pretrained:
                load_pretrained(module.backbone, data / config.pretrained)
            network = _feature_network(module, size, config.threads)
            np.save(stored, _clean_features(network, crops.paths, size).numpy())
        parts.append(F.normalize(torch.from_numpy(np.load(stored)), dim=1))
    return F.normalize(torch.cat(parts, 1), dim=1)


def _cached_views(network: Network, crops: Crops, config: EmbedderConfig, out: Path) -> np.ndarray:
    """Features (n, 1 + views, C) float16 of the crop itself and of random views.

    Computed once and kept below `out`.
    """
    stored = out / "views.npy"
    if not stored.is_file():
        rows = np.arange(len(crops))
        clean = _clean_features(network, crops.paths, config.size).numpy().astype(np.float16)
        parts: list[list[np.ndarray]] = [[clean]]
        for number in range(0, config.views, 2):
            pixels = PixelPairs(crops, rows, rows, config, seed=config.seed + number)
            loader = DataLoader(pixels, 32, num_workers=config.workers)
            parts += [[], []]
            for first, second, _, _ in tqdm(loader, "views", mininterval=5):
                parts[-2].append(network(first.numpy())[0].astype(np.float16))
                parts[-1].append(network(second.numpy())[0].astype(np.float16))
        np.save(stored, np.stack([np.concatenate(part) for part in parts], 1))
    return np.load(stored)


def _clean_features(network: Network, paths: Sequence[Path], size: int) -> torch.Tensor:
    """Features (n, C) of whole crops without any change."""
    found = []
    for start in range(0, len(paths), 32):
        views = [squash(np.asarray(_opened(p)), (size, size)) for p in paths[start : start + 32]]
        found.append(network(np.stack(views))[0])
    return torch.from_numpy(np.concatenate(found))


class _Features(torch.nn.Module):
    def __init__(self, module: EmbedderNetwork) -> None:
        super().__init__()
        self.module = module

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.module.features(pixels)


def _feature_network(module: EmbedderNetwork, size: int, threads: int) -> Network:
    """The network up to its pooled features, as fast as the product runs it."""
    example = np.zeros((1, size, size, 3), np.uint8)
    return compile_network(lambda: _Features(module), example, threads=threads or None)


def _opened(path: Path) -> Image.Image:
    return Image.open(path).convert("RGB")
