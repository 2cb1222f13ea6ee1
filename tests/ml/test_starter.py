"""The weights that ship: they belong to their specs, and do what the product needs of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.embedder import Embedder
from ml.errors import NoSubject
from ml.skeleton import KEYPOINTS
from ml.spec import available, load_spec, weights_file
from ml.subject import SubjectFinder


def pattern(seed: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """Smooth coloured blobs: nothing in particular, and no dog."""
    chance = np.random.default_rng(seed)
    small = Image.fromarray(chance.integers(0, 255, (6, 8, 3), np.uint8))
    return np.asarray(small.resize(size[::-1], Image.Resampling.BICUBIC))


def landscape() -> np.ndarray:
    image = Image.new("RGB", (320, 240), (150, 190, 230))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 150, 320, 240), fill=(90, 140, 60))
    draw.polygon([(0, 150), (90, 60), (180, 150)], fill=(110, 110, 120))
    draw.ellipse((250, 20, 290, 60), fill=(255, 240, 180))
    return np.asarray(image)


def test_every_spec_has_its_weights_and_a_card() -> None:
    specs = {spec.name: spec for spec in available()}
    assert {"starter", "starter-mirror"} <= set(specs)
    assert len({spec.fingerprint for spec in specs.values()}) == len(specs)
    for spec in specs.values():
        for network in (spec.subject, spec.embedder, spec.pose):
            path = weights_file(network)
            assert path.stat().st_size < 30 * 2**20
            assert path.with_suffix(".md").read_text().startswith("# ")
        assert spec.keypoints.names == KEYPOINTS
        assert spec.embedder.options["dimension"] == 128


def test_mirror_version_differs_only_in_the_embedding() -> None:
    plain, mirror = load_spec("starter"), load_spec("starter-mirror")
    assert (plain.subject, plain.pose) == (mirror.subject, mirror.pose)
    image = pattern(1)
    twin = np.ascontiguousarray(image[:, ::-1])
    a, b = Embedder.load(mirror, threads=1).embed([image, twin])
    assert a @ b > 0.9999


@pytest.mark.parametrize("seed", range(3))
def test_embedder_agrees_with_torch(seed: int) -> None:
    spec, image = load_spec(), pattern(seed)
    (fast,) = Embedder.load(spec, device="cpu", threads=1).embed([image])
    (slow,) = Embedder.load(spec, device="torch-cpu").embed([image])
    assert fast.shape == (128,)
    assert fast @ slow > 0.999


def test_subject_agrees_with_torch() -> None:
    spec = load_spec()
    fast = SubjectFinder.load(spec, device="cpu", threads=1)
    slow = SubjectFinder.load(spec, device="torch-cpu")
    pixels = np.stack([pattern(seed, spec.subject.size) for seed in range(4)])
    for one, other in zip(fast._network(pixels), slow._network(pixels), strict=True):
        assert np.abs(one - other).max() < 0.1


def test_the_same_photo_scores_as_the_same() -> None:
    spec = load_spec()
    one, other = Embedder.load(spec, threads=1).embed([pattern(0), pattern(0)])
    assert spec.likeness.score(float(one @ other)) > 99
    assert spec.likeness.band(float(one @ other)) == "strong"


@pytest.mark.parametrize("image", [np.full((200, 300, 3), 255, np.uint8), landscape(), pattern(2)])
def test_no_dog_in_what_shows_none(image: np.ndarray) -> None:
    (answer,) = SubjectFinder.load(load_spec(), threads=1).find([image])
    assert isinstance(answer, NoSubject), answer


def test_second_start_needs_no_torch(tmp_path: Path) -> None:
    """A worker's start-up: with the compiled networks at hand, torch and timm stay unimported."""
    script = (
        "import sys, pathlib\n"
        "from ml.analysis import Analyser\n"
        "from ml.spec import load_spec\n"
        "a = Analyser.load(load_spec(), cache_dir=pathlib.Path(sys.argv[1]), threads=1)\n"
        "a.warm_up()\n"
        "print([m for m in ('torch', 'timm', 'mmpose', 'mmcv') if m in sys.modules])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        for _ in range(2)
    )
    assert "torch" in first.stdout.splitlines()[-1]
    assert second.stdout.splitlines()[-1] == "[]"
