"""The head on tiny hand-made features."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ml.breeds import breeds
from ml.compat import prepare_torchvision
from ml.errors import DataError
from ml.training.breeds.config import BreedsConfig
from ml.training.breeds.features import Photos, Teacher, taught_breeds, teacher_rows
from ml.training.breeds.head import Head, start_head, train_head

CONFIG = BreedsConfig(epochs=30, batch=16, rate=0.05, distil=0.0, smoothing=0.0, weight_decay=0.0)


def photos(
    features: np.ndarray,
    labels: list[str],
    teacher: np.ndarray | None = None,
    taught: tuple[str, ...] = (),
) -> Photos:
    """Features (n, C) as the only view of n photos."""
    count = len(labels)
    return Photos(
        [Path(f"{number}.jpg") for number in range(count)],
        np.array(labels),
        features[:, None].astype(np.float32),
        np.zeros((count, 0), np.float32) if teacher is None else teacher.astype(np.float32),
        taught,
        np.zeros((count, 32), np.uint8),
        np.zeros((count, 4), np.uint64),
    )


def clusters(counts: dict[str, int], seed: int = 0, spread: float = 0.3) -> Photos:
    """Each breed around a corner of its own, in four numbers."""
    chance = np.random.default_rng(seed)
    corners = np.eye(4)
    rows = [
        corners[place] + spread * chance.normal(size=(count, 4))
        for place, count in enumerate(counts.values())
    ]
    labels = [name for name, count in counts.items() for _ in range(count)]
    return photos(np.concatenate(rows), labels)


def untrained(*names: str) -> Head:
    return Head(names, np.zeros((len(names), 4), np.float32), np.zeros(len(names), np.float32))


def right(head: Head, data: Photos) -> np.ndarray:
    told = np.array(head.names)[head.scores(data.features[:, 0]).argmax(1)]
    return told == data.labels


def test_a_start_from_the_teacher_s_scores_is_the_teacher() -> None:
    """Features that are the teacher's own: its rows come back, whatever their offset."""
    chance = np.random.default_rng(0)
    weight, bias = chance.normal(size=(3, 5)), chance.normal(size=3)
    features = chance.normal(size=(200, 5)) + 2
    data = photos(features, [""] * 200, features @ weight.T + bias, ("pug", "boxer", "beagle"))
    rows = weight.astype(np.float32), bias.astype(np.float32)
    start = start_head(data, ("beagle", "boxer", "pug"), rows)
    assert start.weight == pytest.approx(weight[[2, 1, 0]], abs=1e-3)
    assert start.bias == pytest.approx(bias[[2, 1, 0]], abs=1e-2)
    without = start_head(data, ("beagle", "boxer", "pug"), None)
    assert without.weight == pytest.approx(weight[[2, 1, 0]], abs=0.1)


def test_rows_of_another_feature_space_are_not_held_on_to() -> None:
    chance = np.random.default_rng(1)
    weight = chance.normal(size=(3, 5))
    features = chance.normal(size=(200, 5))
    data = photos(features, [""] * 200, features @ weight.T, ("pug", "boxer", "beagle"))
    foreign = chance.normal(size=(3, 5)).astype(np.float32) * 5, np.zeros(3, np.float32)
    names = ("pug", "boxer", "beagle")
    assert start_head(data, names, foreign).weight == pytest.approx(
        start_head(data, names, None).weight
    )


def test_a_breed_that_the_teacher_does_not_know_starts_from_its_labels() -> None:
    data = clusters({"pug": 30, "jindo-dog": 30})
    teacher = np.where(data.labels == "pug", 6.0, -1.0)[:, None]
    data = dataclasses.replace(data, teacher=teacher.astype(np.float32), taught=("pug",))
    assert right(start_head(data, ("jindo-dog", "pug"), None), data).all()


def test_training_learns_and_is_the_same_every_time() -> None:
    data = clusters({"pug": 40, "boxer": 40, "beagle": 40})
    nothing = untrained("beagle", "boxer", "pug")
    losses: list[float] = []
    head = train_head(data, nothing, CONFIG, lambda epoch, loss, head: losses.append(loss))
    assert len(losses) == CONFIG.epochs
    assert losses[-1] < 0.5 * losses[0]
    assert right(head, clusters({"pug": 40, "boxer": 40, "beagle": 40}, seed=1)).mean() > 0.9
    assert np.array_equal(head.weight, train_head(data, nothing, CONFIG).weight)
    assert not nothing.weight.any()


