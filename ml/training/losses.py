"""Losses on unit vectors."""

import torch
import torch.nn.functional as F


def nt_xent(first: torch.Tensor, second: torch.Tensor, temperature: float = 0.07) -> torch.Tensor:
    """Normalised temperature-scaled cross entropy (SimCLR, Chen et al. 2020, eq. 1).

    `first` and `second` are (n, d) unit rows, row i of both a view of picture i. Each of the 2n
    views must pick its partner among the other 2n - 1; the mean of the 2n losses is given.
    """
    count = len(first)
    views = torch.cat([first, second])
    logits = views @ views.T / temperature
    logits.fill_diagonal_(float("-inf"))
    partner = torch.arange(2 * count, device=views.device).roll(count)
    return F.cross_entropy(logits, partner)


def supervised_contrastive(
    vectors: torch.Tensor, labels: torch.Tensor, temperature: float = 0.1
) -> torch.Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, eq. 2, L_out).

    `vectors` (n, d) unit rows, `labels` (n,) integers; a row labelled -1 is only a negative. For
    each row that has partners of its label: minus the mean log probability of the partners among
    all other rows. Zero where no row has one.
    """
    same = (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None]
    same.fill_diagonal_(False)
    logits = vectors @ vectors.T / temperature
    logits.fill_diagonal_(float("-inf"))
    chances = logits.log_softmax(1).masked_fill(~same, 0.0)
    partners = same.sum(1)
    rows = partners > 0
    if not rows.any():
        return vectors.sum() * 0
    return -(chances.sum(1)[rows] / partners[rows]).mean()


def relational_distillation(
    vectors: torch.Tensor, teacher: torch.Tensor, temperature: float = 0.1
) -> torch.Tensor:
    """How far the likenesses within a batch are from a teacher's (n, t) unit rows.

    For each row the cross entropy between the softmax over all other rows of the teacher's cosines
    and the student's (Tejankar et al. 2021, ISD, without the queue), plus ten times the mean
    squared difference of the cosines themselves, so that their scale is kept too.
    """
    others = ~torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    ours = (vectors @ vectors.T)[others].view(len(vectors), -1)
    theirs = (teacher @ teacher.T)[others].view(len(vectors), -1)
    target = (theirs / temperature).softmax(1)
    ranking = -(target * (ours / temperature).log_softmax(1)).sum(1).mean()
    entropy = -(target * target.clamp(min=1e-12).log()).sum(1).mean()
    return ranking - entropy + 10 * F.mse_loss(ours, theirs)
