"""The loss of a batch: what the configuration weighs, of all that one embedding can answer."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ml.training import losses
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.streams import Batch


@dataclass(frozen=True, eq=False)
class Teachers:
    """What is known of each photo before training, by its row; None where no loss asks for it.

    `labels` (n,), -1 for none; `likeness` (n, t) unit rows; `logits` (n, K); `targets` (n, d) unit
    rows, zero where there is none. `classes` counts the classes of each attribute.
    """

    labels: torch.Tensor
    likeness: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    targets: torch.Tensor | None = None
    classes: tuple[int, ...] = ()


def losses_of(
    batch: Batch,
    outputs: torch.Tensor,
    logits: torch.Tensor,
    attributes: torch.Tensor,
    teachers: Teachers,
    config: EmbedderConfig,
) -> dict[str, torch.Tensor]:
    """Each weighed loss by its name in the configuration, and "loss", their weighted sum.

    `outputs` (places, d) come before normalising; `logits` (places, K) and `attributes` (places, …)
    are (places, 0) where there is no such head.
    """
    vectors = F.normalize(outputs, dim=1)
    count = batch.pairs
    pair = batch.rows[:count]
    one, two = vectors[:count], vectors[count : 2 * count]
    found: dict[str, torch.Tensor] = {}
    if config.contrast:
        found["contrast"] = losses.nt_xent(one, two, config.temperature)
    if config.supervised:
        found["supervised"] = losses.supervised_contrastive(
            vectors[: 2 * count], _of(teachers.labels, batch.rows[: 2 * count]), config.temperature
        )
    if teachers.likeness is not None:
        held = _of(teachers.likeness, pair)
        found["distil"] = (
            losses.relational_distillation(one, held) + losses.relational_distillation(two, held)
        ) / 2
    if teachers.logits is not None:
        told = _of(teachers.logits, pair).float()
        found["logits"] = losses.logit_distillation(
            logits[: 2 * count], torch.cat([told, told]), config.logits_temperature
        )
    if config.ranking:
        found["ranking"] = losses.ranking(
            vectors,
            batch.triplets,
            batch.weights,
            config.ranking_margin,
            config.ranking_temperature,
        )
    if config.attribute:
        described = attributes[len(attributes) - len(batch.targets) :]
        found["attribute"] = losses.attributes(described, batch.targets, teachers.classes)
    if teachers.targets is not None:
        found["imitate"] = losses.imitation(vectors, _of(teachers.targets, batch.rows))
    total = torch.stack([getattr(config, name) * loss for name, loss in found.items()]).sum()
    return {"loss": total, **found}


def _of(table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Rows of a table on the CPU, on the rows' device."""
    return table[rows.cpu()].to(rows.device)
