"""The checkpoint that a run goes on from, and what stays of it."""

from pathlib import Path

import torch
import torch.nn.functional as F
from timm.layers import resample_abs_pos_embed

from ml.errors import ModelMismatch
from ml.networks.pose import PATCH

_PLACES = "backbone.vit.pos_embed"
TRAITS = "head.traits."
_READS_MAP = "head.traits.4.weight"


def fitted(checkpoint: Path, size: tuple[int, int], path: Path) -> Path:
    """A checkpoint of a network of this project whose input is of `size` (height, width).

    One of another size is written to `path` with its position embeddings resampled (as timm does
    it) and the weights by which posture and view read the map spread over the new one, so that
    what they tell of a picture stays near what it was. One of that size is returned as it is.
    Raises ModelMismatch where the checkpoint is not of this kind of network or not square.
    """
    stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = stored.get("state_dict", {})
    if _PLACES not in state:
        raise ModelMismatch(
            f"{checkpoint} is not a checkpoint of `python -m ml train keypoints`. Give one that "
            "such a run has written (iter_….pth), or leave --start out."
        )
    tokens = state[_PLACES].shape[1] - 1
    old = round(tokens**0.5)
    new = (size[0] // PATCH, size[1] // PATCH)
    if old**2 != tokens:
        raise ModelMismatch(f"{checkpoint} is of a network whose input is not a square.")
    if new == (old, old):
        return checkpoint
    state[_PLACES] = resample_abs_pos_embed(state[_PLACES], list(new), [old, old])
    if _READS_MAP in state:
        before, after = ((old + 1) // 2,) * 2, tuple((side + 1) // 2 for side in new)
        weights = state[_READS_MAP].unflatten(1, (-1, *before))
        weights = F.interpolate(weights, after, mode="bilinear")
        share = before[0] * before[1] / (after[0] * after[1])
        state[_READS_MAP] = weights.flatten(1) * share
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state}, path)
    return path


def with_traits_of(checkpoint: Path, start: Path, path: Path) -> Path:
    """Writes to `path` the checkpoint `start` with the classifiers of posture and view of another;
    statistics of normalisation that moved meanwhile are those of `start`. Returns `path`."""
    learnt = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    state = torch.load(start, map_location="cpu", weights_only=True)["state_dict"]
    state |= {name: weights for name, weights in learnt.items() if name.startswith(TRAITS)}
    torch.save({"state_dict": state}, path)
    return path


def blended(start: Path, end: Path, share: float, path: Path) -> Path:
    """Writes to `path` weights on the line from one checkpoint to another, `share` of the way.
    Returns `path`."""
    first = torch.load(start, map_location="cpu", weights_only=True)["state_dict"]
    last = torch.load(end, map_location="cpu", weights_only=True)["state_dict"]
    state = {
        name: torch.lerp(first[name], weights, share) if weights.is_floating_point() else weights
        for name, weights in last.items()
    }
    torch.save({"state_dict": state}, path)
    return path
