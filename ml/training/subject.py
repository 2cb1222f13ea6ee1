"""Training of the subject network: the gate on every photo, the box where one is known."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset

from ml.networks.backbone import load_pretrained, load_weights, save_weights
from ml.networks.subject import KINDS, SubjectNetwork
from ml.training import augment
from ml.training.config import config_hash
from ml.training.data import Sample, Source, epoch, picture, split
from ml.training.loop import Metrics, Schedule, fit, seed_everything

DOG = KINDS.index("dog")
NO_BOX = (-1.0, -1.0, -1.0, -1.0)


@dataclass(frozen=True)
class SubjectConfig:
    """Settings of one run; `rate` is of the heads, `backbone_rate` of the blocks not frozen.

    `pretrained` is a timm file for the backbone, `start` a whole subject network to go on from.
    `dog_at_least` and `margin` (share of the box added at each side of a crop) are no part of the
    training; they go into the spec.
    """

    sources: tuple[Source, ...] = field(default_factory=tuple)
    architecture: str = "vit_tiny_patch16_224"
    size: int = 224
    pretrained: str = ""
    start: str = ""
    frozen_blocks: int = 6
    epochs: int = 8
    batch: int = 32
    rate: float = 5e-4
    backbone_rate: float = 6e-5
    weight_decay: float = 0.02
    patience: int = 4
    box_weight: float = 2.0
    dog_at_least: float = 0.4
    margin: float = 0.1
    seed: int = 0
    workers: int = 1
    threads: int = 0


def train_subject(config: SubjectConfig, data: Path, out: Path) -> Metrics:
    """Train below `out`, resuming what is there; leaves `out/subject.safetensors`."""
    seed_everything(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    training, validation = split(config.sources, data)
    module = SubjectNetwork(config.architecture, (config.size, config.size))
    if config.pretrained:
        load_pretrained(module.backbone, data / config.pretrained)
    if config.start:
        load_weights(module, data / config.start)
    freeze(module.backbone, config.frozen_blocks)
    heads = [*module.patch_head.parameters(), *module.gate.parameters()]
    tuned = [p for p in module.backbone.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [
            {"params": heads, "lr": config.rate},
            {"params": tuned, "lr": config.backbone_rate},
        ],
        weight_decay=config.weight_decay,
    )
    backgrounds = [s.path for src, kept in training if src.kind == "other" for s in kept]

    def batches(number: int, first: int) -> Iterator[tuple[torch.Tensor, ...]]:
        samples = epoch(training, config.seed, number)
        views = SubjectViews(samples, config.size, backgrounds, seed=config.seed + 1000 * number)
        rest = Subset(views, range(first * config.batch, len(views)))
        return iter(DataLoader(rest, config.batch, num_workers=config.workers, drop_last=True))

    def loss_of(batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        pixels, kinds, boxes = batch
        with torch.autocast("cpu", torch.bfloat16):
            tokens = module.backbone.forward_features(module.normalise(pixels))  # type: ignore[operator]
        gate, heat, found = module.heads(tokens.float())
        loss = F.cross_entropy(gate, kinds, label_smoothing=0.03)
        return loss + config.box_weight * box_loss(heat, found, boxes, module.centres)

    samples = [s for _, kept in validation for s in kept]
    best = fit(
        module,
        optimiser,
        Schedule(
            config.epochs,
            len(epoch(training, config.seed, 0)) // config.batch,
            patience=config.patience,
        ),
        batches=batches,
        loss_of=loss_of,
        validate=lambda: measure(module, samples, config),
        out=out,
        fingerprint=config_hash(config),
    )
    save_weights(
        module,
        out / "subject.safetensors",
        architecture=config.architecture,
        size=(config.size, config.size),
        options={"dog_at_least": config.dog_at_least, "margin": config.margin},
    )
    return best


def freeze(backbone: torch.nn.Module, blocks: int) -> None:
    """Leave the patch embedding and the first `blocks` transformer blocks as they are."""
    if blocks <= 0:
        return
    for part in (backbone.patch_embed, *list(backbone.blocks)[:blocks]):  # type: ignore[arg-type]
        part.requires_grad_(False)
    for parameter in (backbone.pos_embed, backbone.cls_token):
        parameter.requires_grad_(False)


class SubjectViews(Dataset[tuple[torch.Tensor, int, torch.Tensor]]):
    """Augmented views: pixels uint8 (size, size, 3), kind, box in 0 to 1 or NO_BOX."""

    def __init__(
        self, samples: Sequence[Sample], size: int, backgrounds: Sequence[Path], seed: int
    ) -> None:
        self.samples = samples
        self.size = size
        self.backgrounds = backgrounds
        self.seed = seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int, torch.Tensor]:
        sample = self.samples[place]
        chance = random.Random(f"{self.seed}/{place}")
        image, box = self._view(sample, picture(sample), chance)
        pixels, scaled = squashed(image, box, self.size)
        return torch.from_numpy(pixels), KINDS.index(sample.kind), torch.tensor(scaled)

    def _view(
        self, sample: Sample, image: Image.Image, chance: random.Random
    ) -> tuple[Image.Image, augment.Box | None]:
        box = box_of(sample, image)
        if sample.kind == "person" and is_grey(image) and chance.random() < 0.6:
            image = augment.colourised(image, chance)
        image, box = augment.mirrored(image, box) if chance.random() < 0.5 else (image, box)
        if box is None:
            image = augment.random_part(image, chance, 0.6 if sample.kind == "dog" else 0.4)
        else:
            closeness = chance.random()
            far = {"photo": 0.25, "crop": 0.65, "head": 0.5}[sample.framing]
            if closeness < far:
                path = chance.choice(self.backgrounds) if self.backgrounds else None
                behind = None
                if path is not None and chance.random() < 0.5:
                    behind = picture(Sample(path, "other", "", "", "photo"))
                image, box = augment.farther(image, box, chance, behind)
            elif closeness < 0.9:
                image, box = augment.part_with_box(image, box, chance)
        image = augment.look(image, chance)
        if chance.random() < 0.4:
            width = image.width
            image = augment.coarser(image, chance)
            if box is not None:
                scale = image.width / width
                box = (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
        return image, box if sample.kind == "dog" else None


def is_grey(image: Image.Image) -> bool:
    """Whether the red, green and blue of every pixel are all but equal."""
    pixels = np.asarray(image).astype(np.int16)
    return bool(np.ptp(pixels, axis=2).max() <= 8)


def box_of(sample: Sample, image: Image.Image) -> augment.Box | None:
    """The labelled box; of a head crop nearly all of the picture; else None."""
    if sample.box is not None:
        return augment.clipped(sample.box, image.size)
    if sample.framing == "head":
        return 0.02 * image.width, 0.02 * image.height, 0.98 * image.width, 0.98 * image.height
    return None


def squashed(
    image: Image.Image, box: augment.Box | None, size: int
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The whole picture as (size, size, 3) uint8, whatever its shape, and the box in 0 to 1."""
    pixels = np.array(image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))
    if box is None:
        return pixels, NO_BOX
    width, height = image.size
    return pixels, (box[0] / width, box[1] / height, box[2] / width, box[3] / height)


