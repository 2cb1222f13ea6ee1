"""Losses on the vectors of a batch and on what small heads make of them."""

from collections.abc import Sequence

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


def logit_distillation(
    logits: torch.Tensor, teacher: torch.Tensor, temperature: float = 2.0
) -> torch.Tensor:
    """KL divergence from a teacher's class probabilities (Hinton et al. 2015), over the batch.

    `logits` and `teacher` (n, K). Both are softened by `temperature`, whose square keeps the
    gradients' size.
    """
    ours = (logits / temperature).log_softmax(1)
    theirs = (teacher / temperature).log_softmax(1)
    return temperature**2 * F.kl_div(ours, theirs, reduction="batchmean", log_target=True)


def imitation(vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean of one minus the cosine to given unit rows (n, d); rows of zeros carry no loss."""
    known = targets.any(1)
    if not known.any():
        return vectors.sum() * 0
    return (1 - (vectors[known] * targets[known]).sum(1)).mean()


def ranking(
    vectors: torch.Tensor,
    triplets: torch.Tensor,
    weights: torch.Tensor,
    margin: float = 0.05,
    temperature: float = 0.05,
) -> torch.Tensor:
    """Logistic loss on which of two is nearer: softplus(-(cos(a, n) - cos(a, f) - margin) / t).

    `triplets` (t, 3) rows of unit `vectors`: anchor, nearer, farther; the mean weighted by
    `weights` (t,). Zero without triplets.
    """
    if not len(triplets):
        return vectors.sum() * 0
    anchor, nearer, farther = (vectors[triplets[:, place]] for place in range(3))
    lead = (anchor * nearer).sum(1) - (anchor * farther).sum(1)
    losses = F.softplus(-(lead - margin) / temperature)
    return (losses * weights).sum() / weights.sum()


def attributes(logits: torch.Tensor, targets: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
    """Mean over attributes of the cross entropy of the photos that have a known value.

    `logits` (n, sum of counts) hold `counts[j]` classes for attribute j, side by side; `targets`
    (n, number of attributes) are classes, -1 where unknown.
    """
    parts = logits.split(list(counts), 1)
    losses = [
        F.cross_entropy(part[known], targets[known, place])
        for place, part in enumerate(parts)
        if (known := targets[:, place] >= 0).any()
    ]
    return torch.stack(losses).mean() if losses else logits.sum() * 0
