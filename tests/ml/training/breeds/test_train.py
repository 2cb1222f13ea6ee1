"""Whole runs on drawn patterns: a breed is a colour, and the embedder sees colours only."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

import ml.evaluation.breeds
import ml.training.release
from ml.__main__ import main
from ml.breeds import BreedClassifier
from ml.errors import DataError, NoSubject
from ml.spec import KeypointLayout, Likeness, ModelSpec, NetworkSpec
from ml.subject import Subject
from ml.training.breeds import command as train_command
from ml.training.breeds import features, pseudo, train, tune
from ml.training.breeds.config import BreedsConfig
from ml.training.breeds.train import read_data, train_breeds
from ml.training.data import Source

COLOURS = {"pug": (200, 60, 60), "beagle": (60, 200, 60), "boxer": (60, 60, 200)}
PLAIN = NetworkSpec("", "e" * 64, "", (8, 8), (0, 0, 0), (1, 1, 1), {"margin": 0.05})
SPEC = ModelSpec(
    "s", "S", PLAIN, PLAIN, PLAIN, KeypointLayout((), (), {}), Likeness(0, 1, ((0, 0), (1, 100)))
)
SETTINGS = """
epochs = 15
batch = 16
rate = 0.05
distil = 0.0
views = 1
draws = 0
threads = 1

[[source]]
images = "breeds"
kind = "dog"
labelled = true
held_out = 0.3

