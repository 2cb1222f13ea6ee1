"""What one step is made of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.training.distribution import ALONE, Processes
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.photos import Training
from ml.training.embedder.streams import Batches, batches_from, members_of, some_rankings

Configured = Callable[..., EmbedderConfig]

SETTINGS = {
    "ranking": 1.0,
    "rankings": "r.csv",
    "ranking_photos": 7,
    "attribute": 1.0,
    "attributes": "a.csv",
    "attribute_photos": 5,
}


class Listed(Training):
    """Sixty rows, of which the main stream draws the first forty."""

    def drawn(self, seed: int, number: int) -> np.ndarray:
        return np.random.default_rng([seed, number]).permutation(40)


def training() -> Listed:
    labels = np.full(60, -1)
    labels[:12] = np.arange(12) // 3
    labels[12] = 9  # alone with its label
    rankings = np.array(
        [[a, (a + k) % 60, (a + 2 * k) % 60] for a in range(20, 60, 4) for k in (1, 2)]
    )
    targets = np.arange(20)[:, None] % np.array([[3, 2]])
    return Listed(
        np.zeros((60, 1, 1, 3), np.uint8), {}, [], [], labels, rankings,
        np.linspace(0.5, 1.5, len(rankings)).astype(np.float32), np.arange(40, 60), targets, {},
    )  # fmt: skip


def view(row: int, seed: int) -> np.ndarray:
    return np.array([row, seed % 1000], np.float32)


def batches(config: EmbedderConfig, epoch: int = 0, processes: Processes = ALONE) -> Batches:
    return Batches(training(), config, epoch, view, processes)


def test_places_are_views_then_rankings_then_attributes(small: Configured) -> None:
    listed = training()
    for batch in batches_from(batches(small(**SETTINGS)), 0, 0):
        rows = batch.rows.numpy()
        assert batch.pairs == 8
        assert np.array_equal(rows[:8], rows[8:16])
        assert np.array_equal(batch.inputs[:, 0].numpy(), rows)
        assert (batch.inputs[:8, 1] != batch.inputs[8:16, 1]).any()  # two views, not one twice
        assert len(np.unique(rows[16:-5])) == len(rows[16:-5]) <= 7
        ranked = [tuple(row) for row in listed.rankings]
        for triplet, weight in zip(rows[batch.triplets.numpy()], batch.weights, strict=True):
            assert float(weight) == listed.weights[ranked.index(tuple(triplet))]
        assert batch.triplets.min() >= 16
        assert batch.triplets.max() < len(rows) - 5
        assert np.array_equal(batch.targets.numpy(), listed.targets[rows[-5:] - 40])


def test_an_epoch_shows_each_photo_once(small: Configured) -> None:
    rows = [batch.rows[: batch.pairs] for batch in batches_from(batches(small()), 0, 0)]
    assert sorted(torch.cat(rows).tolist()) == list(range(40))


def test_the_labelled_share_comes_in_groups_of_one_label(small: Configured) -> None:
    config = small(labelled_share=0.5, per_label=2)
    listed = training()
    for batch in batches_from(batches(config), 0, 0):
        drawn = listed.labels[batch.rows[4:8].numpy()]
        assert (drawn >= 0).all()
        assert drawn[0] == drawn[1] != drawn[2] == drawn[3]
        assert 9 not in drawn
        assert len(np.unique(batch.rows[4:8])) == 4


def test_a_batch_is_fixed_by_seed_epoch_and_place(small: Configured) -> None:
    config = small(**SETTINGS)
    first = list(batches_from(batches(config), 0, 0))
    later = list(batches_from(batches(config), 3, 0))
    assert len(first) == 5
    for one, other in zip(first[3:], later, strict=True):
        for name, value in vars(one).items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(getattr(other, name)))
    for others in (batches(config, epoch=1), batches(small(seed=1, **SETTINGS))):
        assert not torch.equal(others[0].rows[:8], first[0].rows[:8])


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_one_batch(small: Configured, count: int) -> None:
    config = small(**SETTINGS)
    whole = batches(config)[1]
    parts = [batches(config, processes=Processes(rank, count))[1] for rank in range(count)]
    assert torch.equal(torch.cat([part.inputs for part in parts]), whole.inputs)
    assert max(len(p.inputs) for p in parts) - min(len(p.inputs) for p in parts) <= 1
    assert all(torch.equal(part.rows, whole.rows) for part in parts)


def test_rankings_of_one_anchor_come_together_and_within_the_limit() -> None:
    rankings = np.array(
        [[a, 100 + 10 * a + k, 200 + 10 * a + k] for a in range(9) for k in range(4)]
    )
    for seed in range(20):
        chance = np.random.default_rng(seed)
        found = rankings[some_rankings(rankings, np.arange(9), 18, chance)]
        assert len(np.unique(found)) <= 18
        assert np.unique(found[:, 0], return_counts=True)[1].tolist() == [4, 4]
    assert len(some_rankings(rankings, np.arange(9), 1, np.random.default_rng(0))) == 1


def test_labels_with_one_photo_have_no_members() -> None:
    assert [rows.tolist() for rows in members_of(np.array([2, -1, 0, 2, -1, 2]))] == [[0, 3, 5]]


def test_workers_change_nothing(root: Path, small: Configured) -> None:
    config = small(**SETTINGS)
    alone, helped = (list(batches_from(batches(config), 0, workers)) for workers in (0, 1))
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.inputs, other.inputs)
