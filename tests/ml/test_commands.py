"""The command line: formats, exit codes, and one sentence for each mistake."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.coat import coat
from ml.errors import NoSubject
from ml.evaluation import fusion, likeness, retrieval, subject, triplets
from ml.evaluation.fusion import Seen
from ml.fusion import looks
from ml.skeleton import KEYPOINTS
from ml.spec import ModelSpec
from ml.subject import Subject


def colours(spec: ModelSpec, images: Sequence[np.ndarray]) -> np.ndarray:
    """Mean colours as unit vectors, so that a lost order fails."""
    vectors = np.array([image.mean((0, 1)) + 1 for image in images])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def seen(spec: ModelSpec, images: Sequence[np.ndarray]) -> Seen:
    """The same appearance; every picture is a dog of its own mean colour."""
    number = len(images)
    coats = [coat(image, (0, 0, image.shape[1], image.shape[0])) for image in images]
    blank = np.zeros((number, len(KEYPOINTS), 3))
    return Seen(colours(spec, images), looks(blank, coats, [None] * number, [""] * number))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shades = {"red": (200, 0, 0), "rose": (220, 40, 40), "blue": (0, 0, 200), "sky": (30, 30, 220)}
    for name, colour in shades.items():
        Image.new("RGB", (80, 70), colour).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    for module in (retrieval, triplets, likeness):
        monkeypatch.setattr(module, "embed_photos", colours)
    for module in (retrieval, triplets, fusion):
        monkeypatch.setattr(module, "see_photos", seen)
    return tmp_path


def table(folder: Path, text: str) -> str:
    path = folder / "table.csv"
    path.write_text(text)
    return str(path)


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_retrieval(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = table(photos, "file,label\nred.png,warm\nrose.png,warm\nblue.png,cold\nsky.png,cold\n")
    assert main(["evaluate", "retrieval", "--images", str(photos), "--labels", labels]) == 0
    assert last_line(capsys) == {"n": 4, "r1": 1.0, "r5": 1.0, "r10": 1.0, "map": 1.0}
    fused = ["--images", str(photos), "--labels", labels, "--fused", "lost"]
    assert main(["evaluate", "retrieval", *fused]) == 0
    assert last_line(capsys) == {"n": 4, "r1": 1.0, "r5": 1.0, "r10": 1.0, "map": 1.0}


def test_retrieval_of_a_folder_per_label(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A photo without a label is found by others, but is no query."""
    for label, names in {"warm": ("red", "rose"), "cold": ("blue", "sky")}.items():
        (photos / label).mkdir()
        for name in names:
            (photos / f"{name}.png").rename(photos / label / f"{name}.png")
    Image.new("RGB", (80, 70), (200, 0, 0)).save(photos / "loose.png")
    assert main(["evaluate", "retrieval", "--images", str(photos)]) == 0
    assert last_line(capsys) == {"n": 4, "r1": 0.5, "r5": 1.0, "r10": 1.0, "map": 0.75}