[[source]]
images = "others"
kind = "dog"
held_out = 0.0
"""


def pattern(colour: tuple[int, int, int], seed: int) -> Image.Image:
    """Blobs of any brightness, tinted: each photo looks different, each breed has its colour."""
    chance = np.random.default_rng(seed)
    grey = Image.fromarray(chance.integers(90, 255, (7, 7), np.uint8)).resize((64, 60))
    shade = np.asarray(grey)[..., None] / 255 * (np.array(colour) + chance.normal(0, 15, 3))
    return Image.fromarray(shade.clip(0, 255).astype(np.uint8))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place, (name, colour) in enumerate(COLOURS.items()):
        folder = tmp_path / "data" / "breeds" / f"n0000000{place}-{name.title()}"
        folder.mkdir(parents=True)
        for number in range(16):
            pattern(colour, 100 * place + number).save(folder / f"{name}-{number}.png")
    others = tmp_path / "data" / "others"
    others.mkdir()
    for number in range(12):
        colour = list(COLOURS.values())[number % 3]
        pattern(colour, 1000 + number).save(others / f"other-{number}.png")
    (others / "broken.jpg").write_bytes(b"no image")
    Image.new("RGB", (60, 60)).save(others / "black.png")  # the finder sees no dog in it
    (tmp_path / "breeds.toml").write_text(SETTINGS)
    return tmp_path


class Finder:
    @classmethod
    def load(cls, spec: ModelSpec, **options: object) -> "Finder":
        return cls()

    def find(self, images: Sequence[np.ndarray]) -> list[Subject | NoSubject]:
        return [
            Subject((0.0, 0.0, float(i.shape[1]), float(i.shape[0])), 1.0)
            if i.any()
            else NoSubject()
            for i in images
        ]


class Embedder:
    """Mean colours. `seen` counts the crops, to tell what was computed again."""

    seen = 0

    @classmethod
    def load(cls, spec: ModelSpec, **options: object) -> "Embedder":
        return cls()

    def describe(self, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        Embedder.seen += len(crops)
        means = np.array([crop.mean((0, 1)) / 50 for crop in crops], np.float32).reshape(-1, 3)
        return means, means


@pytest.fixture(autouse=True)
def _colours_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    for module in (features, ml.evaluation.breeds):
        monkeypatch.setattr(module, "SubjectFinder", Finder)
        monkeypatch.setattr(module, "Embedder", Embedder)
    for module in (train_command, tune, pseudo, ml.training.release):
        monkeypatch.setattr(module, "load_spec", lambda name: read_spec(tmp_path) or SPEC)
    weights = tmp_path / "weights"
    weights.mkdir()
    monkeypatch.setattr(ml.training.release, "WEIGHTS", weights)
    for method in (BreedClassifier.load.__func__, pseudo.weights_file):  # type: ignore[attr-defined]
        defaults = {**(method.__kwdefaults__ or {}), "directory": weights}
        if method is pseudo.weights_file:
            monkeypatch.setattr(method, "__defaults__", (weights,))
        else:
            monkeypatch.setattr(method, "__kwdefaults__", defaults)


def read_spec(folder: Path) -> ModelSpec | None:
    path = folder / "weights" / "s.json"
    return ModelSpec.from_json(path.read_text()) if path.is_file() else None


def config(**changes: object) -> BreedsConfig:
    sources = (
        Source("breeds", "dog", held_out=0.3, labelled=True),
        Source("others", "dog", held_out=0.0),
    )
    plain = {"epochs": 15, "batch": 16, "rate": 0.05, "distil": 0.0, "views": 1, "draws": 0}
    return BreedsConfig(sources, **{**plain, "threads": 1, **changes})  # type: ignore[arg-type]


def run(root: Path, *more: str) -> int:
    given = ["--data", str(root / "data"), "--out", str(root / "run")]
    return main(["train", "breeds", *given, "--config", str(root / "breeds.toml"), *more])


def release(root: Path) -> int:
    given = ["--base", "s", "--breeds", str(root / "run" / "breeds.safetensors")]
    return main(["release", "s", *given])


def last_json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_from_photos_to_a_released_classifier(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "--picture", str(root / "curves.png")) == 0
    report = last_json(capsys)
    assert report == json.loads((root / "run" / "report.json").read_text())
    assert report["breeds"] == 3
    assert report["top1"] == 1.0
    assert report["photos"]["unlabelled"] == 12  # type: ignore[index]
    assert report["cross_validated"]["top1"] == 1.0  # type: ignore[index]
    assert (root / "curves.png").stat().st_size > 1000
    assert len((root / "run" / "log.jsonl").read_text().splitlines()) == 15
    assert release(root) == 0
    spec = read_spec(root)
    assert spec is not None
    assert BreedClassifier.load(spec).names == ("beagle", "boxer", "pug")
    given = ["--images", str(root / "data"), "--labels", str(root / "run" / "validation.csv")]
    capsys.readouterr()
    from unittest.mock import patch

    with patch.object(ml.evaluation.breeds, "load_spec", lambda name: spec):
        assert main(["evaluate", "breeds", *given, "--json"]) == 0
    figures = last_json(capsys)
    assert figures["n"] == report["n"]
    assert figures["top1"] == 1.0


def test_a_second_run_computes_no_feature_again(root: Path) -> None:
    train_breeds(config(), root / "data", root / "run", SPEC)
    seen = Embedder.seen
    train_breeds(config(seed=0, rate=0.01), root / "data", root / "run", SPEC)
    assert Embedder.seen == seen
    pattern((200, 60, 60), 5000).save(root / "data" / "others" / "one-more.png")
    train_breeds(config(), root / "data", root / "run", SPEC)
    assert Embedder.seen == seen + 2  # the product's view and a random one
    other = dataclasses.replace(SPEC, embedder=dataclasses.replace(PLAIN, sha256="f" * 64))
    train_breeds(config(), root / "data", root / "run", other)
    assert Embedder.seen > seen + 100


def test_a_killed_run_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_CHUNK", 8)

    def killed(self: Embedder, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        if len(list((root / "run" / "features").glob("*.npz"))) >= 16:
            raise KeyboardInterrupt
        return plain(self, crops)

    plain = Embedder.describe
    with monkeypatch.context() as patch:
        patch.setattr(Embedder, "describe", killed)
        with pytest.raises(KeyboardInterrupt):
            train_breeds(config(), root / "data", root / "run", SPEC)
    seen = Embedder.seen
    report = train_breeds(config(), root / "data", root / "run", SPEC)
    everything = 2 * (report["photos"]["labelled"] + report["photos"]["unlabelled"] + report["n"])
    assert Embedder.seen - seen == everything - 2 * 16


def test_validation_photos_are_held_out_by_name_and_never_learnt(root: Path) -> None:
    found = read_data(config(), root / "data", root / "run", SPEC)
    again = read_data(config(), root / "data", root / "run", SPEC)
    assert found.validation.paths == again.validation.paths
    assert not set(found.validation.paths) & set(found.training.paths)
    assert len(found.validation) + (found.training.labels != "").sum() == 48


def test_a_copy_of_a_validation_photo_is_not_learnt(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = read_data(config(), root / "data", root / "run", SPEC)
    kept = first.validation.paths[0]
    with Image.open(kept) as picture:
        picture.resize((200, 190)).save(root / "data" / "others" / "copy.jpg", quality=70)
    shutil.copy(kept, root / "data" / "others" / "same.png")
    second = read_data(config(), root / "data", root / "run", SPEC)
    assert [p.name for p in second.training.paths] == [p.name for p in first.training.paths]
    assert "left out 2 photos" in capsys.readouterr().out


def test_few_shot_figures_of_whole_breeds_held_out(root: Path) -> None:
    for place, colour in enumerate(
        [(200, 200, 60), (60, 200, 200), (200, 60, 200), (200, 200, 200)]
    ):
        folder = root / "data" / "breeds" / f"breed-{place}"
        folder.mkdir()
        for number in range(16):
            pattern(colour, 10_000 + 100 * place + number).save(folder / f"b{place}-{number}.png")
    report = train_breeds(config(draws=2), root / "data", root / "run", SPEC)
    figures = report["few_shot"]
    assert figures["new_top1"] > 0.6
    assert figures["new_top5"] >= figures["new_top1"] >= figures["new_told"]
    assert 0.8 < figures["others_after"] <= figures["others_before"]


def test_weights_carry_hashes_of_what_they_were_measured_on(root: Path) -> None:
    report = train_breeds(config(), root / "data", root / "run", SPEC)
    weights = load_file(root / "run" / "breeds.safetensors")
    assert weights["weight"].dtype == np.float16
    assert weights["held_out_digests"].shape == (report["n"], 32)
    assert weights["held_out_looks"].shape == (report["n"], 4)


def pseudo_label(root: Path, *more: str) -> list[str]:
    """The names of the photos that got a label."""
    out = root / "pseudo.csv"
    given = ["--images", str(root / "data"), "--out", str(out), "--at-least", "0.5"]
    assert main(["pseudo-label", *given, *more]) == 0
    return [line.split(",")[0] for line in out.read_text().splitlines()[1:]]


def test_pseudo_labels_never_see_a_validation_photo(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The photos it is given hold the validation set itself, renamed and compressed copies."""
    assert run(root) == 0
    assert release(root) == 0
    kept = [
        line.split(",")[0] for line in (root / "run" / "validation.csv").read_text().split()[1:]
    ]
    for place, name in enumerate(kept):
        with Image.open(root / "data" / name) as picture:
            picture.save(root / "data" / "others" / f"x{place}.jpg", quality=60)
            flipped = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((90, 84))
            flipped.save(root / "data" / "others" / f"y{place}.webp")
        shutil.copy(root / "data" / name, root / "data" / "others" / f"z{place}.png")
    capsys.readouterr()
    labelled = pseudo_label(root)
    told = capsys.readouterr()
    assert labelled
    assert not set(labelled) & set(kept)
    assert not [name for name in labelled if Path(name).name[0] in "xyz"]
    assert f"{4 * len(kept)} held out" in told.out
    assert told.err.count("it is held out") == 4 * len(kept)


