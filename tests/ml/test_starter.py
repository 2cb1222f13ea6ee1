"""The weights that ship: they belong to their specs, and do what the product needs of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.breeds import BreedClassifier, slug_of
from ml.drawn.dataset import demo_dogs
from ml.drawn.render import draw_scene_without_dog, render
from ml.drawn.scenes import PLACES, light_for
from ml.embedder import Embedder
from ml.errors import NoSubject
from ml.evaluation.measures import iou
from ml.skeleton import KEYPOINTS
from ml.spec import available, load_spec, weights_file
from ml.subject import Subject, SubjectFinder
from ml.training.breeds.pseudo import held_out_of


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


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled networks, shared: compiling is the slow part."""
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def finder(cache: Path) -> SubjectFinder:
    return SubjectFinder.load(load_spec(), device="cpu", threads=1, cache_dir=cache)


@pytest.fixture(scope="module")
def embedder(cache: Path) -> Embedder:
    return Embedder.load(load_spec(), device="cpu", threads=1, cache_dir=cache)


def test_every_spec_has_its_weights_and_a_card() -> None:
    specs = {spec.name: spec for spec in available()}
    assert {"starter", "starter-mirror"} <= set(specs)
    assert len({spec.fingerprint for spec in specs.values()}) == len(specs)
    for spec in specs.values():
        for network in (
            spec.subject,
            spec.embedder,
            spec.pose,
            *(network for network in (spec.breeds, spec.gate) if network),
        ):
            path = weights_file(network)
            assert path.stat().st_size < 30 * 2**20
            assert path.with_suffix(".md").read_text().startswith("# ")
        assert spec.keypoints.names == KEYPOINTS
        assert spec.embedder.options["dimension"] == 128


def test_mirror_version_differs_only_in_the_embedding(cache: Path) -> None:
    plain, mirror = load_spec("starter"), load_spec("starter-mirror")
    assert (plain.subject, plain.pose) == (mirror.subject, mirror.pose)
    image = pattern(1)
    twin = np.ascontiguousarray(image[:, ::-1])
    a, b = Embedder.load(mirror, threads=1, cache_dir=cache).embed([image, twin])
    assert a @ b > 0.9999


def test_embedder_agrees_with_torch(embedder: Embedder) -> None:
    images = [pattern(seed) for seed in range(4)]
    fast = embedder.embed(images)
    slow = Embedder.load(load_spec(), device="torch-cpu", threads=1).embed(images)
    assert fast.shape == (4, 128)
    assert (fast * slow).sum(1).min() > 0.999


def test_subject_agrees_with_torch(finder: SubjectFinder) -> None:
    spec = load_spec()
    slow = SubjectFinder.load(spec, device="torch-cpu", threads=1)
    pixels = np.stack([pattern(seed, spec.subject.size) for seed in range(4)])
    for one, other in zip(finder._network(pixels), slow._network(pixels), strict=True):
        assert np.abs(one - other).max() < 0.1


def test_breeds_of_the_starter_belong_to_its_embedder() -> None:
    """120 breeds of Stanford Dogs and the Dalmatian; the hashes of what it was measured on."""
    for name in ("starter", "starter-mirror"):
        spec = load_spec(name)
        classifier = BreedClassifier.load(spec)
        assert len(classifier.names) == 121
        assert {slug_of(n) for n in ("n02099601-golden_retriever", "치와와")} <= set(
            classifier.names
        )
        (guess,) = classifier.classify(np.zeros((1, classifier.width), np.float32))
        assert guess.slug is None
        assert len(held_out_of(spec).digests) > 100


def test_the_same_photo_scores_as_the_same(embedder: Embedder) -> None:
    spec = load_spec()
    one, other = embedder.embed([pattern(0), pattern(0)])
    assert spec.likeness.score(float(one @ other)) > 99
    assert spec.likeness.band(float(one @ other)) == "strong"


@pytest.mark.parametrize("image", [np.full((200, 300, 3), 255, np.uint8), landscape(), pattern(2)])
def test_no_dog_in_what_shows_none(finder: SubjectFinder, image: np.ndarray) -> None:
    (answer,) = finder.find([image])
    assert isinstance(answer, NoSubject), answer


def test_drawn_dogs_are_found(finder: SubjectFinder) -> None:
    """Both kinds of scene that the demo has; seeds that no training has seen."""
    drawn = [
        drawing
        for dog in demo_dogs(3, seed=90, side=360)
        for scene, size in dog.scenes[:2]
        for drawing in [render(dog.dog, scene, size)]
    ]
    answers = finder.find([drawing.image for drawing in drawn])
    assert all(isinstance(answer, Subject) for answer in answers)
    found = np.array([answer.box for answer in answers if isinstance(answer, Subject)])
    overlap = iou(found, np.array([drawing.box for drawing in drawn]))
    assert overlap.min() > 0.4
    assert overlap.mean() > 0.7


def test_drawn_surroundings_without_a_dog_are_refused(finder: SubjectFinder) -> None:
    scenes = []
    for number, place in enumerate(PLACES):
        light = light_for(place, np.random.default_rng(number))
        scenes.append(draw_scene_without_dog(place, 900 + number, light, (360, 270)))
    assert all(isinstance(answer, NoSubject) for answer in finder.find(scenes))


def test_second_start_needs_no_torch(cache: Path) -> None:
    """A worker's start-up: with the compiled networks at hand, torch and timm stay unimported."""
    script = (
        "import sys, pathlib\n"
        "from ml.analysis import Analyser\n"
        "from ml.spec import load_spec\n"
        "a = Analyser.load(load_spec(), cache_dir=pathlib.Path(sys.argv[1]), threads=1)\n"
        "a.warm_up()\n"
        "print([m for m in ('torch', 'timm', 'mmpose', 'mmcv') if m in sys.modules])\n"
    )
    command = [sys.executable, "-c", script, str(cache)]
    _, second = (
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=150)
        for _ in range(2)
    )
    assert second.stdout.splitlines()[-1] == "[]"