def test_unreadable_images_are_named_and_skipped(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = table(photos, "file,label\nred.png,a\nrose.png,a\nbroken.png,a\nnone.png,a\n")
    assert main(["evaluate", "retrieval", "--images", str(photos), "--labels", labels]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out.splitlines()[-1])["n"] == 2
    assert "skipped broken.png" in told.err
    assert "skipped none.png" in told.err


def test_triplets(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "red.png,rose.png,blue.png,a\nblue.png,red.png,sky.png,b\nred.png,rose.png,sky.png,b\n"
    text = "query,a,b,choice\n" + rows
    given = ["--images", str(photos), "--triplets", table(photos, text), "--json"]
    for only in ([], ["--appearance-only"]):
        assert main(["evaluate", "triplets", *given, *only]) == 0
        assert last_line(capsys) == {"n": 3, "accuracy": pytest.approx(2 / 3, abs=1e-5)}


def test_triplets_are_scored_by_the_whole_likeness(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the appearance tells nothing, the coat does."""
    alike = np.full((4, 3), 3**-0.5)
    monkeypatch.setattr(triplets, "embed_photos", lambda spec, images: alike[: len(images)])
    whole = lambda spec, images: replace(seen(spec, images), vectors=alike[: len(images)])  # noqa: E731
    monkeypatch.setattr(triplets, "see_photos", whole)
    text = "query,a,b,choice\nred.png,rose.png,blue.png,a\nblue.png,red.png,sky.png,b\n"
    given = ["--images", str(photos), "--triplets", table(photos, text), "--json"]
    assert main(["evaluate", "triplets", *given]) == 0
    assert last_line(capsys)["accuracy"] == 1
    assert main(["evaluate", "triplets", *given, "--appearance-only"]) == 0
    assert last_line(capsys)["accuracy"] == 0.5


def test_what_each_part_brings(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "red.png,rose.png,blue.png,a\nblue.png,red.png,sky.png,b\n" * 10
    given = ["--images", str(photos), "--triplets", table(photos, "query,a,b,choice\n" + rows)]
    assert main(["evaluate", "fusion", *given, "--json"]) == 0
    found = last_line(capsys)
    assert (found["n"], found["appearance"], found["fused"]) == (20, 1, 1)
    assert found["alone"]["colour"] == 1
    assert found["known"] == {"body": 0, "face": 0, "colour": 20, "breed": 0}
    assert found["added"]["colour"] == found["all"] == 1
    assert found["weights"]["colour"] > 0
    assert set(found["typical"]) == {"colour"}


def test_subject(
    photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        @classmethod
        def load(cls, spec: ModelSpec) -> "Finder":
            return cls()

        def find(self, images: Sequence[np.ndarray]) -> list[Subject | NoSubject]:
            red = [image[0, 0, 0] > 100 for image in images]
            return [Subject((0, 0, 9, 9), 1.0) if r else NoSubject("cat") for r in red]

    monkeypatch.setattr(subject, "SubjectFinder", Finder)
    labels = table(photos, "file,kind\nred.png,dog\nrose.png,person\nblue.png,other\nsky.png,cat\n")
    given = ["--images", str(photos), "--labels", labels, "--json"]
    assert main(["evaluate", "subject", *given]) == 0
    assert last_line(capsys) == {
        "n": 4,
        "accuracy": 0.75,
        "per_kind": {"dog": 1.0, "person": 0.0, "other": 1.0},
    }
    labels = table(photos, "file,kind\nred.png,wolf\n")
    assert main(["evaluate", "subject", "--images", str(photos), "--labels", labels]) == 1
    assert "Unknown kind wolf" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,label\nred.png,a\n", "no column file"),
        ("file,label\n", "has no rows"),
        ("file,label\nx.png,a\ny.png,a\n", "None of the images"),
    ],
)
def test_tables_that_cannot_be_used(
    photos: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    given = ["--images", str(photos), "--labels", table(photos, text)]
    assert main(["evaluate", "retrieval", *given]) == 1
    errors = [e for e in capsys.readouterr().err.splitlines() if not e.startswith("skipped")]
    assert len(errors) == 1
    assert told in errors[0]


def test_unknown_model_names_the_nearest(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = table(photos, "file,label\nred.png,a\n")
    given = ["--images", str(photos), "--labels", labels, "--model", "startr"]
    assert main(["evaluate", "retrieval", *given]) == 1
    assert "Nearest: starter" in capsys.readouterr().err


def test_missing_photo_and_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--images", str(tmp_path / "no"), "--labels", table(tmp_path, "file,label\na,b\n")]
    assert main(["evaluate", "retrieval", *given]) == 1
    assert "no folder" in capsys.readouterr().err


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bark"])
    assert caught.value.code == 2
    assert "evaluate" in capsys.readouterr().err
