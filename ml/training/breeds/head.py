"""The head itself: a linear layer from features to breeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ml.errors import DataError
from ml.training.breeds.config import BreedsConfig
from ml.training.breeds.features import Photos
from ml.training.loop import Schedule

# Pulls the start towards the teacher's own rows, in shares of the features' mean variance.
_RIDGE = 0.01
# A teacher's rows are a start of their own when they explain this share of its scores.
_CLOSE = 0.5
# Scores of a photo's own breed and of the others where no teacher says what is usual.
_OWN, _OTHER = 8.0, 0.0


@dataclass(frozen=True, eq=False)
class Head:
    """`names` K slugs, `weight` (K, C) and `bias` (K,) float32."""

    names: tuple[str, ...]
    weight: np.ndarray
    bias: np.ndarray

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, K) for features (n, C)."""
        return features @ self.weight.T + self.bias


def start_head(
    photos: Photos, names: Sequence[str], rows: tuple[np.ndarray, np.ndarray] | None
) -> Head:
    """The linear map from features that comes nearest to the teacher's scores (ridge regression).

    Where the features are nearly the teacher's own, its `rows` (T, C) and (T,) are what the
    regression starts from and is held to; otherwise, or without, it starts from nothing. Breeds
    that the teacher does not know get scores from the labels, of the size that the teacher gives.
    """
    features, targets = photos.features[:, 0], _targets(photos, names)
    weight = np.zeros((len(names), features.shape[1]), np.float32)
    if rows is not None and rows[0].shape[1] == features.shape[1]:
        theirs = features @ rows[0].T + rows[1]
        spread = ((photos.teacher - photos.teacher.mean(0)) ** 2).sum()
        if ((photos.teacher - theirs) ** 2).sum() < (1 - _CLOSE) * spread:
            for place, name in enumerate(names):
                if name in photos.taught:
                    weight[place] = rows[0][photos.taught.index(name)]
    middle = features.mean(0)
    apart = features - middle
    left = targets - targets.mean(0) - apart @ weight.T
    squares = apart.T @ apart
    squares += _RIDGE * np.trace(squares) / len(squares) * np.eye(len(squares), dtype=np.float32)
    weight = weight + np.linalg.solve(squares, apart.T @ left).T
    return Head(tuple(names), weight, targets.mean(0) - weight @ middle)


def train_head(
    photos: Photos,
    start: Head,
    config: BreedsConfig,
    after_epoch: Callable[[int, float, Head], None] = lambda epoch, loss, head: None,
) -> Head:
    """AdamW with a cosine schedule from `start`: cross entropy of labels, the teacher on all.

    `after_epoch` gets the epoch, its mean loss and the head. Raises DataError for features, or a
    loss, that are not finite: nothing is written then.
    """
    if not np.isfinite(photos.features).all() or not np.isfinite(photos.teacher).all():
        raise DataError(
            "Some features are not numbers. Train the embedder again, or choose another --model."
        )
    chance = torch.Generator().manual_seed(config.seed)
    mixer = np.random.default_rng(config.seed)
    places = {name: place for place, name in enumerate(start.names)}
    labels = torch.tensor([places.get(str(label), -1) for label in photos.labels])
    labelled = torch.nonzero(labels >= 0)[:, 0]
    if not len(labelled):
        raise DataError("No photo has the label of a breed. Mark a source as labelled.")
    features = torch.from_numpy(photos.features)
    taught = [place for place, name in enumerate(photos.taught) if name in places]
    columns = torch.tensor([places[photos.taught[place]] for place in taught], dtype=torch.long)
    told = torch.from_numpy(photos.teacher[:, taught]).softmax(1)
    counts = torch.bincount(labels[labelled], minlength=len(places)).float()
    weights = counts[labels[labelled]] ** -config.balance
    weight = torch.tensor(start.weight, requires_grad=True)
    bias = torch.tensor(start.bias, requires_grad=True)
    groups: list[dict[str, Any]] = [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=config.rate, weight_decay=config.weight_decay)
    steps = max(1, len(labelled) // config.batch)
    schedule = Schedule(config.epochs, steps)

    def drawn(rows: torch.Tensor) -> torch.Tensor:
        return features[rows, torch.randint(features.shape[1], (len(rows),), generator=chance)]

    head = start
    for epoch in range(config.epochs):
        losses = []
        for step in range(epoch * steps, (epoch + 1) * steps):
            for group in optimiser.param_groups:
                group["lr"] = config.rate * schedule.factor(step)
            rows = labelled[torch.multinomial(weights, config.batch, True, generator=chance)]
            inputs, targets = drawn(rows), F.one_hot(labels[rows], len(places)).float()
            if config.mixing:
                drawn_shares = mixer.beta(config.mixing, config.mixing, (len(rows), 1))
                share = torch.from_numpy(drawn_shares.astype(np.float32))
                order = torch.randperm(len(rows), generator=chance)
                inputs = share * inputs + (1 - share) * inputs[order]
                targets = share * targets + (1 - share) * targets[order]
            loss = F.cross_entropy(
                inputs @ weight.T + bias, targets, label_smoothing=config.smoothing
            )
            if config.distil and taught:
                rows = torch.randint(len(photos), (2 * config.batch,), generator=chance)
                scores = (drawn(rows) @ weight.T + bias)[:, columns]
                loss = loss + config.distil * F.kl_div(
                    scores.log_softmax(1), told[rows], reduction="batchmean"
                )
            if not torch.isfinite(loss):
                raise DataError(
                    "The loss is no longer a number, so training stopped. Lower the learning rate.",
                    f"epoch {epoch}, step {step}",
                    code="loss_not_finite",
                )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        head = Head(start.names, weight.detach().numpy().copy(), bias.detach().numpy().copy())
        after_epoch(epoch, float(np.mean(losses)), head)
    return head


def _targets(photos: Photos, names: Sequence[str]) -> np.ndarray:
    """Scores (n, K) to come near to: the teacher's where it has any, else from the labels."""
    wanted = photos.labels[:, None] == np.array(names)[None]
    taught = np.array([name in photos.taught for name in names])
    columns = [photos.taught.index(name) for name in names if name in photos.taught]
    scores = np.full(wanted.shape, np.nan, np.float32)
    scores[:, taught] = photos.teacher[:, columns]
    own, others = wanted & taught, ~wanted & taught
    usual = (
        float(scores[own].mean()) if own.any() else _OWN,
        float(scores[others].mean()) if others.any() else _OTHER,
    )
    return np.where(np.isnan(scores), np.where(wanted, *usual), scores).astype(np.float32)