def test_balance_helps_a_rare_breed() -> None:
    """Two overlapping breeds, one with few photos: balanced, it is told more often."""
    data = clusters({"pug": 200, "boxer": 10}, spread=0.7)
    nothing = untrained("boxer", "pug")
    test = clusters({"pug": 300, "boxer": 300}, seed=2, spread=0.7)
    rare = test.labels == "boxer"
    plain, balanced = (
        right(train_head(data, nothing, dataclasses.replace(CONFIG, balance=b)), test)[rare].mean()
        for b in (0.0, 1.0)
    )
    assert balanced > plain + 0.15


def test_distillation_alone_brings_a_breed_without_photos() -> None:
    """As the starter knows Dalmatians: no labelled photo, only the teacher's word."""
    data = clusters({"pug": 40, "boxer": 40, "dalmatian": 40})
    scores = np.stack([np.where(data.labels == name, 5.0, 0.0) for name in ("dalmatian", "pug")], 1)
    hidden = np.where(data.labels == "dalmatian", "", data.labels)
    data = dataclasses.replace(
        data, labels=hidden, teacher=scores.astype(np.float32), taught=("dalmatian", "pug")
    )
    nothing = untrained("boxer", "dalmatian", "pug")
    test = clusters({"pug": 40, "boxer": 40, "dalmatian": 40}, seed=3)
    taught = train_head(data, nothing, dataclasses.replace(CONFIG, distil=2.0))
    alone = train_head(data, nothing, CONFIG)
    new = test.labels == "dalmatian"
    assert right(taught, test)[new].mean() > 0.8
    assert right(alone, test)[new].mean() < 0.5


@pytest.mark.parametrize("changes", [{"mixing": 0.4}, {"smoothing": 0.2}])
def test_mixing_and_smoothing_make_less_sure(changes: dict[str, float]) -> None:
    data = clusters({"pug": 40, "boxer": 40}, spread=0.1)
    nothing = untrained("boxer", "pug")
    sure, less = (
        np.ptp(train_head(data, nothing, c).scores(data.features[:, 0]), axis=1).mean()
        for c in (CONFIG, dataclasses.replace(CONFIG, **changes))  # type: ignore[arg-type]
    )
    assert less < sure


def test_features_and_losses_that_are_not_numbers_are_refused() -> None:
    data = clusters({"pug": 20, "boxer": 20})
    start = start_head(data, ("boxer", "pug"), None)
    broken = data.features.copy()
    broken[3, 0, 1] = np.nan
    with pytest.raises(DataError, match="Some features are not numbers"):
        train_head(dataclasses.replace(data, features=broken), start, CONFIG)
    endless = Head(start.names, start.weight * np.float32(np.inf), start.bias)
    with pytest.raises(DataError, match="no longer a number") as caught:
        train_head(data, endless, CONFIG)
    assert caught.value.code == "loss_not_finite"


def test_no_label_at_all_is_refused() -> None:
    data = photos(np.eye(4), [""] * 4)
    with pytest.raises(DataError, match="No photo has the label"):
        train_head(data, untrained("pug"), CONFIG)


def test_the_teacher_gives_timm_s_scores_for_the_dogs(tmp_path: Path) -> None:
    prepare_torchvision()
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=1000, img_size=32).eval()
    path = tmp_path / "teacher.safetensors"
    save_file(model.state_dict(), path)
    teacher = Teacher("test_vit", 32, path).eval()
    pixels = torch.randint(0, 255, (2, 32, 32, 3), dtype=torch.uint8)
    places = [breeds()[slug].imagenet for slug in taught_breeds()]
    with torch.inference_mode():
        wanted = model(teacher.normalise(pixels))[:, places]
        assert torch.allclose(teacher(pixels), wanted, atol=1e-4)


def test_a_file_that_is_no_imagenet_classifier_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    with pytest.raises(DataError, match="no ImageNet classifier"):
        teacher_rows(path)
    save_file({"head.weight": torch.zeros(10, 4), "head.bias": torch.zeros(10)}, path)
    with pytest.raises(DataError, match="no ImageNet classifier"):
        teacher_rows(path)
