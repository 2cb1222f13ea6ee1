"""The map of the embedding: what is alike lies together, under its own picture and colour."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from ml.__main__ import main
from ml.embedder import unit
from ml.evaluation import space
from ml.evaluation.pictures import Photos
from ml.evaluation.space import flatten, kept, picture, spread_out, unfold
from tests.ml.evaluation.colours import look_only_at_colours, paint


def clusters(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors in 16 dimensions around `count` directions, in mixed order, and of which."""
    chance = np.random.default_rng(3)
    which = chance.permutation(np.repeat(np.arange(count), size))
    centres = np.eye(16)[:count]
    return unit(centres[which] + 0.1 * chance.standard_normal((len(which), 16))), which


def test_flat_shows_the_directions_of_most_variance() -> None:
    chance = np.random.default_rng(0)
    wide = chance.standard_normal((50, 2)) * (9, 3)
    turned, _ = np.linalg.qr(chance.standard_normal((5, 5)))
    flat = flatten(np.pad(wide - wide.mean(0), ((0, 0), (0, 3))) @ turned + 7)
    between = np.linalg.norm(wide[:, None] - wide, axis=2)
    np.testing.assert_allclose(np.linalg.norm(flat[:, None] - flat, axis=2), between, atol=1e-9)
    assert flat[:, 0].std() > flat[:, 1].std()


def test_clusters_stay_together_and_apart() -> None:
    vectors, which = clusters(5, 12)
    places = unfold(vectors)
    np.testing.assert_array_equal(places, unfold(vectors))
    distance = np.linalg.norm(places[:, None] - places, axis=2)
    together = which[:, None] == which
    assert distance[together].max() < distance[~together].min()


@pytest.mark.parametrize("count", [2, 3])
def test_few_and_equal_photos_have_places(count: int) -> None:
    assert np.isfinite(unfold(np.eye(count, 4, dtype=np.float32))).all()
    assert np.isfinite(unfold(np.ones((count, 4), np.float32) / 2)).all()


def test_kept_by_hand() -> None:
    turned = np.radians(np.arange(8.0) ** 1.5)
    vectors = np.stack([np.cos(turned), np.sin(turned)], 1)
    line = np.stack([np.arange(8.0), np.zeros(8)], 1)
    assert kept(vectors, line) == 1.0
    line[0, 0] = 100.0  # away from photo 1: each is the first match of the other
    assert kept(vectors, line) == pytest.approx(6 / 8)


def test_squares_are_pushed_apart_and_no_further() -> None:
    places = np.array([[0.0, 0.0], [0.4, 0.1], [5.0, 5.0], [0.0, 0.0]])
    free = spread_out(places, 1.0)
    gaps = np.abs(free[:, None] - free).max(2)[np.triu_indices(4, 1)]
    assert gaps.min() > 0.998
    assert free[2].tolist() == [5.0, 5.0]
    assert np.abs(free - places).max() < 1.5


def test_each_photo_lies_at_its_place_in_the_colour_of_its_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figure = Figure()

    def drawn(draw, width, height) -> bytes:
        draw(figure)
        return b""

    monkeypatch.setattr(space, "drawn", drawn)
    crops = [np.full((9, 9, 3), place, np.uint8) for place in range(4)]
    given = Photos(crops, np.eye(4), np.array(list("abac")), np.arange(4))
    picture(given, np.array([[0.0, 0], [5, 0], [0, 10], [5, 10]]))
    (axes,) = figure.axes
    middles = {}
    for image in axes.images:
        left, right, low, high = image.get_extent()
        place = int(np.asarray(image.get_array())[0, 0, 0])
        middles[place] = (round((left + right) / 2, 6), round((low + high) / 2, 6))
    assert middles == {0: (0, 0), 1: (0.5, 0), 2: (0, 1), 3: (0.5, 1)}
    frames = [p.get_edgecolor()[:3] for p in axes.patches if isinstance(p, Rectangle)]
    assert frames[0] == frames[2] != frames[1]
    assert frames[1] == frames[3] == to_rgb(space._GREY)
    assert len(axes.lines) == 2  # the two photos of a, to their middle
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a"]


def test_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_only_at_colours(monkeypatch)
    for place in range(4):
        paint(tmp_path / "dogs" / "red" / f"{place}.png", (250, 10 * place, 0))
        paint(tmp_path / "dogs" / "blue" / f"{place}.png", (0, 10 * place, 250))
    (tmp_path / "dogs" / "red" / "9.png").write_bytes(b"no picture")
    out = tmp_path / "space.png"
    given = ["--images", str(tmp_path / "dogs"), "--out", str(out)]
    assert main(["evaluate", "space", *given]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out.splitlines()[-1]) == {"n": 8, "kept": 1.0}
    assert "skipped red/9.png" in told.err
    with Image.open(out) as drawn:
        assert (drawn.format, drawn.width > 500) == ("PNG", True)
    table = tmp_path / "table.csv"
    table.write_text("file,label\nred/1.png,red\n")
    assert main(["evaluate", "space", *given, "--labels", str(table)]) == 1
    assert "Give at least two" in capsys.readouterr().err
