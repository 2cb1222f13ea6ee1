"""Training of the subject network from end to end, on coloured squares at 32 pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml.errors import DataError
from ml.spec import KeypointLayout, Likeness, ModelSpec
from ml.subject import Subject, SubjectFinder
from ml.training.data import Source
from ml.training.release import network_of
from ml.training.subject import (
    NO_BOX,
    SubjectConfig,
    box_loss,
    generalised_iou,
    train_subject,
)

ARCHITECTURE = "test_vit"  # timm's own for tests: six blocks of width 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Dogs are red boxes, annotated; the others are blue all over. Three shades for labels."""
    chance = np.random.default_rng(0)
    annotations, images = [], []
    for number in range(24):
        pixels = np.full((60, 80, 3), 90, np.uint8)
        x, y = (int(v) for v in chance.integers(0, 30, 2))
        pixels[y : y + 28, x : x + 45] = (120 + 60 * (number % 3), 20, 20)
        folder = tmp_path / "dogs" / f"shade-{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"shade-{number % 3}/{number}.png"})
        annotations.append({"image_id": number, "category_id": 1, "bbox": [x, y, 45, 28]})
        (tmp_path / "others").mkdir(exist_ok=True)
        Image.new("RGB", (70, 60), (20, 20, 100 + 5 * number)).save(
            tmp_path / "others" / f"{number}.png"
        )
    coco = {"categories": [{"id": 1, "name": "dog"}], "images": images, "annotations": annotations}
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    return tmp_path


def subject_config(**changes: object) -> SubjectConfig:
    sources = (
        Source("dogs", coco="coco.json", held_out=0.3, share=2.0),
        Source("others", kind="other", held_out=0.3, share=2.0),
    )
    settings = {
        "size": 32,
        "frozen_blocks": 0,
        "epochs": 2,
        "batch": 8,
        "workers": 0,
        "threads": 1,
        "rate": 2e-3,
    }
    return SubjectConfig(sources, ARCHITECTURE, **{**settings, **changes})  # type: ignore[arg-type]


def test_subject_learns_and_its_weights_load(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    figures = train_subject(subject_config(epochs=3), root, out)
    assert figures["accuracy"] >= 0.9
    spec = _spec(out / "subject.safetensors")
    finder = SubjectFinder.load(spec, device="torch-cpu", directory=out)
    (answer,) = finder.find([np.full((50, 50, 3), (20, 20, 200), np.uint8)])
    assert not isinstance(answer, Subject)


def test_generalised_iou_by_hand() -> None:
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 1, 1]])
    b = torch.tensor([[0.0, 0, 2, 2], [1, 0, 2, 1], [3, 0, 4, 1]])
    assert generalised_iou(a, b).tolist() == pytest.approx([1.0, 0.0, -0.5])


def test_box_loss_prefers_the_right_box_and_skips_unknown_ones() -> None:
    centres = torch.tensor([[[0.25, 0.5], [0.75, 0.5]]])
    boxes = torch.tensor([[0.0, 0.2, 0.5, 0.8], [*NO_BOX]])
    right = boxes[:, None].expand(2, 2, 4)
    heat = torch.tensor([[5.0, -5.0], [0.0, 0.0]])
    good = box_loss(heat, right, boxes, centres)
    assert good < box_loss(-heat, right, boxes, centres)
    assert good < box_loss(heat, right + 0.2, boxes, centres)
    changed = right.clone()
    changed[1] = 9.0
    assert box_loss(heat, changed, boxes, centres) == good
    assert box_loss(heat[1:], right[1:], boxes[1:], centres) == 0


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="holds no finished network"):
        network_of(path)
    with pytest.raises(DataError):
        network_of(tmp_path / "none.safetensors")


def _spec(path: Path) -> ModelSpec:
    network = network_of(path)
    layout, likeness = KeypointLayout((), (), {}), Likeness(0, 1, ((0, 0), (1, 100)))
    return ModelSpec("s", "S", network, network, network, layout, likeness)
