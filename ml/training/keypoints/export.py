"""A finished run's checkpoint as the weights that are shipped."""

from pathlib import Path

import torch

from ml.networks.backbone import IMAGENET_MEAN, IMAGENET_STD, save_weights
from ml.networks.pose import build_network
from ml.skeleton import KEYPOINTS
from ml.spec import NetworkSpec
from ml.training.keypoints.config import Settings
from ml.training.keypoints.points import POINTS

Scale = tuple[tuple[float, float], ...]

IDENTITY: Scale = ((0.0, 0.0), (1.0, 1.0))


def export(
    checkpoint: Path, settings: Settings, path: Path, score_scale: Scale = IDENTITY
) -> NetworkSpec:
    """Write float16 weights of the 21 points of `ml.skeleton`; returns how to run them.

    `score_scale` holds rising (peak height, score) points, see `ml.pose.PoseEstimator`.
    """
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
    return network
