"""What networks make of whole crops, in batches; what is slow is kept for later runs."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from ml.networks.embedder import EmbedderNetwork
from ml.subject import squash
from ml.training.augment import policy
from ml.training.data import file_key
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.photos import Training
from ml.training.embedder.student import build_network, start_classifier, start_network
from ml.training.precision import Precision

_BATCH = 64


def outputs_of(
    run: Callable[[torch.Tensor], torch.Tensor],
    pictures: Callable[[int], np.ndarray],
    count: int,
    precision: Precision,
    told: str = "",
) -> np.ndarray:
    """(count, …) float32: `run` on batches of pictures (H, W, 3) uint8, in order.

    `told` names a progress bar.
    """
    found = []
    starts = range(0, count, _BATCH)
    for start in tqdm(starts, told, mininterval=5, disable=not told):
        pixels = np.stack([pictures(row) for row in range(start, min(start + _BATCH, count))])
        with torch.inference_mode(), precision.autocast():
            answers = run(torch.from_numpy(pixels).to(precision.device))
        found.append(answers.float().cpu().numpy())
    return np.concatenate(found)


def clean_features(
    network: EmbedderNetwork,
    pixels: np.ndarray,
    size: int,
    precision: Precision,
    told: str = "",
) -> np.ndarray:
    """Pooled features (n, C) float32 of whole crops as the product embeds them."""
    network = network.eval().to(precision.device)
    return outputs_of(
        network.features,
        lambda row: squash(pixels[row], (size, size)),
        len(pixels),
        precision,
        told,
    )


def cached_views(
    network: EmbedderNetwork,
    training: Training,
    config: EmbedderConfig,
    data: Path,
    precision: Precision,
    cache: Path,
) -> np.ndarray:
    """Features (n, 1 + views, C) float16 of each crop itself and of random views of it."""
    network = network.eval().to(precision.device)
    view = policy(config.policy, config.size, config.crop_least, config.jitter)

    def seen(number: int) -> np.ndarray:
        if number == 0:
            return clean_features(network, training.pixels, config.size, precision, "features")
        return outputs_of(
            network.features,
            lambda row: view(training.pixels[row], 1000 * row + number),
            len(training.pixels),
            precision,
            f"views {number} of {config.views}",
        )

    def compute() -> np.ndarray:
        return np.stack([seen(number) for number in range(1 + config.views)], 1).astype(np.float16)

    start = file_key(data / config.start) if config.start else ""
    key = [start, config.views, config.policy, config.crop_least, config.jitter]
    return _kept(cache, "views", [*_start_key(config, data, config.size), *key], training, compute)


@dataclass(frozen=True, eq=False)
class StartAnswers:
    """What the start weights make of each crop: features (n, C) and class logits (n, K) float32.

    `logits` are (n, 0) where the configuration does not ask for them.
    """

    features: np.ndarray
    logits: np.ndarray


def start_answers(
    config: EmbedderConfig,
    training: Training,
    data: Path,
    precision: Precision,
    cache: Path,
    size: int,
) -> StartAnswers:
    """Of the pretrained weights at an input `size`; class logits only at the training's own."""
    wants_logits = bool(config.logits) and size == config.size

    def compute() -> np.ndarray:
        network = start_network(config, data, size).eval().to(precision.device)
        classifier = None
        if wants_logits:
            classifier = start_classifier(network, config, data).to(precision.device)

        def run(pixels: torch.Tensor) -> torch.Tensor:
            tokens = network.tokens(pixels)
            features = network.pooled(tokens)
            if classifier is None:
                return features
            return torch.cat([features, classifier(network.own_pooled(tokens))], 1)

        return outputs_of(
            run,
            lambda row: squash(training.pixels[row], (size, size)),
            len(training.pixels),
            precision,
            f"start weights at {size}",
        )

    key = [*_start_key(config, data, size), wants_logits]
    found = _kept(cache, "start", key, training, compute)
    width = build_network(config, size).width
    return StartAnswers(found[:, :width], found[:, width:])


def relational_teacher(answers: Sequence[StartAnswers]) -> torch.Tensor:
    """(n, t) unit rows: the features at each size, each of length 1, side by side."""
    parts = [F.normalize(torch.from_numpy(answer.features), dim=1) for answer in answers]
    return F.normalize(torch.cat(parts, 1), dim=1)


def _start_key(config: EmbedderConfig, data: Path, size: int) -> list[object]:
    weights = file_key(data / config.pretrained) if config.pretrained else ""
    return [config.architecture, weights, config.normalisation, config.pool, size]


def _kept(
    cache: Path,
    kind: str,
    key: list[object],
    training: Training,
    compute: Callable[[], np.ndarray],
) -> np.ndarray:
    """What `compute` gives, kept below `cache` under what decides it: the key and the crops.

    The crops' file is named by finder, margin, and path, size and time of change of every photo.
    """
    crops = Path(str(getattr(training.pixels, "filename", ""))).name
    told = json.dumps([key, crops, training.names])
    stored = cache / f"{kind}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.npy"
    if not stored.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = stored.with_suffix(".tmp")
        with fresh.open("wb") as file:
            np.save(file, compute())
        fresh.replace(stored)
    return np.load(stored)
