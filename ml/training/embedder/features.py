"""What networks make of whole crops, in batches; what is slow is kept for later runs."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ml.networks.embedder import EmbedderNetwork
from ml.subject import squash
from ml.training.augment import policy
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.photos import Training
from ml.training.embedder.student import start_backbone, start_classifier
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

    key = [config.views, config.policy, config.crop_least, config.jitter, config.start]
    return _kept(cache, "views", [*_start_key(config, config.size), *key], training, compute)


def relational_teacher(
    config: EmbedderConfig, training: Training, data: Path, precision: Precision, cache: Path
) -> torch.Tensor:
    """(n, t) unit rows: the start backbone's features at each teacher size, side by side."""
    parts = []
    for size in config.teacher_sizes:

        def compute(size: int = size) -> np.ndarray:
            network = start_backbone(config, data, size)
            return clean_features(network, training.pixels, size, precision, f"teacher {size}")

        found = _kept(cache, "teacher", _start_key(config, size), training, compute)
        parts.append(torch.nn.functional.normalize(torch.from_numpy(found), dim=1))
    return torch.nn.functional.normalize(torch.cat(parts, 1), dim=1)


def logit_teacher(
    config: EmbedderConfig, training: Training, data: Path, precision: Precision, cache: Path
) -> torch.Tensor:
    """(n, K) float16: the start weights' own class logits of each crop."""

    def compute() -> np.ndarray:
        network = start_backbone(config, data).eval().to(precision.device)
        classifier = start_classifier(network, config, data).to(precision.device)
        return outputs_of(
            lambda pixels: classifier(network.own_pooled(network.tokens(pixels))),
            lambda row: squash(training.pixels[row], (config.size, config.size)),
            len(training.pixels),
            precision,
            "teacher's classes",
        ).astype(np.float16)

    return torch.from_numpy(
        _kept(cache, "classes", _start_key(config, config.size), training, compute)
    )


def _start_key(config: EmbedderConfig, size: int) -> list[object]:
    return [config.architecture, config.pretrained, config.normalisation, config.pool, size]


def _kept(
    cache: Path,
    kind: str,
    key: list[object],
    training: Training,
    compute: Callable[[], np.ndarray],
) -> np.ndarray:
    """What `compute` gives, kept below `cache` under what decides it: the key and the photos."""
    told = json.dumps([key, training.names, training.pixels.shape])
    stored = cache / f"{kind}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.npy"
    if not stored.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = stored.with_suffix(".tmp")
        with fresh.open("wb") as file:
            np.save(file, compute())
        fresh.replace(stored)
    return np.load(stored)
