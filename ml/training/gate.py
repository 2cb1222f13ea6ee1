"""Training of the gate: a head on a published network, on features computed once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from ml.errors import DataError
from ml.networks.backbone import load_pretrained, own_normalisation, save_weights
from ml.networks.gate import GateNetwork
from ml.networks.subject import KINDS
from ml.runtime import Network, compile_network
from ml.subject import softmax
from ml.training.config import config_hash
from ml.training.data import Listed, Sample, Source, epoch, picture, split
from ml.training.loop import Metrics, Schedule, fit, seed_everything
from ml.training.sides import hash_of
from ml.training.subject import DOG, SubjectViews, squashed

_BATCH = 32

# What hardly varies in training must not count for much where it does.
_LEAST_DEVIATION = 0.02

# Settings that change what is seen of a photo, and of which.
_OF_THE_FEATURES = ("sources", "architecture", "pretrained", "size", "views", "seed")


@dataclass(frozen=True)
class GateConfig:
    """Settings of one run. Only a head learns, on what the network `architecture`, whose weights
    are in `pretrained`, sees of each photo as it is and of `views` random views of it.

    The threshold is chosen: at most `refused_at_most` of the held-out dogs in the sources
    `threshold_on` are refused. `ask_from` and `ask_below` (see `ml.subject.Gate`) are no part of
    the training; they go into the spec.
    """

    sources: tuple[Source, ...] = field(default_factory=tuple)
    architecture: str = "tf_efficientnet_lite2"
    pretrained: str = ""
    size: int = 224
    views: int = 2
    epochs: int = 8
    batch: int = 128
    rate: float = 1e-3
    weight_decay: float = 0.05
    patience: int = 8
    refused_at_most: float = 0.005
    threshold_on: tuple[str, ...] = ()
    ask_from: float = 0.05
    ask_below: float = 0.97
    seed: int = 0
    workers: int = 1
    threads: int = 0


def train_gate(config: GateConfig, data: Path, out: Path) -> Metrics:
    """Train below `out`, resuming what is there; leaves `out/gate.safetensors`.

    One half of the held-out photos chooses epoch and threshold; the figures given, see `figures`,
    are those of the other half, as if the gate were asked about every photo.
    """
    seed_everything(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    module = GateNetwork(config.architecture)
    if config.pretrained:
        load_pretrained(module.backbone, data / config.pretrained)
    module.eval()
    head = module.head
    training, validation = split(config.sources, data)
    reader = compile_network(
        lambda: _Reader(module),
        np.zeros((1, config.size, config.size, 3), np.uint8),
        threads=config.threads or None,
    )
    seen, kinds = _seen_in_training(config, training, reader, out)
    held = [sample for _, samples in validation for sample in samples]
    held_seen = _read(AsTheyAre(held, config.size), config, reader, out / "seen-held-out")
    held_kinds = kinds_of(held)
    chosen_on = np.array([hash_of(f"chosen on {sample.group}") < 0.5 for sample in held])

    mean, deviation = seen.mean(0), seen.std(0).clamp(min=_LEAST_DEVIATION)
    seen, held_seen = (seen - mean) / deviation, (held_seen - mean) / deviation

    def batches(number: int, first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = np.random.default_rng((config.seed, number)).permutation(len(seen))
        for start in range(first * config.batch, len(seen) - config.batch + 1, config.batch):
            rows = torch.from_numpy(order[start : start + config.batch])
            yield seen[rows], kinds[rows]

    def loss_of(batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        features, wanted = batch
        return F.cross_entropy(head(features), wanted, label_smoothing=0.03)

    def validate() -> Metrics:
        with torch.inference_mode():
            losses = F.cross_entropy(head(held_seen), held_kinds, reduction="none").numpy()
        dogs = held_kinds.numpy() == DOG
        parts = [losses[chosen_on & dogs].mean(), losses[chosen_on & ~dogs].mean()]
        return {"score": -float(np.mean(parts))}

    fit(
        head,
        torch.optim.AdamW(head.parameters(), config.rate, weight_decay=config.weight_decay),
        Schedule(config.epochs, len(seen) // config.batch, patience=config.patience),
        batches=batches,
        loss_of=loss_of,
        validate=validate,
        out=out,
        fingerprint=config_hash(config),
        seed=config.seed,
    )
    with torch.inference_mode():
        chances = softmax(head(held_seen).numpy())
    certain = [
        source.images in config.threshold_on and sample.kind == "dog"
        for source, samples in validation
        for sample in samples
    ]
    at_least = choose_threshold(chances[chosen_on & certain, DOG], config.refused_at_most)
    undo_scaling(head[0], mean, deviation)  # type: ignore[arg-type]
    mean_of_pixels, std_of_pixels = own_normalisation(module.backbone)
    save_weights(
        module,
        out / "gate.safetensors",
        architecture=config.architecture,
        size=(config.size, config.size),
        options={
            "dog_at_least": at_least,
            "ask_from": config.ask_from,
            "ask_below": config.ask_below,
        },
        mean=mean_of_pixels,
        std=std_of_pixels,
    )
    told = figures(chances[~chosen_on], held_kinds.numpy()[~chosen_on], at_least)
    return {"dog_at_least": at_least, **told}


def choose_threshold(chances: np.ndarray, refused_at_most: float) -> float:
    """The highest of 0.30, 0.35 … 0.70 that at most this share of dogs' chances (n,) is below.

    The lowest where none is: a threshold further down would let all else pass. Raises DataError
    without a dog.
    """
    if not len(chances):
        raise DataError(
            "There is no held-out dog to choose the threshold by. Name sources that hold out dogs "
            "in 'threshold_on'."
        )
    steps = np.arange(30, 71, 5) / 100
    good = [step for step in steps if (chances < step).mean() <= refused_at_most]
    return float(max(good, default=steps[0]))


def figures(chances: np.ndarray, kinds: np.ndarray, at_least: float) -> Metrics:
    """Of chances (n, 4) and kinds (n,): what `python -m ml evaluate subject` would say.

    `accuracy` is that of dog, person and other, a cat being other.
    """
    told = np.where(chances[:, DOG] >= at_least, DOG, 1 + chances[:, 1:].argmax(1))
    cat, other = KINDS.index("cat"), KINDS.index("other")
    told, kinds = (np.where(k == cat, other, k) for k in (told, kinds))
    dogs = kinds == DOG
    return {
        "accuracy": float((told == kinds).mean()),
        "dogs_refused": float((told[dogs] != DOG).mean()),
        "others_passed": float((told[~dogs] == DOG).mean()),
    }


def undo_scaling(layer: nn.Linear, mean: torch.Tensor, deviation: torch.Tensor) -> None:
    """Make a layer trained on (x - mean) / deviation give the same on x."""
    with torch.no_grad():
        layer.weight.div_(deviation)
        layer.bias.sub_(layer.weight @ mean)


def _seen_in_training(
    config: GateConfig, training: Listed, reader: Network, out: Path
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, C) and kinds (n,) of one epoch's photos as they are, then of random views."""
    backgrounds = [s.path for source, kept in training if source.kind == "other" for s in kept]
    seen, kinds = [], []
    for number in range(1 + config.views):
        samples = epoch(training, config.seed, number)
        views: Dataset[Any] = AsTheyAre(samples, config.size)
        if number:
            seed = config.seed + 1000 * number
            views = SubjectViews(samples, config.size, backgrounds, seed)
        seen.append(_read(views, config, reader, out / f"seen-{number}"))
        kinds.append(kinds_of(samples))
    return torch.cat(seen), torch.cat(kinds)


