"""A finished run's checkpoint as the weights that are shipped."""

from pathlib import Path

import torch

from ml.networks.backbone import IMAGENET_MEAN, IMAGENET_STD, save_weights
from ml.networks.pose import build_network
from ml.skeleton import KEYPOINTS
from ml.spec import NetworkSpec
from ml.training.keypoints.config import Settings
from ml.training.keypoints.points import POINTS
from ml.traits import POSTURES, VIEWS


def export(checkpoint: Path, settings: Settings, path: Path) -> None:
    """Write float16 weights that find the 21 points of `ml.skeleton`, tell posture and view, and
    say how to run them."""
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
            "points": list(KEYPOINTS),
            "postures": list(POSTURES),
            "views": list(VIEWS),
        },
    )
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    kept = [POINTS.index(name) for name in KEYPOINTS]
    for name in ("head.final_layer.weight", "head.final_layer.bias"):
        state[name] = state[name][kept]
    module = build_network(network, None)
    module.load_state_dict(state)
    save_weights(
        module,
        path,
        architecture=network.architecture,
        size=network.size,
        options=dict(network.options),
    )
