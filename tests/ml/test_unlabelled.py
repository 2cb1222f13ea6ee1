"""`python -m ml rank-unlabelled` on dogs drawn by code, with the keypoint weights that ship."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.commands.unlabelled import Looker, Looks, rows
from ml.drawn.dataset import example_scenes
from ml.drawn.render import render
from ml.errors import NoSubject
from ml.pose import PoseEstimator
from ml.spec import load_spec
from ml.subject import Subject


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn dogs, one of them twice and once beyond recognition, and no dog."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "more").mkdir()
    for number, (dog, scene) in enumerate(list(example_scenes())[:3]):
        image = Image.fromarray(render(dog, scene, (256, 320)).image)
        image.save(folder / f"{number}.png")
    image = Image.open(folder / "0.png")
    image.save(folder / "more" / "copy.png")
    image.rotate(180).save(folder / "turned.png")
    Image.new("RGB", (90, 80), (40, 90, 200)).save(folder / "sky.png")
    (folder / "broken.png").write_bytes(b"no image")
    return folder


class Finder:
    """A dog fills every photo that is not blue."""

    def find(self, images):
        return [self.look_at(image) for image in images]

    def look_at(self, image):
        height, width = image.shape[:2]
        return NoSubject() if image[0, 0, 2] > 190 else Subject((8, 8, width - 8, height - 8), 1)


class Embedder:
    """The crop at four by four pixels, so that a turned picture is another."""

    def embed(self, crops):
        small = [np.asarray(Image.fromarray(crop).resize((4, 4))).ravel() for crop in crops]
        vectors = np.array(small, np.float64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def looker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the keypoints are a network's; compiling three more takes its time."""
    pose = PoseEstimator.load(load_spec(), device="torch-cpu")
    made = Looker(Finder(), pose, Embedder(), 0.0)
    monkeypatch.setattr(Looker, "load", lambda spec, threads: made)


def ranked(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[str, str]:
    assert main(["rank-unlabelled", str(folder), "--threads", "1", *options]) == 0
    told = capsys.readouterr()
    return told.out, told.err


@pytest.mark.usefixtures("looker")
def test_a_dog_upside_down_comes_first_and_a_copy_last(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = ranked(photos, capsys, "--json")
    found = json.loads(out)["photos"]
    files = [row["file"] for row in found]
    assert sorted(files) == ["0.png", "1.png", "2.png", "more/copy.png", "turned.png"]
    assert files[0] == "turned.png"
    assert files[-1] in ("0.png", "more/copy.png")
    for row in found:
        assert row["teaches"] == pytest.approx((row["doubt"] + row["disagreement"]) / 2, abs=1e-3)
    assert "skipped broken.png" in err
    assert "2 photos show no dog or cannot be read" in err

    out, _ = ranked(photos, capsys, "--csv", "--number", "2")
    assert out.splitlines()[0] == "file,teaches,doubt,disagreement"
    assert [line.partition(",")[0] for line in out.splitlines()[1:]] == files[:2]


def test_what_cannot_be_ranked_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank-unlabelled", str(tmp_path / "no")]) == 1
    assert "no folder" in capsys.readouterr().err
    assert main(["rank-unlabelled", str(tmp_path)]) == 1
    assert "no photos" in capsys.readouterr().err
    assert main(["rank-unlabelled", str(tmp_path), "--number", "0"]) == 1
    assert "--number" in capsys.readouterr().err


def test_rows_are_of_the_photos_that_teach_most():
    points = np.tile(np.float32([5, 5, 0.9]), (3, 21, 1))
    points[1, :, 2] = 0.4
    points[2, :, 2] = 0.6
    looks = Looks(["a", "b", "c"], points, points, np.array([[0, 0, 9, 9]] * 3), np.eye(3))
    assert [row["file"] for row in rows(looks, 2)] == ["b", "c"]
    assert rows(looks, 1)[0] == {
        "file": "b",
        "teaches": 0.3,
        "doubt": 0.6,
        "disagreement": 0.0,
    }
