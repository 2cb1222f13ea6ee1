"""A finished run's checkpoint as the weights that are shipped."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ml.networks.backbone import IMAGENET_MEAN, IMAGENET_STD
from ml.skeleton import KEYPOINTS
from ml.spec import NetworkSpec, file_sha256
from ml.training.keypoints.config import Settings
from ml.training.keypoints.points import POINTS

Scale = tuple[tuple[float, float], ...]

_IDENTITY: Scale = ((0.0, 0.0), (1.0, 1.0))


def export(
    checkpoint: Path, settings: Settings, path: Path, score_scale: Scale = _IDENTITY
) -> NetworkSpec:
    """Write float16 safetensors with the 21 points of `ml.skeleton`, and say what they are.

    The description travels in the file's own metadata, see `network_spec`. `score_scale` holds
    rising (peak height, score) points.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    kept = [POINTS.index(name) for name in KEYPOINTS]
    for name in ("head.final_layer.weight", "head.final_layer.bias"):
        state[name] = state[name][kept]
    network = NetworkSpec(
        file=path.name,
        sha256="",
        architecture=settings.backbone,
        size=settings.size,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        options={
            "head_channels": list(settings.head_channels),
            "box_padding": settings.box_padding,
            "flip_test": False,
            "points": list(KEYPOINTS),
            "score_scale": [list(point) for point in score_scale],
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.half().contiguous() for name, value in state.items()},
        path,
        metadata={"network": json.dumps(asdict(network))},
    )
    return network_spec(path)


def network_spec(path: Path) -> NetworkSpec:
    """The spec of a weights file made by `export`: its own description and its sha256."""
    with safe_open(path, framework="pt") as file:
        told = json.loads(file.metadata()["network"])
    told["size"], told["mean"], told["std"] = map(tuple, (told["size"], told["mean"], told["std"]))
    return replace(NetworkSpec(**told), sha256=file_sha256(path))
