"""Sheets of nearest photos: who stands where, in which frame, and the figures below."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from ml.__main__ import main
from ml.errors import DataError
from ml.evaluation import neighbours
from ml.evaluation.neighbours import PLAIN, RIGHT, WRONG, choose, nearest, sheet
from ml.evaluation.pictures import Photos
from ml.spec import Likeness
from tests.ml.evaluation.colours import look_only_at_colours, paint

LIKENESS = Likeness(0.2, 0.8, ((0.0, 0.0), (1.0, 100.0)))


def photos(degrees: list[float], labels: str, groups: str = "") -> Photos:
    """Vectors at these angles; the crop of photo n is filled with n."""
    turned = np.radians(degrees)
    crops = [np.full((9, 9, 3), place, np.uint8) for place in range(len(degrees))]
    told = groups or "".join(map(chr, range(65, 65 + len(degrees))))
    vectors = np.stack([np.cos(turned), np.sin(turned)], 1)
    return Photos(crops, vectors, np.array(list(labels)), np.array(list(told)))


def test_nearest_by_hand() -> None:
    found, cosines = nearest(photos([0, 10, 30, 70], "aabb"), 2)
    assert found.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    np.testing.assert_allclose(cosines[3], np.cos(np.radians([40, 60])))


def test_photos_of_a_burst_are_no_matches() -> None:
    found, cosines = nearest(photos([0, 10, 30, 70], "aaab", "xxyy"), 9)
    assert found[:, :2].tolist() == [[2, 3], [2, 3], [1, 0], [1, 0]]
    assert np.isneginf(cosines[:, 2]).all()
    with pytest.raises(DataError, match="of one group"):
        nearest(photos([0, 10], "ab", "xx"), 1)


def test_asked_are_first_those_with_something_to_find_and_each_label_once() -> None:
    given = photos([0, 1, 2, 3, 4, 5, 6], "abcabdd", "1234566")  # c is alone, d one burst
    for seed in range(5):
        asked = choose(given, 4, seed)
        assert {*given.labels[asked[:2]]} == {"a", "b"}
        assert sorted(asked) == [0, 1, 3, 4]
        assert asked == choose(given, 4, seed)
    assert len({tuple(choose(given, 2, seed)) for seed in range(9)}) > 1


def test_frames_and_words_of_the_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = Figure()

    def drawn(draw, width, height) -> bytes:
        draw(figure)
        return b""

    monkeypatch.setattr(neighbours, "drawn", drawn)
    given = photos([0, 10, 30, 60], "abac", "xyzy")
    found, cosines = nearest(given, 3)
    sheet(given, [0, 3], found[[0, 3]], cosines[[0, 3]], LIKENESS)

    def told(cell: Axes) -> tuple[int, str, str]:
        (image,) = cell.images
        colour = to_hex(cell.spines["left"].get_edgecolor()).upper()
        return int(np.asarray(image.get_array())[0, 0, 0]), colour, cell.get_xlabel()

    cells = [cell for cell in figure.axes if cell.images]
    assert [told(cell) for cell in cells] == [
        (0, PLAIN, "a"),
        (1, WRONG, "98  (cos 0.98)"),
        (2, RIGHT, "87  (cos 0.87)"),
        (3, WRONG, "50  (cos 0.50)"),
        (3, PLAIN, ""),  # its label is nowhere else, and photo 1 is of its burst
        (2, PLAIN, "87  (cos 0.87)"),
        (0, PLAIN, "50  (cos 0.50)"),
    ]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    look_only_at_colours(monkeypatch)
    for name, colour in {
        "red/1": (250, 0, 0),
        "red/2": (250, 50, 0),
        "blue/1": (0, 30, 250),
        "blue/2": (240, 20, 0),
    }.items():
        paint(tmp_path / "dogs" / f"{name}.png", colour)
    return tmp_path


def evaluate(folder: Path, *more: str, out: str = "sheet.jpg") -> int:
    given = ["--images", str(folder / "dogs"), "--out", str(folder / out), *more]
    return main(["evaluate", "neighbours", *given])


def test_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folder, "--queries", "2", "--matches", "2") == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    vectors = np.array([(250, 0, 0), (250, 50, 0), (0, 30, 250), (240, 20, 0)], float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    firsts = [
        vectors[0] @ vectors[3],
        vectors[1] @ vectors[3],
        vectors[2] @ vectors[1],
        vectors[3] @ vectors[0],
    ]
    assert result == {"n": 4, "cosine": pytest.approx(np.mean(firsts), abs=1e-4), "r1": 0.0}
    with Image.open(folder / "sheet.jpg") as picture:
        assert (picture.format, picture.width > 300) == ("JPEG", True)


def test_table_with_bursts_and_without_labels(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = folder / "table.csv"
    rows = ("red/1.png,red,x", "red/2.png,red,y", "blue/1.png,blue,z", "blue/2.png,,x")
    table.write_text("\n".join(("file,label,group", *rows)))
    assert evaluate(folder, "--labels", str(table)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["r1"] == 0.5
    table.write_text("\n".join(("file,label", *(row.split(",")[0] + "," for row in rows))))
    assert evaluate(folder, "--labels", str(table), out="sheet.png") == 0
    assert set(json.loads(capsys.readouterr().out.splitlines()[-1])) == {"n", "cosine"}


@pytest.mark.parametrize(
    ("more", "out", "told"),
    [
        (("--matches", "0"), "a.jpg", "at least 1"),
        ((), "a.gif", "must end in .jpg or .png"),
        ((), "no/a.jpg", "There is no folder"),
        (("--model", "startr"), "a.jpg", "Nearest: starter"),
    ],
)
def test_refusals(
    folder: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], out: str, told: str
) -> None:
    assert evaluate(folder, *more, out=out) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_too_few_and_too_many_photos(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("red/1", "red/2", "blue/1"):
        (folder / "dogs" / f"{name}.png").write_bytes(b"no picture")
    assert evaluate(folder) == 1
    assert "Give at least two" in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setattr("ml.evaluation.pictures._MOST", 3)
    assert evaluate(folder) == 1
    assert "at most 3 photos, not 4" in capsys.readouterr().err
