"""How repeatable a person's most similar dogs are, on hand-made faces."""

import numpy as np
import pytest

from ml.errors import DataError
from ml.evaluation.faces import (
    CHANGES,
    TOP,
    Dogs,
    Portrait,
    copies,
    degrees_aside,
    figures_of,
    person_of,
    read_persons,
)
from ml.faces import AtRest, FaceScale
from ml.geometry import FACE_RATIOS
from ml.mesh import Front

FRONT = Front.load().points
REST = AtRest((0.0, 0.0), {})


@pytest.fixture(scope="module")
def scale():
    """Quantiles around the mean face and around 1."""
    typical = REST.ratios(FRONT)
    spread = np.linspace(-0.3, 0.3, 41)
    return FaceScale(
        {name: (typical[name] + spread).tolist() for name in FACE_RATIOS},
        {name: (1 + spread).tolist() for name in FACE_RATIOS},
        REST,
    )


@pytest.fixture(scope="module")
def dogs(scale):
    rng = np.random.default_rng(0)
    faces = [{name: (rng.normal(1, 0.15), 0.8) for name in FACE_RATIOS} for _ in range(60)]
    return Dogs.of([*faces, {"mouth_width": (1.0, 0.9)}], scale)


def portrait(file, wide=1.0, hashes=(0, 0, 0, 0), aside=0.0, **changed):
    return Portrait(file, FRONT * (wide, 1, 1), changed, aside, hashes)


def test_a_dog_that_shows_too_little_is_none(dogs, scale):
    assert len(dogs) == 60
    with pytest.raises(DataError, match="Only 1 dogs"):
        Dogs.of([dict.fromkeys(FACE_RATIOS, (1.0, 1.0))], scale)


def test_figures_by_hand(dogs, scale):
    people = [
        portrait("mina1.jpg", hashes=(0, 0, 0, 0), darker=FRONT, larger=FRONT * (1.3, 1, 1)),
        portrait("mina2.jpg", hashes=(2**40 - 1, 0, 0, 0)),
        portrait("mina3.jpg", hashes=(0, 0, 2**40 - 1, 0), aside=30.0),
        portrait("jin.jpg", wide=1.3),
    ]
    found = figures_of(people, dogs, scale)
    assert found["dogs"] == 60
    assert found["changed"]["darker"] == TOP
    assert found["changed"]["larger"] < 6
    assert found["changed"]["cropped"] is None
    assert found["same_person"] == {
        "pairs": 3, "shared": TOP, "frontal": {"pairs": 1, "shared": TOP},
    }  # fmt: skip
    assert found["chance"] == found["changed"]["larger"]


def test_two_copies_of_a_picture_are_no_pair(dogs, scale):
    people = [portrait("mina1.jpg"), portrait("mina2.jpg", hashes=(1, 0, 1, 0))]
    assert copies(*people)
    assert figures_of(people, dogs, scale)["same_person"]["pairs"] == 0


@pytest.mark.parametrize(
    ("file", "person"),
    [("mina1.jpg", "mina"), ("Mina-02 b.jpg", "mina"), ("mina_3.png", "mina"),
     ("A000014.jpg", None), ("mina.jpg", None), ("mina_and_jin.jpg", None)],
)  # fmt: skip
def test_a_name_tells_who_it_is(file, person):
    assert person_of(file, None) == person
    assert person_of(file, {"mina1.jpg": "x"}) == ("x" if file == "mina1.jpg" else None)


def test_who_is_who_may_stand_in_a_table(tmp_path):
    (tmp_path / "who.csv").write_text("file,person\na/1.jpg,mina\n2.jpg,jin\n")
    assert read_persons(tmp_path / "who.csv") == {"1.jpg": "mina", "2.jpg": "jin"}


def test_a_face_that_looks_aside_is_known():
    turn = np.radians(25)
    around = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    assert degrees_aside(FRONT) == pytest.approx(0, abs=1)
    assert degrees_aside(FRONT @ around.T) == pytest.approx(25, abs=1)


def test_each_change_leaves_a_picture():
    image = np.random.default_rng(0).integers(0, 255, (80, 60, 3), np.uint8)
    changed = {name: change(image) for name, change in CHANGES.items()}
    assert changed["larger"].shape == (160, 120, 3)
    assert changed["turned_10"].shape[0] > 80
    assert changed["cropped"].shape[:2] == (74, 55)
    assert (changed["mirrored"] == image[:, ::-1]).all()
    assert changed["darker"].mean() == pytest.approx(0.7 * image.mean(), rel=0.02)
    assert changed["jpeg_40"].shape == image.shape
    assert (changed["jpeg_40"] != image).any()