def _read(views: Dataset[Any], config: GateConfig, reader: Network, place: Path) -> torch.Tensor:
    """Features (n, C) float32 of views, from a file beside `place` where it holds them already."""
    told = {name: getattr(config, name) for name in _OF_THE_FEATURES}
    digest = hashlib.sha256(repr(told).encode()).hexdigest()
    path = place.with_name(f"{place.name}-{digest[:16]}.npy")
    if not path.is_file():
        loader = DataLoader(views, _BATCH, num_workers=config.workers)
        read = [
            reader(batch[0].numpy())[0].astype(np.float16)
            for batch in tqdm(loader, place.name, mininterval=5)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".tmp")
        with fresh.open("wb") as file:
            np.save(file, np.concatenate(read))
        fresh.replace(path)
    return torch.from_numpy(np.load(path).astype(np.float32))


def kinds_of(samples: Sequence[Sample]) -> torch.Tensor:
    """Places in KINDS, (n,)."""
    return torch.tensor([KINDS.index(sample.kind) for sample in samples])


class AsTheyAre(Dataset[tuple[torch.Tensor, int]]):
    """Photos as the product sees them: pixels uint8 (size, size, 3), and the kind."""

    def __init__(self, samples: Sequence[Sample], size: int) -> None:
        self.samples = samples
        self.size = size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        sample = self.samples[place]
        pixels, _ = squashed(picture(sample), None, self.size)
        return torch.from_numpy(pixels), KINDS.index(sample.kind)


class _Reader(nn.Module):
    """The features as a tuple, which every compiled network gives."""

    def __init__(self, network: GateNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.network.features(pixels),)
