"""Whether a photo shows a dog, seen by a convolutional network as it was published."""

import torch
import torch.nn.functional as F
from torch import nn

from ml.compat import prepare_torchvision
from ml.networks.backbone import Normalise, build_backbone, own_normalisation
from ml.networks.subject import KINDS


class GateNetwork(nn.Module):
    """Photo, uint8 (n, H, W, 3), to logits (n, 4) in the order of KINDS.

    A timm network's pooled features, and a head of one hidden layer on them. The photo is brought
    to the size that the network's published weights are for: they tell cats from dogs better there,
    also when the larger picture has no more to show than the smaller one.
    """

    def __init__(self, architecture: str) -> None:
        super().__init__()
        prepare_torchvision()
        from timm.models import get_pretrained_cfg

        told = get_pretrained_cfg(architecture)
        self.size: tuple[int, int] = told.input_size[1:] if told else (224, 224)
        self.backbone = build_backbone(architecture, self.size)
        self.normalise = Normalise(*own_normalisation(self.backbone))  # type: ignore[arg-type]
        features = getattr(self.backbone, "head_hidden_size", None) or self.backbone.num_features
        self.head = nn.Sequential(
            nn.Linear(int(features), 192),  # type: ignore[arg-type]
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(192, len(KINDS)),
        )

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.head(self.features(pixels)),)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the head reads, (n, C)."""
        photo = F.interpolate(self.normalise(pixels), self.size, mode="bilinear")
        found = self.backbone.forward_features(photo)  # type: ignore[operator]
        return self.backbone.forward_head(found, pre_logits=True)  # type: ignore[operator]
