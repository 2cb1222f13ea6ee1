"""One run of the embedder's training, from photos to a weights file."""

import dataclasses
import functools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ml.errors import DataError
from ml.evaluation.tables import print_result
from ml.networks.backbone import save_weights
from ml.subject import SubjectFinder
from ml.training.augment import policy
from ml.training.config import config_hash
from ml.training.crops import INTERPOLATION, cut_crops
from ml.training.distribution import Processes, joined
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.features import (
    StartAnswers,
    cached_views,
    relational_teacher,
    start_answers,
)
from ml.training.embedder.objectives import Teachers, losses_of
from ml.training.embedder.photos import Training, gather
from ml.training.embedder.streams import Batch, Batches, View, batches_from
from ml.training.embedder.student import (
    Student,
    build_student,
    optimiser_of,
    principal_map,
    regression_map,
    start_as_linear,
)
from ml.training.embedder.validation import Measure
from ml.training.finetuning import between
from ml.training.loop import Metrics, Schedule, fit, seed_everything
from ml.training.precision import Precision, pick


def train_embedder(
    config: EmbedderConfig,
    data: Path,
    out: Path,
    finder: SubjectFinder,
    margin: float,
    cache: Path | None = None,
) -> Metrics:
    """Train below `out`, resuming what is there; leaves `out/embedder.safetensors`.

    `finder` and `margin` cut the photos as the product will. Crops and what teachers say of them
    are kept below `cache`, which several runs may share; by default it is in `out`. Started by
    `torchrun`, each process embeds its part of every batch.
    """
    if config.tuning == "frozen":  # it forgets nothing, so there is nothing to hold on to
        config = dataclasses.replace(config, logits=0.0)
    if config.threads:
        torch.set_num_threads(config.threads)
    precision = pick(config.device, config.precision)
    cache = cache or out / "cache"
    with joined(precision.device) as processes:
        return _train(config, data, out, finder, margin, cache, precision, processes)


def _train(
    config: EmbedderConfig,
    data: Path,
    out: Path,
    finder: SubjectFinder,
    margin: float,
    cache: Path,
    precision: Precision,
    processes: Processes,
) -> Metrics:
    seed_everything(config.seed)
    side = max(256, config.size)
    cut = functools.partial(
        cut_crops, finder=finder, margin=margin, folder=cache / "crops", side=side
    )
    training, validation = gather(config, data, cut)
    measure = Measure(validation, config, precision)
    classes = tuple(len(values) for values in training.classes.values())
    student = build_student(config, data, sum(classes), precision).to(precision.device)
    if student.network.pool == "own":  # convolutions are faster so, and change nothing
        student.network.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    answers = processes.in_turn(lambda: _start_answers(config, training, data, precision, cache))
    teachers = _teachers(config, training, data, classes, answers)
    views = None
    if student.frozen:
        views = processes.in_turn(
            lambda: cached_views(student.network, training, config, data, precision, cache)
        )
    if config.head_start != "random" and not config.start:
        _start_head(student, teachers, answers[config.size], config)
    start = {name: value.clone() for name, value in student.network.state_dict().items()}
    if processes.first:
        _measure_start(measure, student, out)
    embed = (
        student
        if processes.count == 1
        else DistributedDataParallel(student, broadcast_buffers=False)
    )
    view = _view(config, training, views)

    def batches(epoch: int, first: int) -> Iterator[Batch]:
        listed = Batches(training, config, epoch, view, processes)
        return batches_from(listed, first, config.workers)

    def loss_of(batch: Batch) -> dict[str, torch.Tensor]:
        batch = batch.to(precision.device)
        answers = embed(batch.inputs, config.accumulate)
        answers = processes.gathered(answers, len(batch.rows))
        return losses_of(batch, *student.split(answers), teachers, config)

    best = fit(
        student,
        optimiser_of(student, config),
        Schedule(
            config.epochs,
            len(training.drawn(config.seed, 0)) // config.main_photos,
            warm_up=config.warm_up,
            patience=config.patience,
            watch=config.watch,
        ),
        batches=batches,
        loss_of=loss_of,
        validate=lambda: measure(student.network),
        out=out,
        fingerprint=_fingerprint(config),
        seed=config.seed,
        average=_average(student, config),
        scaler=precision.scaler(),
        processes=processes,
        checkpoint_minutes=config.checkpoint_minutes,
    )
    if processes.first:
        best |= _interpolate(student, start, measure, config, out)
        network = student.network
        save_weights(
            network,
            out / "embedder.safetensors",
            architecture=config.architecture,
            size=(config.size, config.size),
            options={
                "dimension": config.dimension,
                "pool": network.pool,
                "head": config.head,
                "interpolation": INTERPOLATION,
            },
            mean=network.mean,
            std=network.std,
        )
        print_result(best)
    return best


