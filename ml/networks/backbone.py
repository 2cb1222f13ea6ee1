"""Vision transformers by their timm names, and where their weights come from."""

import difflib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ml.compat import prepare_torchvision
from ml.errors import DataError, ModelMismatch, ModelMissing

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """uint8 (n, H, W, 3) RGB to float (n, 3, H, W), less the mean and over the deviation.

    Inside the network, so that every runtime does it alike and pixels travel as bytes.
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(
        self,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        deviation = torch.tensor(std).view(1, 3, 1, 1)
        self.register_buffer("scale", 1 / (255 * deviation), persistent=False)
        self.register_buffer(
            "shift", -torch.tensor(mean).view(1, 3, 1, 1) / deviation, persistent=False
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.permute(0, 3, 1, 2).float() * self.scale + self.shift


def build_backbone(architecture: str, size: tuple[int, int], **options: Any) -> nn.Module:
    """A timm transformer without its classifier; its `forward_features` gives (n, 1 + N, C).

    Raises ModelMissing with the nearest names where timm has no such architecture.
    """
    prepare_torchvision()
    import timm

    if architecture not in timm.list_models():
        near = difflib.get_close_matches(architecture, timm.list_models(), n=3, cutoff=0.4)
        raise ModelMissing(
            f"There is no architecture named '{architecture}'. "
            f"Nearest: {', '.join(near) or 'vit_tiny_patch16_224'}."
        )
    return timm.create_model(architecture, num_classes=0, img_size=size, **options)


def load_pretrained(backbone: nn.Module, path: Path) -> None:
    """Load timm weights into a backbone, resampling position embeddings to its input size.

    The classifier of the file is left out. Raises DataError where the file cannot be read and
    ModelMismatch where it is of another architecture.
    """
    try:
        state = load_file(path)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"The weights {path.name} cannot be read.", str(error)) from error
    from timm.layers import resample_abs_pos_embed

    state = {name: value.float() for name, value in state.items() if not name.startswith("head.")}
    if "pos_embed" in state and hasattr(backbone, "patch_embed"):
        grid = backbone.patch_embed.grid_size  # type: ignore[union-attr]
        state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], list(grid))  # type: ignore[arg-type]
    _load_strictly(backbone, state, path)


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a network's own float16 weights; raises ModelMismatch for another architecture's."""
    _load_strictly(module, {k: v.float() for k, v in load_file(path).items()}, path)


def save_weights(
    module: nn.Module,
    path: Path,
    *,
    architecture: str,
    size: tuple[int, int],
    options: dict[str, Any],
) -> None:
    """Save float16 safetensors that describe their network in their metadata.

    The description is a NetworkSpec's JSON without what only the finished file knows.
    """
    state = {k: v.detach().half().contiguous().cpu() for k, v in module.state_dict().items()}
    told = {
        "architecture": architecture,
        "size": size,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "options": options,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, metadata={"network": json.dumps(told)})


def _load_strictly(module: nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ModelMismatch(
            f"The weights {path.name} belong to another architecture or size.", str(error)[:500]
        ) from error