def box_loss(
    heat: torch.Tensor, found: torch.Tensor, boxes: torch.Tensor, centres: torch.Tensor
) -> torch.Tensor:
    """Heat (n, N), patch boxes (n, N, 4) against boxes (n, 4); rows with NO_BOX carry none.

    The heat should be even over the middle 60 % of the box and nothing elsewhere (cross entropy of
    its softmax); the weighted box and the boxes of the middle patches should be right (1 - GIoU and
    L1).
    """
    known = boxes[:, 2] > boxes[:, 0]
    if not known.any():
        return heat.sum() * 0
    heat, found, boxes = heat[known], found[known], boxes[known]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * 0.6
    apart = (centres - middle[:, None]).abs() / half[:, None].clamp(min=1e-6)
    nearest = apart.amax(-1)
    inside = ((nearest <= 1) | (nearest <= nearest.amin(1, keepdim=True))).float()
    target = inside / inside.sum(1, keepdim=True)
    aim = -(target * heat.log_softmax(1)).sum(1).mean() * 0.2
    whole = (heat.softmax(1).unsqueeze(-1) * found).sum(1)
    each = (target.unsqueeze(-1) * (found - boxes[:, None]).abs()).sum((1, 2)).mean()
    return aim + (1 - generalised_iou(whole, boxes)).mean() + (whole - boxes).abs().mean() + each


def generalised_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """GIoU of boxes (n, 4), -1 to 1 (Rezatofighi et al. 2019)."""

    def area(box: torch.Tensor) -> torch.Tensor:
        return (box[:, 2] - box[:, 0]).clamp(min=0) * (box[:, 3] - box[:, 1]).clamp(min=0)

    shared = area(
        torch.cat([torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])], 1)
    )
    hull = area(
        torch.cat([torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:])], 1)
    )
    union = area(a) + area(b) - shared
    return shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def measure(module: SubjectNetwork, samples: Sequence[Sample], config: SubjectConfig) -> Metrics:
    """On samples as they are: gate and box figures, and `score`, their mean, to choose by."""
    gates, founds, kinds, boxes = [], [], [], []
    for start in range(0, len(samples), 64):
        pixels, targets = [], []
        for sample in samples[start : start + 64]:
            image = picture(sample)
            box = box_of(sample, image) if sample.kind == "dog" else None
            view, target = squashed(image, box, config.size)
            pixels.append(view)
            # A head crop fills its picture: any box would be right, so it would flatter the IoU.
            targets.append(NO_BOX if sample.framing == "head" else target)
            kinds.append(KINDS.index(sample.kind))
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            gate, found = module(torch.from_numpy(np.stack(pixels)))
        gates.append(gate.float())
        founds.append(found.float())
        boxes.append(torch.tensor(targets))
    gate, kind = torch.cat(gates), torch.tensor(kinds)
    found, wanted = torch.cat(founds), torch.cat(boxes)
    known = wanted[:, 2] > wanted[:, 0]
    right = gate.argmax(1) == kind
    dog = kind == DOG
    iou = plain_iou(found[known], wanted[known])
    as_dog = gate.argmax(1) == DOG
    balanced = (float(as_dog[dog].float().mean()) + float((~as_dog[~dog]).float().mean())) / 2
    covered = float((iou >= 0.5).float().mean())
    return {
        "score": (balanced + covered + float(iou.mean())) / 3,
        "accuracy": float(right.float().mean()),
        "dogs_refused": 1 - float(as_dog[dog].float().mean()),
        "others_passed": float(as_dog[~dog].float().mean()),
        "iou": float(iou.mean()),
        "iou@0.5": covered,
    }


def plain_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """IoU of boxes (n, 4), 0 to 1."""
    top_left, bottom_right = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    shared = (bottom_right - top_left).clamp(min=0).prod(1)
    both = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1)
    return shared / (both - shared).clamp(min=1e-6)
