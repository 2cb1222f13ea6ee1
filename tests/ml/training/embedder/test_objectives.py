"""The loss of a batch, put together by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ml.training import losses
from ml.training.embedder.config import LOSSES, EmbedderConfig
from ml.training.embedder.objectives import Teachers, losses_of
from ml.training.embedder.photos import Validation
from ml.training.embedder.streams import Batch
from ml.training.embedder.validation import metrics_of

NEEDS = {
    "pretrained": "w",
    "rankings": "r",
    "attributes": "a",
    "targets": "t",
}


def made() -> tuple[Batch, torch.Tensor, torch.Tensor, torch.Tensor, Teachers]:
    torch.manual_seed(0)
    rows = torch.tensor([3, 0, 4, 3, 0, 4, 5, 6, 7, 1, 2])
    batch = Batch(
        inputs=torch.zeros(11, 1),
        rows=rows,
        pairs=3,
        triplets=torch.tensor([[6, 7, 8]]),
        weights=torch.tensor([2.0]),
        targets=torch.tensor([[0, -1], [2, 1]]),
    )
    teachers = Teachers(
        torch.tensor([1, -1, -1, 1, 0, -1, -1, -1]),
        F.normalize(torch.randn(8, 6), dim=1),
        torch.randn(8, 5),
        F.normalize(torch.randn(8, 4), dim=1),
        (3, 2),
    )
    return batch, torch.randn(11, 4), torch.randn(11, 5), torch.randn(11, 5), teachers


def test_each_loss_reads_its_own_places() -> None:
    batch, outputs, logits, told, teachers = made()
    weights = {name: 0.5 + place for place, name in enumerate(LOSSES)}
    config = EmbedderConfig(**weights, **NEEDS)  # type: ignore[arg-type]
    found = losses_of(batch, outputs, logits, told, teachers, config)
    v = F.normalize(outputs, dim=1)
    labels = torch.tensor([1, 1, 0])
    assert teachers.likeness is not None
    assert teachers.logits is not None
    assert teachers.targets is not None
    held, seen = teachers.likeness[[3, 0, 4]], teachers.logits[[3, 0, 4]]
    expected = {
        "contrast": losses.nt_xent(v[:3], v[3:6], 0.07),
        "supervised": losses.supervised_contrastive(v[:6], labels.repeat(2), 0.07),
        "distil": (
            losses.relational_distillation(v[:3], held)
            + losses.relational_distillation(v[3:6], held)
        )
        / 2,
        "logits": losses.logit_distillation(logits[:6], seen.repeat(2, 1), 2.0),
        "ranking": losses.ranking(v, torch.tensor([[6, 7, 8]]), torch.ones(1)),
        "attribute": losses.attributes(told[-2:], batch.targets, (3, 2)),
        "imitate": losses.imitation(v, teachers.targets[batch.rows]),
    }
    assert set(found) == {"loss", *LOSSES}
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), abs=1e-6), name
    total = sum(weights[name] * float(value) for name, value in expected.items())
    assert float(found["loss"]) == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("name", ["contrast", "supervised", "ranking", "attribute"])
def test_a_loss_without_weight_is_not_computed(name: str) -> None:
    batch, outputs, logits, told, teachers = made()
    settings = {"contrast": 0.0, name: 2.0}
    config = EmbedderConfig(**settings, **NEEDS)  # type: ignore[arg-type]
    found = losses_of(
        batch, outputs, logits, told, Teachers(teachers.labels, classes=(3, 2)), config
    )
    assert set(found) == {"loss", name}
    assert float(found["loss"]) == pytest.approx(2 * float(found[name]))


def test_the_score_is_the_mean_of_all_first_hits_and_the_triplets() -> None:
    vectors = F.normalize(torch.tensor([[1, 0], [1, 0.1], [0, 1], [1, 0.05], [0.1, 1]]), dim=1)
    validation = Validation(
        np.zeros((5, 1, 1, 3), np.uint8),
        np.array([0, 0, 1, -1, 1]),
        ["a", "a", "b", "", "b"],
        np.arange(5),
        np.array([[0, 1, 2], [2, 0, 4], [3, 2, 0]]),
        ["a", "a", "b"],
    )
    found = metrics_of(vectors.numpy(), validation)
    assert found["a/r1"] == found["b/r1"] == 1.0
    assert found["triplets"] == pytest.approx(2 / 3)
    assert found["score"] == pytest.approx((1 + 1 + 2 / 3) / 3)
