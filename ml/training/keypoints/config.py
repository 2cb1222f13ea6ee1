"""Everything a keypoint training run can be told, and the mmengine configuration made of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml.networks.pose import codec, vit_heatmap
from ml.training.keypoints.points import POINTS, metainfo
from ml.traits import POSTURES, VIEWS


@dataclass(frozen=True)
class Source:
    """One annotation file and how it counts.

    `share` multiplies how often its photos are drawn in an epoch; `absent_weight` and
    `hidden_weight` are loss weights, see `ml.training.keypoints.pipeline.PawkinDataset`.
    """

    annotations: Path
    images: Path
    share: float
    absent_weight: float
    hidden_weight: float = 1.0


@dataclass(frozen=True)
class Settings:
    """Defaults are those of the shipped starter weights.

    `weights` is a file of pre-trained backbone weights, `start` a checkpoint of an earlier run to
    go on from instead. `size` is (height, width) of the input, `box_padding` the factor by which a
    dog's box grows. Rates are those of the head: they fall by `layer_decay` with every block
    towards the input. `blend` is the share of the run's end in what is exported, the rest being
    `start`: weights between the two forget less (Wortsman et al., Robust fine-tuning of zero-shot
    models, CVPR 2022). With `only_traits` all but the classifiers of posture and view stays as it
    was in `start`.
    """

    out: Path
    weights: Path | None = None
    start: Path | None = None
    backbone: str = "vit_tiny_patch16_224"
    size: tuple[int, int] = (192, 192)
    head_channels: tuple[int, ...] = (128, 128)
    box_padding: float = 1.25
    batch: int = 32
    iterations: int = 1500
    warm_up: int = 100
    lr: float = 6e-4
    layer_decay: float = 0.8
    weight_decay: float = 0.05
    checkpoint_every: int = 100
    workers: int = 0
    threads: int | None = None
    seed: int = 20
    blend: float = 1.0
    only_traits: bool = False


# What MMPose's validation reads of a photo.
_META = ("id", "img_id", "img_path", "ori_shape", "img_shape", "input_size", "flip_indices")


def _layer_rates(settings: Settings, blocks: int = 12) -> dict[str, Any]:
    """Learning rates that fall towards the input: early layers of the backbone are general."""
    rates = {
        f"backbone.vit.blocks.{block}.": {"lr_mult": settings.layer_decay ** (blocks - block)}
        for block in range(blocks)
    }
    first = {"lr_mult": settings.layer_decay ** (blocks + 1)}
    unregularised = first | {"decay_mult": 0.0}
    return rates | {
        "backbone.vit.patch_embed": first,
        "backbone.vit.pos_embed": unregularised,
        "backbone.vit.cls_token": unregularised,
    }


def _training_pipeline(settings: Settings) -> list[dict[str, Any]]:
    height, width = settings.size
    return [
        {"type": "LoadImage"},
        {"type": "GetBBoxCenterScale", "padding": settings.box_padding},
        {"type": "RandomFlip", "direction": "horizontal"},
        {"type": "RandomHalfBody", "prob": 0.2},
        {"type": "TraitTargets"},
        {"type": "RandomBBoxTransform", "scale_factor": (0.7, 1.35), "rotate_factor": 50},
        {"type": "TopdownAffine", "input_size": (width, height)},
        {"type": "PhotometricDistortion"},
        {"type": "GenerateTarget", "encoder": codec(settings.size)},
        {"type": "WeighAbsent"},
        {"type": "PackPoseInputs", "meta_keys": (*_META, "posture", "view")},
    ]


def runner_config(settings: Settings, train: list[Source], val: Source) -> dict[str, Any]:
    """The configuration of an mmengine Runner: validates on `val` with CocoMetric (OKS)."""
    height, width = settings.size
    pipeline = _training_pipeline(settings)

    def dataset(source: Source, pipeline: list[dict[str, Any]], test: bool) -> dict[str, Any]:
        return {
            "type": "PawkinDataset",
            "ann_file": str(source.annotations),
            "data_prefix": {"img": str(source.images)},
            "absent_weight": source.absent_weight,
            "hidden_weight": source.hidden_weight,
            "pipeline": pipeline,
            "test_mode": test,
        }

    loader = {"num_workers": settings.workers, "persistent_workers": settings.workers > 0}
    return {
        "default_scope": "mmpose",
        "load_from": None if settings.start is None else str(settings.start),
        "work_dir": str(settings.out),
        "model": vit_heatmap(
            settings.backbone,
            settings.size,
            points=len(POINTS),
            head_channels=settings.head_channels,
            postures=len(POSTURES),
            views=len(VIEWS),
            weights=settings.weights,
        ),
        "train_dataloader": loader
        | {
            "batch_size": settings.batch,
            "drop_last": True,
            "sampler": {"type": "InfiniteSampler", "shuffle": True, "seed": settings.seed},
            "dataset": {
                "type": "CombinedDataset",
                "metainfo": metainfo(),
                "datasets": [dataset(source, pipeline, test=False) for source in train],
                "sample_ratio_factor": [source.share for source in train],
            },
        },
        "val_dataloader": loader
        | {
            "batch_size": settings.batch,
            "sampler": {"type": "DefaultSampler", "shuffle": False, "round_up": False},
            "dataset": dataset(
                val,
                [
                    {"type": "LoadImage"},
                    {"type": "GetBBoxCenterScale", "padding": settings.box_padding},
                    {"type": "TopdownAffine", "input_size": (width, height)},
                    {"type": "PackPoseInputs"},
                ],
                test=True,
            ),
        },
        "val_evaluator": {"type": "CocoMetric", "ann_file": str(val.annotations)},
        "train_cfg": {
            "by_epoch": False,
            "max_iters": settings.iterations,
            "val_interval": settings.iterations,
        },
        "val_cfg": {},
        "optim_wrapper": {
            "type": "BFloat16OptimWrapper",
            "optimizer": {
                "type": "AdamW",
                "lr": settings.lr,
                "weight_decay": settings.weight_decay,
            },
            "clip_grad": {"max_norm": 1.0},
            "paramwise_cfg": {
                "norm_decay_mult": 0.0,
                "bias_decay_mult": 0.0,
                "custom_keys": _layer_rates(settings),
            },
        },
        "param_scheduler": [
            {
                "type": "LinearLR",
                "start_factor": 0.01,
                "begin": 0,
                "end": settings.warm_up,
                "by_epoch": False,
            },
            {
                "type": "CosineAnnealingLR",
                "eta_min_ratio": 0.005,
                "begin": settings.warm_up,
                "end": settings.iterations,
                "T_max": settings.iterations - settings.warm_up,
                "by_epoch": False,
            },
        ],
        "default_hooks": {
            "checkpoint": {
                "type": "CheckpointHook",
                "by_epoch": False,
                "interval": settings.checkpoint_every,
                "max_keep_ckpts": 2,
            },
            "logger": {"type": "LoggerHook", "interval": 20},
        },
        "custom_hooks": [{"type": "PlainCheckpoint"}, {"type": "StopOnNaN", "priority": "HIGH"}],
        "log_processor": {"by_epoch": False, "window_size": 20},
        "visualizer": {
            "type": "Visualizer",
            "vis_backends": [{"type": "LocalVisBackend"}],
        },
        "randomness": {"seed": settings.seed},
        "settings": {name: str(value) for name, value in asdict(settings).items()},
    }
