"""The batches of a run: a main stream of pairs of views, rankings and attributes, in each step."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ml.training.distribution import Processes
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.photos import Training

# Row and seed to one view, as pixels or as what a frozen backbone made of them.
View = Callable[[int, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Batch:
    """One step. Its places are: first views, second views, ranking photos, attribute photos.

    `inputs` are the views of this process's places; all else is of the whole batch: `rows` (n,) of
    the photos at its places, the first `pairs` of which come again as the next ones; `triplets`
    (t, 3) are places, with `weights` (t,); `targets` (k, A) belong to the last k places.
    """

    inputs: torch.Tensor
    rows: torch.Tensor
    pairs: int
    triplets: torch.Tensor
    weights: torch.Tensor
    targets: torch.Tensor

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name, value in vars(self).items()
            if isinstance(value, torch.Tensor)
        }
        return dataclasses.replace(self, **moved)


class Batches(Dataset[Batch]):
    """The batches of one epoch, each fixed by seed, epoch and place, whoever asks for it."""

    def __init__(
        self,
        training: Training,
        config: EmbedderConfig,
        epoch: int,
        view: View,
        processes: Processes,
    ) -> None:
        self.training, self.config, self.epoch = training, config, epoch
        self.view, self.processes = view, processes
        self.order = training.drawn(config.seed, epoch)
        self.members = members_of(training.labels)
        self.anchors = np.unique(training.rankings[:, 0])

    def __len__(self) -> int:
        return len(self.order) // self.config.main_photos

    def __getitem__(self, place: int) -> Batch:
        config, training = self.config, self.training
        chance = self._chance(place)
        main = self._main(place, chance)
        triplets, ranked = np.zeros(0, np.int64), np.zeros(0, np.int64)
        if config.ranking:
            triplets = some_rankings(training.rankings, self.anchors, config.ranking_photos, chance)
            ranked = np.unique(training.rankings[triplets])
        told = np.zeros(0, np.int64)
        if config.attribute:
            count = min(config.attribute_photos, len(training.described))
            told = chance.choice(len(training.described), count, replace=False)
        rows = np.concatenate([main, main, ranked, training.described[told]])
        seeds = chance.integers(0, 2**62, len(rows))
        own = self.processes.own(len(rows))
        views = [self.view(int(r), int(s)) for r, s in zip(rows[own], seeds[own], strict=True)]
        places = 2 * len(main) + np.searchsorted(ranked, training.rankings[triplets])
        return Batch(
            torch.from_numpy(np.stack(views)),
            torch.from_numpy(rows),
            len(main),
            torch.from_numpy(places.reshape(-1, 3)),
            torch.from_numpy(training.weights[triplets]),
            torch.from_numpy(training.targets[told]),
        )

    def _main(self, place: int, chance: np.random.Generator) -> np.ndarray:
        count = self.config.main_photos
        by_label = round(self.config.labelled_share * count) // self.config.per_label
        rest = count - by_label * self.config.per_label
        drawn = self.order[place * rest : (place + 1) * rest]
        return np.concatenate([drawn, self._labelled(by_label, chance)])

    def _labelled(self, labels: int, chance: np.random.Generator) -> np.ndarray:
        chosen = chance.choice(len(self.members), labels, replace=labels > len(self.members))
        rows = [
            chance.choice(
                self.members[label],
                self.config.per_label,
                replace=len(self.members[label]) < self.config.per_label,
            )
            for label in chosen
        ]
        return np.concatenate(rows) if rows else np.zeros(0, np.int64)

    def _chance(self, place: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, self.epoch, place])


def batches_from(batches: Batches, first: int, workers: int) -> Iterator[Batch]:
    """The batches from place `first` on, made by `workers` other processes."""
    return iter(
        DataLoader(
            batches, batch_size=None, sampler=range(first, len(batches)), num_workers=workers
        )
    )


def members_of(labels: np.ndarray) -> list[np.ndarray]:
    """The rows of each label that has two or more."""
    known = np.unique(labels[labels >= 0])
    groups = [np.flatnonzero(labels == label) for label in known]
    return [rows for rows in groups if len(rows) > 1]


def some_rankings(
    rankings: np.ndarray, anchors: np.ndarray, photos: int, chance: np.random.Generator
) -> np.ndarray:
    """Places of rankings (t, 3) that show at most `photos` photos, but one ranking at least.

    Those of one anchor come together, as many as fit: a photo that is embedded once serves in all.
    """
    found: list[int] = []
    shown: set[int] = set()
    for anchor in chance.permutation(anchors):
        before = len(found)
        for place in chance.permutation(np.flatnonzero(rankings[:, 0] == anchor)):
            more = shown | {int(row) for row in rankings[place]}
            if len(more) <= photos or not found:
                found.append(int(place))
                shown = more
        if len(found) == before:
            break
    return np.array(found, np.int64)
