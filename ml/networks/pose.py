"""Keypoint networks, built by MMPose: dog crop to heatmaps."""

import difflib
from importlib.resources import files
from pathlib import Path
from typing import Any

from ml.compat import prepare_mmpose

prepare_mmpose()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.model import BaseModule  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from mmpose.models.heads import HeatmapHead  # noqa: E402
from mmpose.registry import MODELS  # noqa: E402
from torch import nn  # noqa: E402

from ml.errors import ModelMismatch, ModelMissing  # noqa: E402
from ml.networks.backbone import (  # noqa: E402
    IMAGENET_MEAN,
    IMAGENET_STD,
    Normalise,
    build_backbone,
    load_pretrained,
    load_weights,
)
from ml.skeleton import KEYPOINTS  # noqa: E402
from ml.spec import NetworkSpec  # noqa: E402

STRIDE = 4
"""Input pixels for each heatmap cell."""

PATCH = 16
"""Input pixels on a side of a transformer's patch."""


@MODELS.register_module()
class TimmViT(BaseModule):
    """A timm vision transformer as a backbone: (n, 3, h, w) to one map (n, C, h / 16, w / 16).

    `weights` names a safetensors file of pre-trained weights, for `init_weights`.
    """

    def __init__(self, name: str, size: tuple[int, int], weights: str | None = None) -> None:
        super().__init__()
        self.vit = build_backbone(name, size, global_pool="")
        self.weights = weights

    def init_weights(self) -> None:
        if self.weights is not None:
            load_pretrained(self.vit, Path(self.weights))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(
            self.vit.forward_intermediates(  # type: ignore[operator]
                images, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
            )
        )


