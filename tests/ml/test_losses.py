import math

import pytest
import torch
import torch.nn.functional as F

from ml.training.losses import (
    attributes,
    imitation,
    logit_distillation,
    nt_xent,
    ranking,
    relational_distillation,
    supervised_contrastive,
)


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


def test_logit_distillation_against_the_definition() -> None:
    ours, theirs = unit(4, 6, 1) * 5, unit(4, 6, 2) * 5
    temperature, expected = 2.0, 0.0
    for row in range(4):
        p, q = ([math.exp(float(v) / temperature) for v in x[row]] for x in (theirs, ours))
        p, q = ([v / sum(x) for v in x] for x in (p, q))
        expected += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    expected *= temperature**2 / 4
    got = float(logit_distillation(ours, theirs, temperature))
    assert got == pytest.approx(expected, abs=1e-9)
    assert float(logit_distillation(theirs, theirs)) == pytest.approx(0, abs=1e-12)


def test_imitation_counts_only_rows_with_a_target() -> None:
    vectors, targets = unit(4, 6, 1), unit(4, 6, 2)
    targets[2] = 0
    expected = sum(1 - float(vectors[row] @ targets[row]) for row in (0, 1, 3)) / 3
    assert float(imitation(vectors, targets)) == pytest.approx(expected, abs=1e-9)
    assert float(imitation(vectors, torch.zeros_like(targets))) == 0


def test_ranking_against_the_definition() -> None:
    vectors, weights = unit(5, 8, 1), [1.0, 0.5, 2.0]
    triplets = [(0, 1, 2), (3, 4, 0), (2, 0, 4)]
    total = 0.0
    for (a, n, f), weight in zip(triplets, weights, strict=True):
        lead = float(vectors[a] @ vectors[n]) - float(vectors[a] @ vectors[f]) - 0.1
        total += weight * math.log(1 + math.exp(-lead / 0.2))
    got = ranking(vectors, torch.tensor(triplets), torch.tensor(weights), 0.1, 0.2)
    assert float(got) == pytest.approx(total / sum(weights), abs=1e-9)


def test_ranking_pulls_the_nearer_one() -> None:
    vectors = unit(3, 8, 1).requires_grad_()
    ranking(vectors, torch.tensor([[0, 1, 2]]), torch.ones(1)).backward()
    assert vectors.grad is not None
    pulls = vectors.grad @ vectors.detach()[0]
    assert pulls[1] < 0 < pulls[2]
    assert float(ranking(unit(3, 8, 1), torch.zeros(0, 3, dtype=torch.long), torch.zeros(0))) == 0


def test_attributes_against_the_definition() -> None:
    logits, targets = unit(3, 5, 1) * 4, [[0, -1], [1, 2], [-1, 0]]
    losses = []
    for place, (start, count) in enumerate(((0, 2), (2, 3))):
        known = [row for row in range(3) if targets[row][place] >= 0]
        each = []
        for row in known:
            raised = [math.exp(float(v)) for v in logits[row, start : start + count]]
            each.append(-math.log(raised[targets[row][place]] / sum(raised)))
        losses.append(sum(each) / len(each))
    got = attributes(logits, torch.tensor(targets), (2, 3))
    assert float(got) == pytest.approx(sum(losses) / 2, abs=1e-9)


def test_unknown_attributes_carry_no_loss_and_no_gradient() -> None:
    logits = unit(2, 5, 1).requires_grad_()
    attributes(logits, torch.tensor([[0, -1], [-1, -1]]), (2, 3)).backward()
    assert logits.grad is not None
    assert logits.grad[0, :2].abs().min() > 0
    assert logits.grad[0, 2:].abs().max() == logits.grad[1].abs().max() == 0
    assert float(attributes(unit(2, 5, 1), torch.full((2, 2), -1), (2, 3))) == 0
