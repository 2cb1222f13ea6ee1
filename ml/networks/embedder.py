"""The embedding network: a timm backbone and the SimCLR projection head."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from ml.networks.backbone import IMAGENET_MEAN, IMAGENET_STD, Normalise, build_backbone
from ml.spec import NetworkSpec

Pool = Literal["cls", "mean", "cls+mean", "own"]
Head = Literal["mlp", "linear"]


class ProjectionHead(nn.Module):
    """C to `dimension`: linear, ReLU, linear, as SimCLR has it (Chen et al. 2020), or linear."""

    def __init__(self, width: int, dimension: int = 128, kind: Head = "mlp") -> None:
        super().__init__()
        hidden = [nn.Linear(width, width), nn.ReLU()] if kind == "mlp" else []
        self.layers = nn.Sequential(*hidden, nn.Linear(width, dimension))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.layers(features)


class EmbedderNetwork(nn.Module):
    """Dog crop to unit vector: uint8 (n, H, W, 3) to float (n, dimension), and its features.

    The features (n, C), before the head, are what a classifier on this embedder reads. `pool` is
    for transformers: the class token, the mean of the patch tokens, or the sum of both. "own" is
    what timm does for the architecture, and what `pool` becomes where it cannot be had.
    """

    def __init__(
        self,
        architecture: str,
        size: tuple[int, int],
        dimension: int = 128,
        pool: Pool = "cls",
        head: Head = "mlp",
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        self.normalise = Normalise(mean, std)  # type: ignore[arg-type]
        self.backbone = build_backbone(architecture, size)
        self.pool = possible_pool(self.backbone, pool)
        self.width = int(self.backbone.num_features)  # type: ignore[arg-type]
        if self.pool == "own":
            self.width = int(getattr(self.backbone, "head_hidden_size", None) or self.width)
        self.head = ProjectionHead(self.width, dimension, head)

    @classmethod
    def of(cls, network: NetworkSpec) -> "EmbedderNetwork":
        """The network that a spec describes, without its weights."""
        options = network.options
        return cls(
            network.architecture,
            network.size,
            int(options["dimension"]),
            options["pool"],
            options.get("head", "mlp"),
            network.mean,
            network.std,
        )

    def tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the backbone gives before pooling: tokens (n, 1 + N, C), or a map."""
        return self.backbone.forward_features(self.normalise(pixels))  # type: ignore[operator]

    def pooled(self, found: torch.Tensor) -> torch.Tensor:
        """Features (n, C) of what `tokens` gives."""
        if self.pool == "own":
            return self.own_pooled(found)
        return pool_tokens(found, self.pool, int(self.backbone.num_prefix_tokens))  # type: ignore[arg-type]

    def own_pooled(self, found: torch.Tensor) -> torch.Tensor:
        """What the architecture's own classifier reads, of what `tokens` gives."""
        return self.backbone.forward_head(found, pre_logits=True)  # type: ignore[operator]

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pooled features (n, C) before the head, C = 192 for ViT-tiny."""
        return self.pooled(self.tokens(pixels))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.features(pixels)
        return F.normalize(self.head(features), dim=-1), features


def possible_pool(backbone: nn.Module, pool: Pool) -> Pool:
    """`pool`, or "own" for a network without patch tokens, or without the class token it needs."""
    if not hasattr(backbone, "num_prefix_tokens"):
        return "own"
    if pool != "mean" and getattr(backbone, "cls_token", None) is None:
        return "own"
    return pool


def pool_tokens(tokens: torch.Tensor, pool: Pool, prefix: int = 1) -> torch.Tensor:
    """Tokens (n, prefix + N, C), class token first, to (n, C)."""
    if pool == "cls":
        return tokens[:, 0]
    mean = tokens[:, prefix:].mean(1)
    return mean if pool == "mean" else tokens[:, 0] + mean
