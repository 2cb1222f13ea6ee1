"""Image networks by their timm names, and where their weights come from."""

import difflib
import inspect
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
    """A timm network without its classifier, for inputs of `size` (height, width).

    Its `forward_features` gives (n, 1 + N, C) for a transformer, a map for others. Raises
    ModelMissing with the nearest names where timm has no such architecture.
    """
    prepare_torchvision()
    import timm

    names = [*timm.list_models(), *timm.list_pretrained()]
    if architecture not in names:
        near = difflib.get_close_matches(architecture, names, n=3, cutoff=0.4)
        raise ModelMissing(
            f"There is no architecture named '{architecture}'. "
            f"Nearest: {', '.join(near) or 'vit_tiny_patch16_224'}."
        )
    options = {"num_classes": 0, **options}
    try:
        return timm.create_model(architecture, img_size=size, **options)
    except TypeError:  # networks that take inputs of any size know no such option
        return timm.create_model(architecture, **options)


def own_normalisation(backbone: nn.Module) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel, in 0 to 1, that timm's weights of it were trained with."""
    told: dict[str, Any] = backbone.pretrained_cfg  # type: ignore[assignment]
    return tuple(told.get("mean", IMAGENET_MEAN)), tuple(told.get("std", IMAGENET_STD))


def load_pretrained(backbone: nn.Module, path: Path) -> None:
    """Load timm weights into a backbone, fitting position embeddings to its input size.

    The classifier of the file is left out. Raises DataError where the file cannot be read and
    ModelMismatch where it is of another architecture.
    """
    heads = tuple(f"{name}." for name in _classifiers(backbone))
    state = {name: v for name, v in _read(path).items() if not name.startswith(heads)}
    # timm keeps what it does to published weights of a family beside the family's class.
    fitted = getattr(inspect.getmodule(type(backbone)), "checkpoint_filter_fn", None)
    try:
        state = fitted(state, backbone) if fitted else state
    except (KeyError, RuntimeError, AttributeError) as error:
        raise _mismatch(path, error) from error
    for name, value in backbone.state_dict().items():
        if name.endswith("num_batches_tracked"):  # counts that say nothing, often left out
            state.setdefault(name, value)
    _load_strictly(backbone, state, path)


def classifier_rows(backbone: nn.Module, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (K, C) and bias (K,) float32 of the classifier in a file of timm weights.

    Raises DataError where it has none.
    """
    state = _read(path)
    name = _classifiers(backbone)[0]
    if f"{name}.weight" not in state or f"{name}.bias" not in state:
        raise DataError(
            f"The weights {path.name} carry no classifier '{name}'. Set 'logits' to 0, or name a "
            "file with one as 'pretrained'."
        )
    return state[f"{name}.weight"], state[f"{name}.bias"]


def _classifiers(backbone: nn.Module) -> tuple[str, ...]:
    told: dict[str, Any] = backbone.pretrained_cfg  # type: ignore[assignment]
    names = told.get("classifier") or "head"
    return (names,) if isinstance(names, str) else tuple(names)


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        state = load_file(path)
    except Exception as error:  # safetensors raises OSError, its own error or a plain Exception
        raise DataError(
            f"The weights {path.name} cannot be read. Name a safetensors file with timm's names, "
            "for example one that `python -m ml fetch` brings.",
            str(error),
        ) from error
    return {name: v.float() if v.is_floating_point() else v for name, v in state.items()}


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a network's own weights; raises ModelMismatch for another architecture's."""
    _load_strictly(module, _read(path), path)


def save_weights(
    module: nn.Module,
    path: Path,
    *,
    architecture: str,
    size: tuple[int, int],
    options: dict[str, Any],
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> None:
    """Save float16 safetensors that describe their network in their metadata.

    The description is a NetworkSpec's JSON without what only the finished file knows. Statistics
    of batch norms stay as they are: a variance may be too small or too large for float16.
    """
    halved = {name for name, _ in module.named_parameters()}
    state = {
        name: (value.half() if name in halved else value).detach().contiguous().cpu()
        for name, value in module.state_dict().items()
    }
    told = {
        "architecture": architecture,
        "size": size,
        "mean": mean,
        "std": std,
        "options": options,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path, metadata={"network": json.dumps(told)})


def _load_strictly(module: nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise _mismatch(path, error) from error


def _mismatch(path: Path, error: Exception) -> ModelMismatch:
    return ModelMismatch(
        f"The weights {path.name} belong to another architecture, dimension or size. Name those "
        "of this one, or change the configuration to theirs.",
        str(error)[:500],
    )
