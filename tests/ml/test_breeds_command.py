"""`python -m ml breeds`: breeds added from a few photos, listed, told and forgotten again."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.breeds import BreedClassifier, Calibration, added_file, read_added, save_added
from ml.commands import breeds as command
from ml.spec import ModelSpec, load_spec

DIRECTIONS = {"jindo": (0.0, 0.0, 1.0), "pug": (1.0, 0.0, 0.0)}


class Known(BreedClassifier):
    """Knows pug and beagle by the first two of three features."""

    @classmethod
    def load(  # type: ignore[override]
        cls, spec: ModelSpec, *, added: Path
    ) -> BreedClassifier:
        calibration = Calibration(0.1, 0.5, 0.5, 1.0, 0.0)
        return BreedClassifier(
            ("pug", "beagle"),
            np.eye(3)[:2],
            np.zeros(2),
            calibration,
            read_added(added_file(spec, added)),
        )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def features(paths: list[Path], spec: ModelSpec, *, augment: bool) -> list[np.ndarray]:
        rows = [np.array(DIRECTIONS[path.stem.rstrip("0123456789")]) for path in paths]
        return [np.tile(row, (6 if augment else 1, 1)) for row in rows]

    monkeypatch.setattr(command, "BreedClassifier", Known)
    monkeypatch.setattr(command, "features_of", features)
    return tmp_path


def breeds(folder: Path, *arguments: str) -> int:
    return main(["breeds", *arguments, "--folder", str(folder)])


def told(folder: Path, capsys: pytest.CaptureFixture[str], *photos: str) -> list[str | None]:
    capsys.readouterr()
    assert breeds(folder, "guess", *photos) == 0
    return [json.loads(line)["breed"] for line in capsys.readouterr().out.splitlines()]


def test_an_added_breed_is_told_and_the_others_are_as_before(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(folder, capsys, "jindo9.jpg", "pug1.jpg") == [None, "pug"]
    photos = [f"jindo{number}.jpg" for number in range(5)]
    assert breeds(folder, "add", "진돗개", *photos) == 0
    assert capsys.readouterr().out == "jindo-dog: added from 5 photos\n"
    assert told(folder, capsys, "jindo9.jpg", "pug1.jpg") == ["jindo-dog", "pug"]
    assert breeds(folder, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "pug\tPug\t퍼그",
        "beagle\tBeagle\t비글",
        "jindo-dog\tJindo Dog\t진돗개\tadded",
    ]
    assert breeds(folder, "remove", "Jindo Dog") == 0
    assert told(folder, capsys, "jindo9.jpg") == [None]


def test_few_photos_are_taken_with_a_word(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert breeds(folder, "add", "Telomian", "jindo1.jpg") == 0
    assert "five photos of different dogs" in capsys.readouterr().out


def test_a_breed_that_it_was_trained_on_is_not_added(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert breeds(folder, "add", "퍼그", "pug1.jpg") == 1
    assert "knows pug already" in capsys.readouterr().err
    assert breeds(folder, "add", "--", "-", "pug1.jpg") == 1
    assert "is no name" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_an_unknown_name_is_refused_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert breeds(folder, "remove", "sapsali") == 1
    assert "none was added" in capsys.readouterr().err
    path = added_file(load_spec(), folder)
    save_added(path, {name: np.eye(3, dtype=np.float32)[0] for name in ("sapsali", "jindo-dog")})
    assert breeds(folder, "remove", "sapsal") == 1
    assert "No breed sapsal was added. Nearest: sapsali" in capsys.readouterr().err
    assert sorted(read_added(path)) == ["jindo-dog", "sapsali"]
    assert breeds(folder, "list", "--model", "startr") == 1
    assert "Nearest: starter" in capsys.readouterr().err


def test_another_embedder_has_added_breeds_of_its_own(folder: Path) -> None:
    starter = load_spec("starter")
    other = dataclasses.replace(
        starter, embedder=dataclasses.replace(starter.embedder, sha256="0" * 64)
    )
    assert added_file(starter, folder) != added_file(other, folder)
