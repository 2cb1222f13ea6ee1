"""The embedding network: a transformer and the SimCLR projection head."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ml.networks.backbone import Normalise, build_backbone

Pool = Literal["cls", "mean", "cls+mean"]


class ProjectionHead(nn.Module):
    """Linear, ReLU, linear, as SimCLR has it (Chen et al. 2020): C to C to `dimension`."""

    def __init__(self, width: int, dimension: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dimension))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)


class EmbedderNetwork(nn.Module):
    """Dog crop to unit vector: uint8 (n, H, W, 3) to float (n, dimension), and its features.

    The features (n, C), before the head, are what a classifier on this embedder reads.
    """

    def __init__(
        self, architecture: str, size: tuple[int, int], dimension: int = 128, pool: Pool = "cls"
    ) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.backbone = build_backbone(architecture, size)
        self.head = ProjectionHead(int(self.backbone.num_features), dimension)  # type: ignore[arg-type]
        self.pool = pool

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pooled features (n, C) before the head, C = 192 for ViT-tiny."""
        tokens = self.backbone.forward_features(self.normalise(pixels))  # type: ignore[operator]
        return pool_tokens(tokens, self.pool)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.features(pixels)
        return F.normalize(self.head(features), dim=-1), features


def pool_tokens(tokens: torch.Tensor, pool: Pool) -> torch.Tensor:
    """Tokens (n, 1 + N, C), class token first, to (n, C)."""
    if pool == "cls":
        return tokens[:, 0]
    mean = tokens[:, 1:].mean(1)
    return mean if pool == "mean" else tokens[:, 0] + mean
