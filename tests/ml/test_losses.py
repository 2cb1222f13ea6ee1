import math

import pytest
import torch
import torch.nn.functional as F

from ml.training.losses import nt_xent, relational_distillation, supervised_contrastive


def unit(rows: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, width, generator=generator, dtype=torch.float64), dim=1)


def slow_nt_xent(first: torch.Tensor, second: torch.Tensor, temperature: float) -> float:
    views = [*first, *second]
    count = len(first)
    total = 0.0
    for i, view in enumerate(views):
        partner = (i + count) % (2 * count)
        below = sum(
            math.exp(float(view @ other) / temperature) for j, other in enumerate(views) if j != i
        )
        total -= math.log(math.exp(float(view @ views[partner]) / temperature) / below)
    return total / len(views)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_nt_xent_against_the_definition(count: int, temperature: float) -> None:
    first, second = unit(count, 8, 1), unit(count, 8, 2)
    expected = slow_nt_xent(first, second, temperature)
    assert float(nt_xent(first, second, temperature)) == pytest.approx(expected, abs=1e-9)


def test_nt_xent_prefers_equal_views() -> None:
    first = unit(8, 16, 1)
    assert nt_xent(first, first) < nt_xent(first, first.roll(1, 0))


def slow_supervised(vectors: torch.Tensor, labels: list[int], temperature: float) -> float:
    losses = []
    for i, label in enumerate(labels):
        partners = [j for j, other in enumerate(labels) if j != i and other == label != -1]
        if not partners:
            continue
        below = sum(
            math.exp(float(vectors[i] @ vectors[j]) / temperature)
            for j in range(len(labels))
            if j != i
        )
        losses.append(
            -sum(
                math.log(math.exp(float(vectors[i] @ vectors[j]) / temperature) / below)
                for j in partners
            )
            / len(partners)
        )
    return sum(losses) / len(losses)


def test_supervised_contrastive_against_the_definition() -> None:
    vectors, labels = unit(9, 8, 3), [0, 0, 0, 1, 1, 2, -1, -1, -1]
    got = float(supervised_contrastive(vectors, torch.tensor(labels), 0.1))
    assert got == pytest.approx(slow_supervised(vectors, labels, 0.1), abs=1e-9)


def test_supervised_contrastive_without_partners_is_zero_and_differentiable() -> None:
    vectors = unit(3, 4, 0).requires_grad_()
    loss = supervised_contrastive(vectors, torch.tensor([0, 1, -1]))
    loss.backward()
    assert loss.item() == 0.0


def test_distillation_is_zero_for_the_teacher_itself_in_any_rotation() -> None:
    teacher = unit(6, 8, 4)
    rotation = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64)).Q
    assert float(relational_distillation(teacher @ rotation, teacher)) == pytest.approx(0, abs=1e-9)
    assert float(relational_distillation(unit(6, 8, 5), teacher)) > 0.1