def test_pseudo_labels_join_the_training(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root) == 0
    before = last_json(capsys)["photos"]
    assert release(root) == 0
    new = [name for name in pseudo_label(root) if name.startswith("others/")]
    assert new
    table = (root / "pseudo.csv").read_text().splitlines()
    kept = [table[0], *(line for line in table if line.startswith("others/"))]
    (root / "pseudo.csv").write_text("\n".join(kept) + "\n")
    capsys.readouterr()
    assert run(root, "--pseudo", str(root / "pseudo.csv")) == 0
    after = last_json(capsys)["photos"]
    assert after["labelled"] == before["labelled"] + len(new)  # type: ignore[index]
    assert after["unlabelled"] == before["unlabelled"] - len(new)  # type: ignore[index]
    assert after["validation"] == before["validation"]  # type: ignore[index]


def test_a_validation_photo_among_pseudo_labels_stops_the_training(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second lock: whoever wrote the file."""
    assert run(root) == 0
    weights = (root / "run" / "breeds.safetensors").read_bytes()
    kept = (root / "run" / "validation.csv").read_text().splitlines()[1]
    with Image.open(root / "data" / kept.split(",")[0]) as picture:
        picture.save(root / "data" / "others" / "slipped-in.jpg", quality=60)
    (root / "pseudo.csv").write_text("file,label\nothers/slipped-in.jpg,pug\n")
    assert run(root, "--pseudo", str(root / "pseudo.csv")) == 1
    assert "slipped-in.jpg first" in capsys.readouterr().err
    assert (root / "run" / "breeds.safetensors").read_bytes() == weights
    (root / "pseudo.csv").write_text("file,label\nothers/none.jpg,pug\n")
    assert run(root, "--pseudo", str(root / "pseudo.csv")) == 1
    assert "There is no photo" in capsys.readouterr().err


def test_pseudo_labels_need_a_dog_and_views_that_agree(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(root) == 0
    assert release(root) == 0
    every = pseudo_label(root)
    assert "others/black.png" not in every
    assert len(pseudo_label(root, "--at-least", "0.9999")) < len(every)

    def moody(self: Embedder, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        found = plain(self, crops)[1]
        found[::6] = found[::6, ::-1]  # one view of each dog's six: a red dog is blue in it
        return found, found

    plain = Embedder.describe
    monkeypatch.setattr(Embedder, "describe", moody)
    split = pseudo_label(root)
    assert split
    assert all(Path(name).name.startswith(("beagle", "other")) for name in split)


def test_tuning_goes_on_and_its_settings_train(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--data", str(root / "data"), "--out", str(root / "run")]
    given += ["--config", str(root / "breeds.toml")]
    assert main(["tune", "breeds", *given, "--trials", "2"]) == 0
    assert main(["tune", "breeds", *given, "--trials", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("trial")] == [
        "trial 0",
        "trial 1",
        "trial 2",
    ]
    best = json.loads(lines[-1])
    text = (root / "run" / "breeds.toml").read_text()
    assert f"rate = {best['rate']!r}" in text
    assert text.count("rate =") == 1
    assert run(root, "--config", str(root / "run" / "breeds.toml")) == 0


def test_another_embedder_s_breeds_are_not_released(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root) == 0
    other = dataclasses.replace(SPEC, embedder=dataclasses.replace(PLAIN, sha256="f" * 64))
    (root / "weights" / "s.json").write_text(other.to_json())
    assert release(root) == 1
    assert "trained on another embedder" in capsys.readouterr().err


def test_a_new_embedder_leaves_the_old_breeds_behind(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root) == 0
    assert release(root) == 0
    spec = read_spec(root)
    assert spec is not None
    changed = dataclasses.replace(spec, embedder=dataclasses.replace(PLAIN, sha256="f" * 64))
    (root / "weights" / "s.json").write_text(changed.to_json())
    assert main(["release", "s", "--base", "s"]) == 0
    assert "left out the breeds" in capsys.readouterr().err
    released = read_spec(root)
    assert released is not None
    assert released.breeds is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sources": (Source("others", "dog", held_out=0.0),)}, "No labelled photo is held out"),
        ({"teacher": "none.safetensors"}, "no ImageNet classifier"),
    ],
)
def test_runs_that_cannot_be(root: Path, changes: dict[str, object], told: str) -> None:
    plain = dataclasses.replace(config(), **changes)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=told):
        train.read_data(plain, root / "data", root / "run", SPEC)
