"""Trains the keypoint network with mmengine's Runner and MMPose."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ml.compat import prepare_mmpose
from ml.errors import DataError
from ml.training.keypoints.config import Settings, Source, runner_config
from ml.training.keypoints.datasets import convert, load, split_of, write

prepare_mmpose()

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

from ml.training.keypoints import pipeline as _registered  # noqa: E402, F401
from ml.training.keypoints.export import export  # noqa: E402
from ml.training.keypoints.start import TRAITS, blended, fitted, with_traits_of  # noqa: E402


def starter_sources(
    data: Path,
    out: Path,
    drawn: Path | None = None,
    pseudo: Path | None = None,
    extra: Sequence[Path] = (),
) -> tuple[list[Source], Source]:
    """The starter model's training sources and its validation source.

    `data` holds `shelter_hand/` and `animalpose/` as data/keypoints of the project's material
    does; `drawn` is a folder of `python -m ml draw`, `pseudo` one of `python -m ml
    pseudo-keypoints`, each of `extra` one of `manage.py export_annotations`. Converted files are
    written to `out`. Every fifth hand-annotated photo (by hash, see `split_of`) is held back;
    Animal-Pose keeps its own validation set.
    """
    hand = load(data / "shelter_hand" / "hand.json")
    hand_images = data / "shelter_hand" / "images"
    pose = load(data / "animalpose" / "animalpose_train.json")
    pose_images = data / "animalpose" / "images"
    others = {category["name"] for category in pose["categories"]} - {"dog"}

    def hand_side(side: str) -> Path:
        part = convert(hand, keep=lambda image: split_of(image) == side)
        return write(part, out / f"hand_{side}.json")

    dogs = write(convert(pose, species={"dog"}), out / "animalpose_dogs.json")
    rest = write(convert(pose, species=others), out / "animalpose_others.json")
    train = [
        Source(hand_side("train"), hand_images, share=3, absent_weight=1.0, hidden_weight=0.5),
        Source(dogs, pose_images, share=2, absent_weight=0.2),
        Source(rest, pose_images, share=0.4, absent_weight=0.2),
    ]
    if drawn is not None:
        figures = write(convert(load(drawn / "keypoints.json")), out / "drawn.json")
        train.append(Source(figures, drawn, share=0.4, absent_weight=1.0, hidden_weight=0.5))
    if pseudo is not None:
        sure = write(convert(load(pseudo / "annotations.json")), out / "pseudo.json")
        train.append(Source(sure, pseudo / "images", share=0.7, absent_weight=0))
    for number, folder in enumerate(extra, start=1):
        told = write(convert(load(folder / "annotations.json")), out / f"extra_{number}.json")
        images = folder / "images"
        train.append(Source(told, images, share=3, absent_weight=1.0, hidden_weight=0.5))
    return train, Source(hand_side("val"), hand_images, share=1, absent_weight=0)


def tells_traits(source: Source) -> bool:
    """Whether posture or view of any of its dogs is known."""
    dogs = json.loads(source.annotations.read_text())["annotations"]
    return any(dog.get("posture") or dog.get("view") for dog in dogs)


def train(settings: Settings, sources: list[Source], val: Source) -> Path:
    """Train until `settings.iterations`, going on from the last checkpoint in `settings.out`.

    Returns the exported weights, `pose.safetensors` in `settings.out`; where they are not those of
    the last checkpoint, `end.pth` is what they were made of. Raises DataError where the
    loss is no longer a number, and what `ml.training.keypoints.start.fitted` raises.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    if settings.start is not None:
        start = fitted(settings.start, settings.size, settings.out / "start.pth")
        settings = replace(settings, start=start)
    if settings.only_traits:
        sources = [source for source in sources if tells_traits(source)]
    last = settings.out / "last_checkpoint"
    config = Config(runner_config(settings, sources, val), filename=None)
    config.resume = last.exists()
    try:
        runner = Runner.from_cfg(config)
        if settings.only_traits:
            for name, weights in runner.model.named_parameters():
                weights.requires_grad = name.startswith(TRAITS)
        runner.train()
    except FloatingPointError as error:
        raise DataError(
            "The loss is no longer a number. Take a lower --lr; the last checkpoint in "
            f"{settings.out} is still good.",
            str(error),
        ) from error
    checkpoint = Path(last.read_text().strip())
    if settings.start is not None and settings.only_traits:
        checkpoint = with_traits_of(checkpoint, settings.start, settings.out / "end.pth")
    elif settings.start is not None and settings.blend < 1:
        end = settings.out / "end.pth"
        checkpoint = blended(settings.start, checkpoint, settings.blend, end)
    path = settings.out / "pose.safetensors"
    export(checkpoint, settings, path)
    return path
