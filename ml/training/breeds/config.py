"""Settings of a breed classifier's run."""

from dataclasses import dataclass, field

from ml.training.data import Source


@dataclass(frozen=True)
class BreedsConfig:
    """One run; paths are below the data's root.

    Labelled `sources` carry the breeds, all sources serve distillation. `teacher` is a timm file of
    an ImageNet classifier: its dog classes give the head its start, and their probabilities are
    what `distil` weighs. `views` random views (a margin up to `margin` of the box, a part,
    mirrored, colours by `jitter`) join the product's own. `smoothing` of labels, `mixing` the
    parameter of mixup's Beta distribution (0: none), `balance` from 0 (photos as they come) to 1
    (each breed equally often). A breed is told from the probability on at which `told_right` of
    the told are right. `draws` times whole breeds are held out to measure a new one learnt from
    `shots` photos.
    """

    sources: tuple[Source, ...] = field(default_factory=tuple)
    teacher: str = ""
    teacher_architecture: str = "vit_tiny_patch16_224"
    teacher_size: int = 224
    views: int = 3
    margin: float = 0.3
    jitter: float = 0.2
    epochs: int = 20
    batch: int = 64
    rate: float = 3e-4
    weight_decay: float = 0.01
    smoothing: float = 0.1
    distil: float = 1.0
    mixing: float = 0.0
    balance: float = 0.5
    told_right: float = 0.8
    draws: int = 5
    shots: int = 5
    seed: int = 0
    threads: int = 0
