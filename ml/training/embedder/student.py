"""The network in training: the embedder, and heads that only training needs."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from ml.errors import DataError
from ml.networks.backbone import classifier_rows, load_pretrained, load_weights, own_normalisation
from ml.networks.embedder import EmbedderNetwork, ProjectionHead
from ml.training.embedder.config import EmbedderConfig
from ml.training.finetuning import choose_parameters, keep_statistics, rate_groups
from ml.training.precision import Precision


class Student(nn.Module):
    """Views to what the losses read: head outputs (n, d) before normalising, and logits.

    `classifier` starts as the pretrained file's own and reads what it read; None where no loss
    needs it. `attributes` reads the head outputs. With `frozen` the views are pooled features
    (n, C), else pixels (n, H, W, 3) uint8.
    """

    def __init__(
        self,
        network: EmbedderNetwork,
        precision: Precision,
        classifier: nn.Linear | None = None,
        classes: int = 0,
        *,
        frozen: bool = False,
        batch_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.classifier = classifier
        dimension = network.head.layers[-1].out_features
        self.attributes = nn.Linear(int(dimension), classes) if classes else None  # type: ignore[arg-type]
        self.precision, self.frozen, self.batch_statistics = precision, frozen, batch_statistics

    def train(self, mode: bool = True) -> "Student":
        super().train(mode)
        if not self.batch_statistics:
            keep_statistics(self)
        return self

    def forward(self, views: torch.Tensor, chunks: int = 1) -> torch.Tensor:
        """Embed in `chunks` parts without keeping what lies between (gradient caching).

        As in GradCache (Gao et al. 2021) the loss sees all rows at once, and its gradient at the
        outputs goes back part by part through a second pass of each: the result is the gradient of
        the one large batch, at the memory of a part. torch's checkpointing is just that; it also
        repeats each part's random numbers.
        """
        if chunks == 1:
            return self.answers(views)
        parts = views.tensor_split(chunks)
        return torch.cat([checkpoint(self.answers, part, use_reentrant=False) for part in parts])

    def answers(self, views: torch.Tensor) -> torch.Tensor:
        """Head outputs, class logits and attribute logits side by side, float32."""
        if self.frozen:
            outputs = self.network.head(views)
            parts = [outputs]
        else:
            with self.precision.autocast():
                tokens = self.network.tokens(views)
                features = self.network.pooled(tokens)
                read = None if self.classifier is None else self.network.own_pooled(tokens)
            outputs = self.network.head(features.float())
            parts = [outputs]
            if self.classifier is not None and read is not None:
                parts.append(self.classifier(read.float()))
        if self.attributes is not None:
            parts.append(self.attributes(outputs))
        return torch.cat(parts, 1)

    def split(self, answers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The three parts of `answers`; (n, 0) for heads that are not there."""
        classes = 0 if self.classifier is None else self.classifier.out_features
        told = 0 if self.attributes is None else self.attributes.out_features
        outputs, logits, attributes = answers.split(
            [answers.shape[1] - classes - told, classes, told], 1
        )
        return outputs, logits, attributes


def build_network(config: EmbedderConfig, size: int | None = None) -> EmbedderNetwork:
    """The configured network with random weights, for another input `size` if given.

    Raises DataError where the architecture cannot take inputs of that size.
    """
    side = size or config.size
    kind = (config.architecture, (side, side), config.dimension, config.pool, config.head)
    try:
        network = EmbedderNetwork(*kind)
        if config.normalisation == "own":
            network = EmbedderNetwork(*kind, *own_normalisation(network.backbone))
        with torch.inference_mode():
            network.eval()(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    except (RuntimeError, AssertionError, ZeroDivisionError) as error:
        raise DataError(
            f"{config.architecture} cannot take pictures of {side} pixels. Set 'size' (for a "
            "teacher 'teacher_sizes') to one that it can.",
            str(error)[:200],
        ) from error
    return network.train()


def start_network(config: EmbedderConfig, data: Path, size: int | None = None) -> EmbedderNetwork:
    """The network with the pretrained backbone, where one is configured."""
    network = build_network(config, size)
    if config.pretrained:
        load_pretrained(network.backbone, data / config.pretrained)
    return network


def build_student(
    config: EmbedderConfig, data: Path, classes: int, precision: Precision
) -> Student:
    """The student at its start, but for the start of its head."""
    network = start_network(config, data)
    if config.start:
        load_weights(network, data / config.start)
    frozen = config.tuning == "frozen"
    choose_parameters(network.backbone, config.tuning, config.tuned_blocks)
    return Student(
        network,
        precision,
        start_classifier(network, config, data) if config.logits and not frozen else None,
        classes if config.attribute else 0,
        frozen=frozen,
        batch_statistics=config.batch_statistics,
    )


def start_classifier(network: EmbedderNetwork, config: EmbedderConfig, data: Path) -> nn.Linear:
    """The classifier of the pretrained file."""
    weight, bias = classifier_rows(network.backbone, data / config.pretrained)
    classifier = nn.Linear(weight.shape[1], weight.shape[0])
    classifier.load_state_dict({"weight": weight, "bias": bias})
    return classifier


def optimiser_of(student: Student, config: EmbedderConfig) -> torch.optim.Optimizer:
    """AdamW over what is trained, the backbone by its layers."""
    heads = [
        *student.network.head.parameters(),
        *(student.classifier.parameters() if student.classifier else ()),
        *(student.attributes.parameters() if student.attributes else ()),
    ]
    groups = [{"params": heads, "lr": config.rate, "weight_decay": config.weight_decay}]
    if not student.frozen:
        groups += rate_groups(
            student.network.backbone,
            config.backbone_rate or config.rate,
            config.layer_decay,
            config.weight_decay,
        )
    return torch.optim.AdamW(groups)


def start_as_linear(
    head: ProjectionHead, features: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
) -> None:
    """Make the head the map x -> weight x + bias on features (n, C); weight (d, C), bias (d,).

    Of two layers the first passes the features on, lifted above zero so that the ReLU leaves nearly
    all as they are; the second lowers and maps them.
    """
    last = head.layers[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.copy_(weight)
        last.bias.copy_(bias)
        if len(head.layers) > 1:
            first = head.layers[0]
            assert isinstance(first, nn.Linear)
            lift = 2 * float(features.std())
            first.weight.copy_(torch.eye(features.shape[1]))
            first.bias.fill_(lift)
            last.bias.sub_(lift * weight.sum(1))


def principal_map(features: torch.Tensor, dimension: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Projection (d, C) on the principal directions of features (n, C), without centring."""
    directions = torch.linalg.svd(features, full_matrices=False).Vh[:dimension]
    weight = F.pad(directions, (0, 0, 0, dimension - len(directions)))
    return weight, torch.zeros(dimension)


def regression_map(
    features: torch.Tensor, targets: torch.Tensor, ridge: float = 1e-3
) -> tuple[torch.Tensor, torch.Tensor]:
    """The linear map (d, C) and (d,) from features (n, C) nearest to targets (n, d) (ridge)."""
    features, targets = features.double(), targets.double()
    middle, aim = features.mean(0), targets.mean(0)
    apart = features - middle
    squares = apart.T @ apart
    squares += ridge * squares.diagonal().mean() * torch.eye(len(squares), dtype=squares.dtype)
    weight = torch.linalg.solve(squares, apart.T @ (targets - aim)).T
    return weight.float(), (aim - weight @ middle).float()