def _view(config: EmbedderConfig, training: Training, views: np.ndarray | None) -> View:
    if views is not None:
        return lambda row, seed: views[row, seed % views.shape[1]].astype(np.float32)
    augmented = policy(config.policy, config.size, config.crop_least, config.jitter)
    return lambda row, seed: augmented(training.pixels[row], seed)


def _average(student: Student, config: EmbedderConfig) -> AveragedModel | None:
    if not config.average:
        return None
    mean = get_ema_multi_avg_fn(config.average)
    return AveragedModel(student, multi_avg_fn=mean, use_buffers=True)


def _fingerprint(config: EmbedderConfig) -> str:
    """The same for runs that may go on from each other: where they run does not count."""
    return config_hash(
        dataclasses.replace(config, workers=0, threads=0, device="", checkpoint_minutes=0.0)
    )


def _start_answers(
    config: EmbedderConfig, training: Training, data: Path, precision: Precision, cache: Path
) -> dict[int, StartAnswers]:
    """By the input sizes that are asked for."""
    wants_own = config.logits or (config.head_start != "random" and not config.start)
    sizes = {
        *(config.teacher_sizes if config.distil else ()),
        *((config.size,) if wants_own else ()),
    }
    return {
        size: start_answers(config, training, data, precision, cache, size)
        for size in sorted(sizes)
    }


def _teachers(
    config: EmbedderConfig,
    training: Training,
    data: Path,
    classes: tuple[int, ...],
    answers: dict[int, StartAnswers],
) -> Teachers:
    held = [answers[size] for size in config.teacher_sizes] if config.distil else []
    return Teachers(
        torch.from_numpy(training.labels),
        relational_teacher(held) if held else None,
        torch.from_numpy(answers[config.size].logits) if config.logits else None,
        _targets(config, training, data) if config.targets else None,
        classes,
    )


def _targets(config: EmbedderConfig, training: Training, data: Path) -> torch.Tensor:
    """(n, d) unit rows from the file, zero for photos that it does not name."""
    try:
        with np.load(data / config.targets) as file:
            files, vectors = file["files"].tolist(), file["vectors"].astype(np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{config.targets} is no npz of 'files' and 'vectors'. Check the path.", str(error)
        ) from error
    if vectors.shape != (len(files), config.dimension):
        raise DataError(
            f"{config.targets} holds vectors {vectors.shape} for {len(files)} files, but the "
            f"embedder's have {config.dimension} numbers. Set 'dimension' to theirs."
        )
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    place = {name: row for row, name in enumerate(files)}
    found = np.zeros((len(training.names), config.dimension), np.float32)
    for row, name in enumerate(training.names):
        if name in place:
            found[row] = vectors[place[name]]
    if not found.any():
        raise DataError(
            f"{config.targets} names none of the photos. Its 'files' are paths below --data."
        )
    return torch.from_numpy(found)


def _start_head(
    student: Student, teachers: Teachers, answers: StartAnswers, config: EmbedderConfig
) -> None:
    known = np.arange(len(answers.features))
    if config.head_start == "targets" and teachers.targets is not None:
        known = np.flatnonzero(teachers.targets.any(1))
    features = torch.from_numpy(answers.features[known])
    if config.head_start == "targets" and teachers.targets is not None:
        weight, bias = regression_map(features, teachers.targets[known])
    else:
        weight, bias = principal_map(features, config.dimension)
    start_as_linear(student.network.head, features, weight, bias)


def _measure_start(measure: Measure, student: Student, out: Path) -> None:
    """What the start is worth goes into `start.json`: training has to beat it."""
    stored = out / "start.json"
    if not stored.is_file():
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(measure(student.network))
        print(f"start: {text}")
        stored.write_text(text + "\n")


def _interpolate(
    student: Student,
    start: dict[str, torch.Tensor],
    measure: Measure,
    config: EmbedderConfig,
    out: Path,
) -> Metrics:
    """Leave the best of the interpolations in the student; its metrics, and what was tried.

    A head that started at random has no start worth keeping, so it stays as trained.
    """
    if config.interpolations == (1.0,):
        return {}
    network = student.network
    end = {name: value.clone() for name, value in network.state_dict().items()}
    told: list[Metrics] = []
    states = []
    for share in config.interpolations:
        state = between(start, end, share)
        if config.head_start == "random" and not config.start:
            state |= {name: value for name, value in end.items() if name.startswith("head.")}
        network.load_state_dict(state)
        states.append(state)
        told.append({"interpolation": share, **measure(network)})
        print_result(told[-1])
    (out / "interpolations.json").write_text(json.dumps(told, indent=1) + "\n")
    chosen = max(range(len(told)), key=lambda place: told[place][config.watch])
    network.load_state_dict(states[chosen])
    return told[chosen]
