"""Breed figures on hand-made guesses, and the command with a model that sees colours."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.breeds import BreedClassifier, BreedGuess, Calibration
from ml.evaluation import breeds as evaluation
from ml.evaluation.breeds import Reader, Variant, figures_of, told_figures
from ml.spec import ModelSpec
from ml.subject import Box


def guess(*likely: str, told: bool = True) -> BreedGuess:
    return BreedGuess(likely[0] if told else None, 0.9, tuple((slug, 0.5) for slug in likely))


def test_figures_by_hand() -> None:
    truth = ["pug", "pug", "pug", "boxer", "beagle"]
    guesses = [
        guess("pug"),
        guess("boxer", "pug"),
        guess("boxer", "beagle"),
        guess("boxer"),
        guess("whippet", "boxer"),
    ]
    figures = figures_of(truth, guesses)
    assert (figures["n"], figures["top1"], figures["top5"]) == (5, 0.4, pytest.approx(0.6))
    assert figures["confused"] == [["pug", "boxer", 2], ["beagle", "whippet", 1]]
    assert figures["per_breed"]["pug"] == {
        "n": 3,
        "precision": 1.0,
        "recall": pytest.approx(1 / 3, abs=1e-4),
        "f1": 0.5,
    }
    assert figures["per_breed"]["boxer"] == {
        "n": 1,
        "precision": pytest.approx(1 / 3, abs=1e-4),
        "recall": 1.0,
        "f1": 0.5,
    }
    assert figures["per_breed"]["beagle"]["f1"] == 0.0
    assert figures["macro"] == {
        "precision": pytest.approx(4 / 9, abs=1e-4),
        "recall": pytest.approx(4 / 9, abs=1e-4),
        "f1": pytest.approx(1 / 3, abs=1e-4),
    }


def test_a_variety_is_right_for_its_wider_breed_and_not_the_other_way() -> None:
    guesses = [guess("toy-poodle"), guess("toy-poodle")]
    figures = figures_of(["poodle", "miniature-poodle"], guesses)
    assert figures["top1"] == 0.5
    assert figures["confused"] == [["miniature-poodle", "toy-poodle", 1]]


def test_told_counts_only_what_is_told() -> None:
    guesses = [guess("pug"), guess("pug"), guess("pug", told=False), guess("pug", told=False)]
    figures = told_figures(["pug", "boxer", "pug", "boxer"], guesses)
    assert figures == {"told": 0.5, "told_right": 0.5}
    assert told_figures(["pug"], [guess("pug", told=False)]) == {"told": 0.0, "told_right": None}


class Colours(Reader):
    """Red is a pug, green a beagle, blue a toy poodle; views away from the plain one see less."""

    def __init__(self, spec: ModelSpec, added: Path | None = None) -> None:
        self.margin = 0.05
        names = ("pug", "beagle", "toy-poodle")
        calibration = Calibration(0.01, 0.6, 0.5, 0.0, 0.0)
        self.classifier = BreedClassifier(names, np.eye(3), np.zeros(3), calibration)

    def find(self, images: Sequence[np.ndarray]) -> list[Box | None]:
        return [(0.0, 0.0, 4.0, 4.0)] * len(images)

    def each(
        self, images: Sequence[np.ndarray], boxes: Sequence[Box], variant: Variant
    ) -> np.ndarray:
        means = np.array([image.mean((0, 1)) / 255 for image in images])
        return np.repeat(means[:, None], variant.passes, 1)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(evaluation, "Reader", Colours)
    shades = {"red": (240, 0, 0), "green": (0, 240, 0), "blue": (0, 0, 240), "grey": (90, 90, 80)}
    for name, colour in shades.items():
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{name}.png")
    return tmp_path


def evaluate(photos: Path, labels: str, *more: str) -> int:
    (photos / "labels.csv").write_text("file,label\n" + labels)
    given = ["--images", str(photos), "--labels", str(photos / "labels.csv"), *more]
    return main(["evaluate", "breeds", *given])


def test_command(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = "red.png,n02110958-pug\ngreen.png,비글\nblue.png,Poodle\ngrey.png,Beagle\n"
    assert evaluate(photos, labels, "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["n"], found["top1"], found["top5"]) == (4, 0.75, 1.0)
    assert found["confused"] == [["beagle", "pug", 1]]
    assert (found["told"], found["told_right"]) == (0.75, 1.0)  # grey is nothing in particular
    assert found["labels_unknown"] == {}


def test_breeds_that_the_model_does_not_know_are_counted_and_named(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = "red.png,pug\ngreen.png,Jindo Dog\nblue.png,Jindo Dog\ngrey.png,Telomian\n"
    assert evaluate(photos, labels, "--json") == 0
    told = capsys.readouterr()
    found = json.loads(told.out.splitlines()[-1])
    assert (found["n"], found["top1"]) == (1, 1.0)
    assert found["labels_unknown"] == {"Jindo Dog": 2, "Telomian": 1}
    assert "left out 3 photos" in told.err
    assert "Jindo Dog (2), Telomian (1)" in told.err


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ("red.png,Telomian\n", "knows none of these breeds: Telomian"),
        ("none.png,pug\n", "None of the images"),
    ],
)
def test_nothing_to_measure(
    photos: Path, capsys: pytest.CaptureFixture[str], labels: str, told: str
) -> None:
    assert evaluate(photos, labels) == 1
    errors = capsys.readouterr().err.splitlines()
    assert told in errors[-1]


def test_comparison_of_views_and_models(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = "red.png,pug\ngreen.png,beagle\nblue.png,poodle\n"
    assert evaluate(photos, labels, "--compare", "--with", "starter") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = json.loads(lines[-1])["compared"]
    assert [row["passes"] for row in rows] == [1, 2, 3, 6, 2, 4, 6, 12]
    assert {row["models"] for row in rows} == {1, 2}
    assert all(row["top1"] == 1.0 and row["ms"] >= 0 for row in rows)
    assert len([line for line in lines if line.startswith("| crop")]) == 8


def test_picture(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = photos / "confusion.png"
    labels = "red.png,pug\ngreen.png,pug\nblue.png,poodle\n"
    assert evaluate(photos, labels, "--picture", str(path)) == 0
    with Image.open(path) as picture:
        assert min(picture.size) > 300
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 10
    assert evaluate(photos, labels, "--picture", str(photos / "no" / "folder.png")) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_unknown_model_names_the_nearest(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(photos, "red.png,pug\n", "--model", "startr") == 1
    assert "Nearest: starter" in capsys.readouterr().err
