"""Where the dog is and whether there is one: a transformer with a gate and a box per patch."""

import torch
from torch import nn

from ml.networks.backbone import Normalise, build_backbone

KINDS = ("dog", "cat", "person", "other")


class SubjectNetwork(nn.Module):
    """Photo to (gate logits, box).

    Input uint8 (n, H, W, 3). The gate, (n, 4) in the order of KINDS, reads the class token and the
    patches that look most like a dog. Each patch gives a dog logit and the distances from its
    centre to the four sides of the dog's box (as FCOS does, Tian et al. 2019); the box, (n, 4) as
    x0, y0, x1, y1 in 0 to 1 of the input, is their mean weighted by the softmax of the dog logits.
    """

    centres: torch.Tensor

    def __init__(self, architecture: str, size: tuple[int, int]) -> None:
        super().__init__()
        self.normalise = Normalise()
        self.backbone = build_backbone(architecture, size)
        width = int(self.backbone.num_features)  # type: ignore[arg-type]
        rows, columns = self.backbone.patch_embed.grid_size  # type: ignore[union-attr, misc]
        self.patch_head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 5))
        self.gate = nn.Sequential(
            nn.Linear(3 * width, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, len(KINDS))
        )
        y, x = torch.meshgrid(
            (torch.arange(rows) + 0.5) / rows,
            (torch.arange(columns) + 0.5) / columns,
            indexing="ij",
        )
        centres = torch.stack([x, y], -1).reshape(1, -1, 2)
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.backbone.forward_features(self.normalise(pixels))  # type: ignore[operator]
        gate, heat, boxes = self.heads(tokens)
        weights = heat.softmax(1).unsqueeze(-1)
        return gate, (weights * boxes).sum(1)

    def heads(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Tokens (n, 1 + N, C) to gate logits (n, 4), dog logits (n, N), boxes (n, N, 4)."""
        patches = tokens[:, 1:]
        found = self.patch_head(patches)
        heat, distances = found[..., 0], found[..., 1:].sigmoid()
        boxes = torch.cat(
            [self.centres - distances[..., :2], self.centres + distances[..., 2:]], -1
        )
        looked_at = (heat.softmax(1).unsqueeze(-1) * patches).sum(1)
        gate = self.gate(torch.cat([tokens[:, 0], patches.mean(1), looked_at], -1))
        return gate, heat, boxes