@MODELS.register_module()
class TraitHeatmapHead(HeatmapHead):
    """MMPose's heatmap head with two classifiers beside it, of posture and view.

    They read the backbone's map, shrunk by `trait_channels` of 3 × 3 filters with stride 2 and
    taken whole, since where things lie is what tells a sitting dog from a lying one. Their losses,
    cross entropies weighted by `trait_weight`, count photos whose data set tells them (see
    `ml.training.keypoints.pipeline.TraitTargets`).
    """

    def __init__(
        self,
        *,
        in_channels: int,
        map_size: tuple[int, int],
        postures: int,
        views: int,
        trait_channels: int = 64,
        trait_weight: float = 1e-3,
        **options: Any,
    ) -> None:
        super().__init__(in_channels, **options)
        rows, columns = ((side + 1) // 2 for side in map_size)
        self.counts = (postures, views)
        self.trait_weight = trait_weight
        self.traits = nn.Sequential(
            nn.Conv2d(in_channels, trait_channels, 3, 2, 1),
            nn.GELU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(trait_channels * rows * columns, postures + views),
        )

    def tell(self, features: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of postures (n, P) and views (n, V)."""
        postures, views = self.traits(features[-1]).split(self.counts, 1)
        return postures, views

    def loss(
        self, feats: tuple[torch.Tensor, ...], batch_data_samples: Any, train_cfg: Any = None
    ) -> dict[str, torch.Tensor]:
        losses = super().loss(feats, batch_data_samples, train_cfg or {})
        for name, logits in zip(("posture", "view"), self.tell(feats), strict=True):
            labels = torch.tensor(
                [sample.metainfo[name] for sample in batch_data_samples], device=logits.device
            )
            known = labels >= 0
            told = F.cross_entropy(logits[known].float(), labels[known], label_smoothing=0.05)
            losses[f"loss_{name}"] = self.trait_weight * (told if known.any() else logits.sum() * 0)
        return losses


class PoseNetwork(nn.Module):
    """Dog crop to heatmaps: uint8 (n, H, W, 3) RGB to float (n, K, H / 4, W / 4).

    A peak's place is the point's, its height the confidence, about 0 to 1. With a head that tells
    traits, the logits of postures (n, P) and views (n, V) follow.
    """

    def __init__(
        self, settings: dict[str, Any], mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        super().__init__()
        with DefaultScope.overwrite_default_scope("mmpose"):
            estimator = MODELS.build(settings)
        self.normalise = Normalise(mean, std)  # type: ignore[arg-type]
        self.backbone = estimator.backbone
        self.neck = estimator.neck if estimator.with_neck else None
        self.head = estimator.head

    def forward(self, pixels: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        features = self.backbone(self.normalise(pixels))
        if self.neck is not None:
            features = self.neck(features)
        heatmaps: torch.Tensor = self.head(features)
        if isinstance(self.head, TraitHeatmapHead):
            return heatmaps, *self.head.tell(features)
        return heatmaps


def build_network(network: NetworkSpec, path: Path | None) -> PoseNetwork:
    """The network of a spec with its weights from `path`; at random where `path` is None.

    The architecture is either a timm transformer, with the options `head_channels` for its
    deconvolution head and `postures` and `views` for what else it tells, or the name of one of
    MMPose's own configs (HRNet-W32 on AP-10K: `td-hm_hrnet-w32_8xb64-210e_ap10k-256x256`). `path`
    is a safetensors file, or for MMPose's architectures also one of its checkpoints (.pth). Raises
    ModelMissing for an unknown architecture, ModelMismatch where weights and architecture are not
    of one kind.
    """
    if network.architecture.startswith("td-hm_"):
        settings = mmpose_settings(network.architecture)
    else:
        settings = vit_heatmap(
            network.architecture,
            network.size,
            points=len(network.options["points"]),
            head_channels=tuple(network.options["head_channels"]),
            postures=len(network.options.get("postures", ())),
            views=len(network.options.get("views", ())),
        )
    module = PoseNetwork(settings, network.mean, network.std).eval()
    if path is not None and path.suffix == ".pth":
        _load_checkpoint(module, path)
    elif path is not None:
        load_weights(module, path)
    return module


def mmpose_settings(name: str) -> dict[str, Any]:
    """The model settings of a top-down heatmap config that MMPose carries, without downloads."""
    settings: dict[str, Any] = _config(name).model.to_dict()
    settings["backbone"].pop("init_cfg", None)
    return settings


def mmpose_network(name: str) -> NetworkSpec:
    """How the network of one of MMPose's configs for AP-10K is run; without a file."""
    width, height = _config(name).codec["input_size"]
    return NetworkSpec(
        file="",
        sha256="",
        architecture=name,
        size=(height, width),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        options={"box_padding": 1.25, "points": list(KEYPOINTS[:17])},
    )


def _config(name: str) -> Config:
    configs = Path(str(files("mmpose"))) / ".mim" / "configs"
    found = {path.stem: path for path in configs.rglob("td-hm_*.py")}
    if name not in found:
        near = ", ".join(difflib.get_close_matches(name, found, n=3, cutoff=0.4))
        raise ModelMissing(f"MMPose has no config named '{name}'. Nearest: {near or 'none'}.")
    return Config.fromfile(str(found[name]))


def _load_checkpoint(module: PoseNetwork, path: Path) -> None:
    """Of MMPose 1, or of 0.x as those for AP-10K that are published."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        module.load_state_dict(
            {
                name.replace("keypoint_head.", "head.", 1): value
                for name, value in state.items()
                if not name.startswith("data_preprocessor.")
            }
        )
    except Exception as error:  # pickle, zip and key errors of any kind mean the same here
        raise ModelMismatch(
            f"{path.name} is not a checkpoint of this architecture. Save its state_dict alone as "
            "safetensors, or fetch it again.",
            str(error)[:500],
        ) from error


def codec(size: tuple[int, int]) -> dict[str, Any]:
    """The heatmap codec for an input of `size` (height, width), with `ml.heatmaps`' decoding.

    Zhang et al., Distribution-Aware Coordinate Representation for Human Pose Estimation, 2020.
    """
    height, width = size
    return {
        "type": "MSRAHeatmap",
        "input_size": (width, height),
        "heatmap_size": (width // STRIDE, height // STRIDE),
        "sigma": 2.0,
        "unbiased": True,
    }


def vit_heatmap(
    backbone: str,
    size: tuple[int, int],
    *,
    points: int,
    head_channels: tuple[int, ...],
    postures: int = 0,
    views: int = 0,
    weights: Path | None = None,
) -> dict[str, Any]:
    """MMPose settings of a plain ViT with a deconvolution head, as ViTPose (Xu et al., 2022).

    With `postures` and `views` kinds of them are told by the head too. `weights` is a file of
    pre-trained backbone weights to start from.
    """
    width = int(build_backbone(backbone, size).num_features)  # type: ignore[arg-type]
    map_size = tuple(side // PATCH for side in size)
    traits = {"map_size": map_size, "postures": postures, "views": views} if postures else {}
    return {
        "type": "TopdownPoseEstimator",
        "data_preprocessor": {
            "type": "PoseDataPreprocessor",
            "mean": [255 * value for value in IMAGENET_MEAN],
            "std": [255 * value for value in IMAGENET_STD],
            "bgr_to_rgb": True,
        },
        "backbone": {
            "type": "TimmViT",
            "name": backbone,
            "size": size,
            "weights": None if weights is None else str(weights),
        },
        "head": traits
        | {
            "type": "TraitHeatmapHead" if traits else "HeatmapHead",
            "in_channels": width,
            "out_channels": points,
            "deconv_out_channels": head_channels,
            "deconv_kernel_sizes": (4,) * len(head_channels),
            "loss": {"type": "KeypointMSELoss", "use_target_weight": True},
            "decoder": codec(size),
        },
        "train_cfg": {"compute_acc": False},
        "test_cfg": {"flip_test": False},
    }
