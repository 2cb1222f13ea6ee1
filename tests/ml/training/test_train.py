"""Both trainings from end to end, on coloured squares at 32 pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml.embedder import Embedder
from ml.errors import DataError
from ml.networks.embedder import EmbedderNetwork, ProjectionHead
from ml.spec import KeypointLayout, Likeness, ModelSpec
from ml.subject import Subject, SubjectFinder
from ml.training.data import Source
from ml.training.embedder import (
    EmbedderConfig,
    pairs,
    start_as_projection,
    train_embedder,
)
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


class WholePhoto(SubjectFinder):
    def __init__(self) -> None:
        self.identity = "whole photo"

    def find(self, images: object) -> list[Subject]:  # type: ignore[override]
        return [Subject((0, 0, i.shape[1], i.shape[0]), 1.0) for i in images]  # type: ignore[attr-defined]


def test_subject_learns_and_its_weights_load(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    figures = train_subject(subject_config(epochs=3), root, out)
    assert figures["accuracy"] >= 0.9
    spec = _spec(out / "subject.safetensors")
    finder = SubjectFinder.load(spec, device="torch-cpu", directory=out)
    (answer,) = finder.find([np.full((50, 50, 3), (20, 20, 200), np.uint8)])
    assert not isinstance(answer, Subject)


@pytest.mark.parametrize(
    "changes",
    [
        {
            "frozen_blocks": 6,
            "positives": "labels",
            "labelled_share": 0.5,
            "distil": 1.0,
            "teacher_sizes": (48,),
        },
        {"frozen_blocks": 5},
    ],
    ids=["head with labels and a teacher", "SimCLR through the last blocks"],
)
def test_embedder_learns_and_its_weights_load(
    root: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    settings = {
        "size": 32,
        "views": 2,
        "epochs": 2,
        "batch": 8,
        "workers": 0,
        "threads": 1,
        **changes,
    }
    # All shades in training, and again with labels for validation.
    sources = (Source("dogs", kind="dog", group="file", held_out=0.5, labelled=True),)
    config = EmbedderConfig(sources, ARCHITECTURE, **settings)  # type: ignore[arg-type]
    out = tmp_path / "run"
    figures = train_embedder(config, root, out, WholePhoto(), margin=0.1)
    assert 0 <= figures["dogs/r1"] <= 1
    spec = _spec(out / "embedder.safetensors")
    vectors = Embedder.load(spec, device="torch-cpu", directory=out).embed(
        [np.full((40, 30, 3), level, np.uint8) for level in (0, 200)]
    )
    assert vectors.shape == (2, 128)
    again = train_embedder(config, root, out, WholePhoto(), margin=0.1)
    assert again["dogs/r1"] == figures["dogs/r1"]


def test_too_little_to_train_on(root: Path, tmp_path: Path) -> None:
    config = EmbedderConfig((Source("dogs", kind="dog"),), ARCHITECTURE, size=32, workers=0)
    with pytest.raises(DataError, match="too few photos"):
        train_embedder(config, root, tmp_path / "run", WholePhoto(), margin=0.1)


def test_partners_share_a_label_and_every_row_comes_once() -> None:
    labels = np.array([-1, 0, 0, 0, 1, 1, -1] * 30)
    order, partners = pairs(labels, "labels", seed=0)
    assert sorted(order) == list(range(len(labels)))
    assert np.array_equal(labels[order], labels[partners])
    assert (order != partners).any()
    assert np.array_equal(order[labels[order] < 0], partners[labels[order] < 0])
    order, partners = pairs(labels, "views", seed=0)
    assert np.array_equal(order, partners)


def test_labelled_share_of_a_batch() -> None:
    labels = np.array([-1] * 900 + [0] * 50 + [1] * 50)
    order, _ = pairs(labels, "labels", seed=0, labelled_share=0.5)
    assert len(order) == len(labels)
    assert 0.45 < (labels[order] >= 0).mean() < 0.65


def test_a_head_that_starts_as_a_projection_keeps_cosines() -> None:
    torch.manual_seed(0)
    features = torch.randn(400, 12) @ torch.randn(12, 32)
    head = ProjectionHead(32, 16)
    start_as_projection(head, features)
    ours, theirs = (torch.nn.functional.normalize(x, dim=1) for x in (head(features), features))
    assert (ours @ ours.T - theirs @ theirs.T).abs().mean() < 0.03


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


def test_size_is_part_of_the_architecture() -> None:
    module = EmbedderNetwork(ARCHITECTURE, (32, 32))
    vectors, features = module(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    assert vectors.norm(dim=1).tolist() == pytest.approx([1, 1])
    assert features.shape == (2, 64)


def _spec(path: Path) -> ModelSpec:
    network = network_of(path)
    layout, likeness = KeypointLayout((), (), {}), Likeness(0, 1, ((0, 0), (1, 100)))
    return ModelSpec("s", "S", network, network, network, layout, likeness)
