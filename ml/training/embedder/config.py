"""Settings of an embedder's run."""

from dataclasses import dataclass, field
from typing import Literal

from ml.errors import DataError
from ml.networks.embedder import Head, Pool
from ml.training.augment import Policy
from ml.training.data import Source
from ml.training.finetuning import Tuning
from ml.training.precision import Bits

LOSSES = ("contrast", "supervised", "distil", "logits", "ranking", "attribute", "imitate")


@dataclass(frozen=True)
class EmbedderConfig:
    """Settings of one run; the defaults are SimCLR's as the product was first specified.

    Paths are below the data's root, empty for none.

    Network: any image network of timm. `normalisation` "own" is what timm's weights of it were
    trained with. `pretrained` is a timm file for the backbone, `start` a whole embedder to go on
    from. `head_start` makes the head keep what the backbone sees ("principal" directions of the
    features) or come near to the `targets`, where "random" would teach the backbone noise at first.

    Tuning: "full", "partial" (the last `tuned_blocks` of timm's layers) or "frozen"; then `views`
    views of each photo are passed through once and only the head is trained, in minutes. `rate` is
    the head's; the backbone's last layer has `backbone_rate` (0: the same), each layer before it
    `layer_decay` times as much. Batch norms keep the start's statistics unless `batch_statistics`.
    `average` is the decay of a running mean of the weights (0: none), which then is what is
    measured and kept. Of the `interpolations` between start (0) and end (1) the best is kept.

    Losses, by their weights, 0 being off: `contrast` (NT-Xent, two views of a photo), `supervised`
    (photos of one label), `distil` (likenesses of the start backbone at `teacher_sizes`), `logits`
    (the classes that the start backbone's own classifier sees), `ranking` (`rankings`: CSV of
    anchor,nearer,farther,weight), `attribute` (`attributes`: CSV of file and a column for each
    attribute, empty where unknown) and `imitate` (`targets`: npz of `files` and unit `vectors`).

    A step sees `batch` photos `accumulate` times, but one loss over all of them: their negatives
    are all others. Of them `labelled_share` are drawn by label, `per_label` of each. To these come
    `ranking_photos` and `attribute_photos`.

    `policy` names the augmentation; `jitter` is the strength of colour changes, for coat colour is
    part of likeness, `crop_least` the smallest part shown. `watch` names the metric that stops and
    chooses: "score", the mean of all r1 and of "triplets" where `validation_triplets` (CSV of
    query,a,b,choice, files in `validation_images`) are given, or any other of the log.
    """

    sources: tuple[Source, ...] = field(default_factory=tuple)

    architecture: str = "vit_tiny_patch16_224"
    size: int = 224
    normalisation: Literal["imagenet", "own"] = "imagenet"
    pool: Pool = "cls"
    head: Head = "mlp"
    dimension: int = 128
    pretrained: str = ""
    start: str = ""
    head_start: Literal["random", "principal", "targets"] = "random"

    tuning: Tuning = "full"
    tuned_blocks: int = 4
    views: int = 4
    batch_statistics: bool = False
    rate: float = 3e-4
    backbone_rate: float = 0.0
    layer_decay: float = 1.0
    weight_decay: float = 1e-6
    average: float = 0.0
    interpolations: tuple[float, ...] = (1.0,)

    contrast: float = 1.0
    supervised: float = 0.0
    temperature: float = 0.07
    distil: float = 0.0
    teacher_sizes: tuple[int, ...] = (224,)
    logits: float = 0.0
    logits_temperature: float = 2.0
    ranking: float = 0.0
    rankings: str = ""
    ranking_margin: float = 0.05
    ranking_temperature: float = 0.05
    attribute: float = 0.0
    attributes: str = ""
    imitate: float = 0.0
    targets: str = ""

    epochs: int = 40
    batch: int = 64
    accumulate: int = 1
    labelled_share: float = 0.0
    per_label: int = 2
    ranking_photos: int = 32
    attribute_photos: int = 32
    policy: Policy = "mild"
    jitter: float = 0.4
    crop_least: float = 0.8

    warm_up: float = 0.05
    patience: int = 8
    watch: str = "score"
    validation_triplets: str = ""
    validation_images: str = ""

    precision: Bits = "bf16"
    device: str = "auto"
    seed: int = 0
    workers: int = 1
    threads: int = 0
    checkpoint_minutes: float = 10.0

    def __post_init__(self) -> None:
        if not any(getattr(self, name) for name in LOSSES):
            raise DataError(f"All losses are off. Give one of {', '.join(LOSSES)} a weight.")
        needs = {
            "'distil'": (self.distil, "pretrained"),
            "'logits'": (self.logits, "pretrained"),
            "'ranking'": (self.ranking, "rankings"),
            "'attribute'": (self.attribute, "attributes"),
            "'imitate'": (self.imitate, "targets"),
            "head_start = 'targets'": (self.head_start == "targets", "targets"),
        }
        for name, (wanted, needed) in needs.items():
            if wanted and not getattr(self, needed):
                raise DataError(f"{name} needs '{needed}'. Name that file, or do without.")
        if self.batch_statistics and self.accumulate > 1:
            raise DataError(
                "Batch norms that learn their statistics would see chunks instead of the batch. "
                "Set 'accumulate' to 1 or 'batch_statistics' to false."
            )
        if min(self.batch, self.accumulate, self.per_label, self.size) < 1:
            raise DataError("'batch', 'accumulate', 'per_label' and 'size' must be 1 or more.")

    @property
    def main_photos(self) -> int:
        """Photos of the main stream in one step."""
        return self.batch * self.accumulate
