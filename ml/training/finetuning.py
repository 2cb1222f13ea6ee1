"""How much of a backbone is trained, how fast, and how its start is kept in what comes out."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

Tuning = Literal["full", "partial", "frozen"]


def layers(backbone: nn.Module) -> dict[str, int]:
    """The layer of each parameter by its name, 0 for the stem, in timm's own grouping."""
    from timm.models import group_parameters

    matcher = backbone.group_matcher(coarse=False)  # type: ignore[operator]
    return group_parameters(backbone, matcher, reverse=True)


def choose_parameters(backbone: nn.Module, tuning: Tuning, blocks: int) -> None:
    """Set which parameters are trained: all, those of the last `blocks` layers, or none."""
    places = layers(backbone)
    first = {"full": 0, "partial": 1 + max(places.values()) - blocks, "frozen": len(places)}
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_(places[name] >= first[tuning])


def rate_groups(
    backbone: nn.Module, rate: float, decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Optimiser groups of the trained parameters, layer by layer (Bao et al. 2021, BEiT).

    The last layer has `rate`, each before it `decay` times the rate of the next. Norms, biases and
    what the architecture names so have no weight decay.
    """
    from timm.optim import param_groups_layer_decay

    spared = backbone.no_weight_decay() if hasattr(backbone, "no_weight_decay") else ()  # type: ignore[operator]
    groups = param_groups_layer_decay(
        backbone, weight_decay, no_weight_decay_list=spared, layer_decay=decay
    )
    return [
        {
            "params": group["params"],
            "lr": rate * group["lr_scale"],
            "weight_decay": group["weight_decay"],
        }
        for group in groups
    ]


def keep_statistics(module: nn.Module) -> None:
    """Make every batch norm use its running statistics also in training, and leave them alone.

    A batch of few dogs says less of them than what the start weights have seen; and a batch that is
    embedded in chunks has none of its own.
    """
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()


def between(
    start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """Weights `share` of the way from start to end (Wortsman et al. 2022, WiSE-FT)."""
    return {
        name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
        for name, value in end.items()
    }
