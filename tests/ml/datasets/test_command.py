"""`python -m ml data …` from end to end, on small folders."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from ml.__main__ import main
from ml.evaluation import retrieval
from ml.spec import ModelSpec
from ml.training.data import Source, split
from tests.ml.datasets.pictures import picture


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    """Two breeds of four, one dog alone, two copies, two files that are none."""
    folder = tmp_path / "dogs"
    for number, label in enumerate(["n02085620-Chihuahua"] * 4 + ["진돗개"] * 4 + ["<i>lone"]):
        (folder / label).mkdir(parents=True, exist_ok=True)
        picture(number).save(folder / label / f"{number}.jpg", quality=95)
    ImageOps.mirror(picture(5, 48, 36)).save(folder / "진돗개" / "mirror.webp")
    copy = (folder / "진돗개" / "6.jpg").read_bytes()
    (folder / "n02085620-Chihuahua" / "copy.jpg").write_bytes(copy)
    (folder / "진돗개" / "torn.png").write_bytes(b"no photo")
    (folder / "notes.txt").write_text("no photo either")
    return folder


def data(command: str, *given: object, cache: Path) -> int:
    return main(["data", command, *map(str, given), "--cache", str(cache / "cache.sqlite")])


def test_report(dogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert data("report", dogs, "--out", out, cache=tmp_path) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["photos"] == 12
    assert report["classes"] == {"Chihuahua": 5, "진돗개": 5, "<i>lone": 1}
    assert report["formats"] == {"JPEG": 10, "WEBP": 1}
    assert report["modes"] == {"RGB": 11}
    assert report["width"] == {"least": 48, "5%": 72, "median": 96, "95%": 96, "most": 96}
    assert report["unreadable"] == [
        {"file": "진돗개/torn.png", "reason": "This file is not a photo (no known image header)."}
    ]
    assert report["exact"] == [["n02085620-Chihuahua/copy.jpg", "진돗개/6.jpg"]]
    assert report["near"] == [["진돗개/5.jpg", "진돗개/mirror.webp"]]
    assert report["near_pairs"][0]["mirrored"] is True
    assert report["conflicts"][0]["labels"] == ["Chihuahua", "진돗개"]
    assert report["other_files"] == {".txt": 1}
    assert report["small"] == 11
    told = " ".join(report["findings"])
    for words in (
        "1 file cannot be read",
        "1 pair of copies with different labels",
        "1 exact copy of other files",
        "1 photo too many that look the same",
        "1 class with a single photo (<i>lone)",
        "5 times the photos of the smallest",
        "11 photos (100%) smaller",
        "1 other file in the folder not looked at (.txt)",
    ):
        assert words in told
    printed = capsys.readouterr().out.splitlines()
    assert [f"- {sentence}" for sentence in report["findings"]] == printed[:-1]
    page = (out / "report.html").read_text()
    assert set(re.findall(r'(?:src|href)="(?!data:image/)', page)) == set()
    assert "<i>lone" not in page
    assert "&lt;i&gt;lone" in page
    assert page.count("data:image/png") == 4
    assert page.count("data:image/jpeg") == 3 + 8 + 2 + 2  # classes, extremes, two pairs


def test_report_of_loose_photos_and_of_none_that_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    (folder / "torn.jpg").write_bytes(b"no photo")
    assert data("report", folder, "--out", tmp_path / "one", cache=tmp_path) == 0
    report = json.loads((tmp_path / "one" / "report.json").read_text())
    assert (report["readable"], report["classes"], report["width"]) == (0, {}, {})
    picture(1).save(folder / "a.png")
    assert data("report", folder, "--out", tmp_path / "two", cache=tmp_path) == 0
    report = json.loads((tmp_path / "two" / "report.json").read_text())
    assert (report["readable"], report["classes"], report["unlabelled"]) == (1, {}, 1)


def test_report_with_a_table_and_the_measured_colours(dogs: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n진돗개/4.jpg,x\n진돗개/5.jpg,y\n진돗개/7.jpg,\nmissing.jpg,x\n")
    colours = tmp_path / "colours.json"
    row = {"colours": "rgb", "equalise": "none", "r1": 0.5, "r5": 0.75}
    colours.write_text(json.dumps({"verdict": "Measured.", "options": [row]}))
    out = tmp_path / "out"
    given = ("--labels", labels, "--colours", colours)
    assert data("report", dogs, *given, "--out", out, cache=tmp_path) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["classes"] == {"x": 1, "y": 1}
    assert report["unlabelled"] == 1
    assert report["unreadable"][0]["file"] == "missing.jpg"
    assert report["findings"][-1] == "Measured."
    assert "0.750" in (out / "report.html").read_text()


def test_clean_lists(dogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(dogs.rglob("*"))
    out = tmp_path / "list.csv"
    for _ in range(2):  # a second list replaces the first
        assert data("clean", dogs, "--out", out, cache=tmp_path) == 0
    rows = {row["file"]: row["reason"] for row in csv.DictReader(out.open())}
    assert rows == {
        "진돗개/6.jpg": "exact copy",
        "진돗개/mirror.webp": "mirrored copy",
        "진돗개/torn.png": "unreadable",
    }
    assert "1 pairs of copies carry different labels" in capsys.readouterr().out
    assert data("clean", dogs, "--exact", "--out", out, cache=tmp_path) == 0
    assert len(list(csv.DictReader(out.open()))) == 2
    assert sorted(dogs.rglob("*")) == before


def test_clean_moves_only_when_told(dogs: Path, tmp_path: Path) -> None:
    assert data("clean", dogs, "--near", "--apply", cache=tmp_path) == 0
    moved = {path.name for path in (tmp_path / "dogs-removed").rglob("*") if path.is_file()}
    assert moved == {"mirror.webp", "torn.png", "removed.csv"}
    assert not (dogs / "진돗개" / "mirror.webp").exists()
    assert data("clean", dogs, "--near", "--apply", cache=tmp_path) == 0  # nothing left to move


def test_clean_wants_to_know_what_to_do(
    dogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data("clean", dogs, cache=tmp_path) == 1
    assert "--out LIST.csv to list what to leave out, or --apply" in capsys.readouterr().err


def test_split_keeps_copies_together_and_is_what_training_uses(dogs: Path, tmp_path: Path) -> None:
    (dogs / "진돗개" / "torn.png").unlink()
    out = dogs / "split.csv"
    assert data("split", dogs, "--held-out", 0.5, "--out", out, cache=tmp_path) == 0
    sides = {row["file"]: row["side"] for row in csv.DictReader(out.open())}
    assert set(sides.values()) == {"training", "validation"}
    assert sides["진돗개/5.jpg"] == sides["진돗개/mirror.webp"]
    assert sides["진돗개/6.jpg"] == sides["n02085620-Chihuahua/copy.jpg"]
    (_, used), (_, held) = (part[0] for part in split([Source("", split="split.csv")], dogs))
    assert {sample.path.name for sample in held} == {
        Path(name).name for name, side in sides.items() if side == "validation"
    }
    assert len(used) + len(held) == len(sides) == 11
    picture(50).save(dogs / "진돗개" / "new.jpg")
    later = tmp_path / "later.csv"
    given = ("--held-out", 1.0, "--fixed", out, "--out", later)
    assert data("split", dogs, *given, cache=tmp_path) == 0
    now = {row["file"]: row["side"] for row in csv.DictReader(later.open())}
    assert now == {**sides, "진돗개/new.jpg": "validation"}


def test_split_of_a_trainings_sources(dogs: Path, tmp_path: Path) -> None:
    """The sources share one split, whatever file they name for it yet."""
    config = tmp_path / "train.toml"
    config.write_text(
        "epochs = 3\n"
        '[[source]]\nimages = "진돗개"\nheld_out = 0.5\nsplit = "split.csv"\n'
        '[[source]]\nimages = "n02085620-Chihuahua"\nheld_out = 0.0\n'
    )
    out = dogs / "split.csv"
    assert data("split", dogs, "--config", config, "--out", out, cache=tmp_path) == 0
    sides = {row["file"]: row["side"] for row in csv.DictReader(out.open())}
    assert sides["진돗개/6.jpg"] == sides["n02085620-Chihuahua/copy.jpg"]
    assert len(sides) == 11


def test_a_class_with_one_photo_is_refused(
    dogs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "split.csv"
    assert data("split", dogs, "--stratified", "--out", out, cache=tmp_path) == 1
    (told,) = (x for x in capsys.readouterr().err.splitlines() if x.startswith("error: "))
    assert "<i>lone" in told
    assert "진돗개" not in told
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["report", "nowhere", "--out", "x"], "There is no folder nowhere."),
        (["clean", "empty", "--out", "x"], "There are no images in empty."),
        (["report", "empty", "--out", "x", "--colours", "none.json"], "compare-colours --out"),
        (["split", "empty", "--config", "none.toml", "--out", "x"], "cannot be read"),
        (["split", "empty", "--held-out", "3", "--out", "x"], "a share from 0 to 1"),
        (["report", "empty", "--labels", "none.csv", "--out", "x"], "cannot be read"),
    ],
)
def test_one_sentence_for_each_mistake(
    given: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["data", *given, "--cache", "cache.sqlite"]) == 1
    assert told in capsys.readouterr().err


def test_compare_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a model that knows mean lightness only, hue tells dogs apart that RGB confuses."""

    class Lightness:
        @classmethod
        def load(cls, spec: ModelSpec) -> "Lightness":
            return cls()

        def embed(self, crops: Sequence[np.ndarray]) -> np.ndarray:
            angle = np.array([crop[..., 0].mean() / 255 for crop in crops])
            return np.stack([np.cos(angle), np.sin(angle)], 1)

    def whole(spec: ModelSpec, images: Sequence[Any]) -> list[Any]:
        return list(images)

    monkeypatch.setattr("ml.embedder.Embedder", Lightness)
    monkeypatch.setattr(retrieval, "crop_dogs", whole)
    rows = ["file,label"]
    for number in range(20):
        hue = number % 2
        red = 100 + 5 * number  # rises over both labels alike
        pixels = np.zeros((20, 20, 3), np.uint8)
        pixels[..., 0], pixels[..., 1 + hue] = red, red // 2
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{'ab'[hue]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    out = tmp_path / "colours.json"
    given = ["--images", str(tmp_path), "--labels", str(tmp_path / "labels.csv")]
    assert main(["data", "compare-colours", *given, "--out", str(out)]) == 0
    told = capsys.readouterr().out.splitlines()
    found = json.loads(told[-1])
    assert json.loads(out.read_text())["options"] == found["options"]
    assert len(found["options"]) == 12
    r1 = {(row["colours"], row["equalise"]): row["r1"] for row in found["options"]}
    assert r1["hsv", "none"] == 1.0
    assert r1["rgb", "none"] < 0.5
    assert "Colours as hsv" in found["verdict"]
    assert any(line.split()[:2] == ["lab", "clahe"] for line in told)
