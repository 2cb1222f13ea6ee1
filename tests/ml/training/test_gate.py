"""The gate alone: from photos to a file, on coloured squares and a tiny network."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ml.errors import DataError
from ml.networks.backbone import build_backbone, load_weights
from ml.networks.gate import GateNetwork
from ml.networks.subject import KINDS
from ml.training import augment
from ml.training.config import CONFIGS, read_config
from ml.training.data import Sample, Source
from ml.training.gate import (
    GateConfig,
    choose_threshold,
    figures,
    train_gate,
    undo_scaling,
)
from ml.training.release import network_of
from ml.training.subject import SubjectViews, is_grey

COLOURS = {
    "dog": (200, 30, 30),
    "cat": (30, 200, 30),
    "person": (90, 90, 90),
    "other": (20, 20, 90),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A colour for each kind, in many shades; an untrained network in place of a published one."""
    chance = np.random.default_rng(0)
    for kind, colour in COLOURS.items():
        (tmp_path / kind).mkdir()
        for number in range(24):
            pixels = np.clip(np.array(colour) + chance.integers(-15, 15, (40, 50, 1)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / kind / f"{kind}{number}.png")
    torch.manual_seed(0)
    published = build_backbone("test_efficientnet", (160, 160))
    state = {name: value.contiguous() for name, value in published.state_dict().items()}
    save_file(state, tmp_path / "published.safetensors")
    return tmp_path


def config(**changes: object) -> GateConfig:
    settings = {
        "size": 32,
        "pretrained": "published.safetensors",
        "threshold_on": ("dog",),
        "views": 1,
        "epochs": 20,
        "batch": 16,
        "rate": 3e-3,
        "workers": 0,
        "threads": 1,
    }
    sources = tuple(Source(kind, kind=kind, held_out=0.3) for kind in KINDS)
    return GateConfig(sources, "test_efficientnet", **{**settings, **changes})  # type: ignore[arg-type]


def test_the_gate_learns_and_the_network_stays(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    told = train_gate(config(), root, out)
    assert told["accuracy"] >= 0.9
    path = out / "gate.safetensors"
    spec = network_of(path)
    assert spec.options["dog_at_least"] == told["dog_at_least"]
    assert (spec.options["ask_from"], spec.options["ask_below"]) == (0.05, 0.97)
    network = GateNetwork(spec.architecture)
    load_weights(network, path)
    network.eval()
    pixels = np.stack([np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS.values()])
    with torch.inference_mode():
        [logits] = network(torch.from_numpy(pixels))
    assert [KINDS[place] for place in logits.argmax(1)] == list(COLOURS)
    published = load_file(root / "published.safetensors")
    kept = network.backbone.state_dict()
    assert all(
        torch.allclose(kept[name].float(), value.float(), atol=1e-2, rtol=1e-2)
        for name, value in published.items()
        if name in kept
    )


def test_what_was_seen_is_kept(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_gate(config(epochs=1), root, out)
    made = {path: path.stat().st_mtime_ns for path in out.glob("seen-*.npy")}
    assert len(made) == 3  # as they are, one round of views, held out
    (out / "last.pt").unlink()
    train_gate(config(epochs=2, rate=1e-3), root, out)
    assert {path: path.stat().st_mtime_ns for path in out.glob("seen-*.npy")} == made
    (out / "last.pt").unlink()
    train_gate(config(epochs=1, seed=1), root, out)
    assert len(list(out.glob("seen-*.npy"))) == 6


def test_threshold_by_hand() -> None:
    chances = np.array([0.32, 0.52, *[0.9] * 98])
    assert choose_threshold(chances, 0.0) == 0.3
    assert choose_threshold(chances, 0.01) == 0.5
    assert choose_threshold(chances, 0.02) == 0.7
    assert choose_threshold(chances - 0.2, 0.0) == 0.3
    with pytest.raises(DataError, match="no held-out dog"):
        choose_threshold(np.zeros(0), 0.01)


def test_figures_by_hand() -> None:
    kinds = np.array([KINDS.index(kind) for kind in ("dog", "dog", "cat", "person", "other")])
    chances = np.array(
        [
            [0.5, 0.5, 0, 0],
            [0.4, 0.1, 0.5, 0],  # a dog refused
            [0.1, 0.1, 0.1, 0.7],  # a cat as other is right
            [0.6, 0, 0.4, 0],  # a person passed
            [0.1, 0.2, 0.6, 0.1],  # a thing taken for a person: refused, and wrong
        ]
    )
    told = figures(chances, kinds, 0.5)
    assert told["accuracy"] == pytest.approx(2 / 5)
    assert told["dogs_refused"] == pytest.approx(1 / 2)
    assert told["others_passed"] == pytest.approx(1 / 3)


def test_scaling_undone() -> None:
    layer = torch.nn.Linear(5, 3)
    x, mean, deviation = torch.randn(7, 5), torch.randn(5), torch.rand(5) + 0.1
    wanted = layer((x - mean) / deviation)
    undo_scaling(layer, mean, deviation)
    assert torch.allclose(layer(x), wanted, atol=1e-4)


def test_grey_portraits_get_colours_and_grey_dogs_do_not(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(20, 230, 60, dtype=np.uint8)[:, None, None], (1, 50, 3))
    portrait = augment.colourised(Image.fromarray(ramp), random.Random(0))
    assert not is_grey(portrait)
    assert np.ptp(np.asarray(portrait)[22, 25]) > 20
    light = np.asarray(portrait.convert("L"))[:40, 25].astype(int)
    assert (np.diff(light) >= 0).all()
    path = tmp_path / "grey.png"
    Image.fromarray(ramp).save(path)
    views = {
        kind: SubjectViews([Sample(path, kind, "", "", "photo")] * 30, 32, [], seed=0)
        for kind in ("person", "dog")
    }
    coloured = {
        kind: sum(not is_grey(Image.fromarray(pixels.numpy())) for pixels, *_ in part)
        for kind, part in views.items()
    }
    assert coloured["dog"] == 0
    assert 10 <= coloured["person"] <= 26


def test_the_shipped_configuration_is_valid() -> None:
    config = read_config(GateConfig, CONFIGS / "gate.toml")
    assert config.architecture
    assert set(config.threshold_on) <= {source.images for source in config.sources}
