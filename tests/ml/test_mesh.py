"""A person's face in three dimensions: turned to the front, whichever way it looks."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import DataError, FaceUnclear, NoFace
from ml.geometry import face_ratios
from ml.mesh import POINTS, FaceFinder, Front, points_of
from ml.mesh import _cut as cut_out

FRONT = Front.load()


def turn(yaw, pitch, roll):
    """A rotation by three angles in degrees."""
    (a, b, c) = np.radians([yaw, pitch, roll])
    around_y = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
    around_x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    around_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(around_z) @ around_x @ around_y


def somebody(seed=3):
    """A face that is not the mean one."""
    stretched = FRONT.points * np.random.default_rng(seed).uniform(0.9, 1.1, 3)
    return stretched + np.random.default_rng(seed).normal(0, 0.02, (POINTS, 3))


def values(mesh):
    return {name: ratio.value for name, ratio in face_ratios(points_of(mesh)).items()}


@given(
    st.floats(-20, 20), st.floats(-20, 20), st.floats(-180, 180), st.floats(5, 400),
    st.floats(-900, 900),
)  # fmt: skip
def test_a_turned_face_measures_the_same(yaw, pitch, roll, size, shift):
    there = size * somebody() @ turn(yaw, pitch, roll).T + shift
    assert values(FRONT.turned(there)) == pytest.approx(values(FRONT.turned(somebody())))


def test_without_turning_it_would_not():
    aside = somebody() @ turn(20, 0, 0).T
    assert values(aside)["eye_to_nose"] > 1.1 * values(somebody())["eye_to_nose"]


def test_what_a_smile_moves_does_not_turn_a_face():
    smiling = somebody()
    below = FRONT.points[:, 1] > FRONT.points[2, 1]
    smiling[below] += (0, 0.2, -0.1)
    calm, moved = values(FRONT.turned(somebody())), values(FRONT.turned(smiling))
    assert moved["eye_to_nose"] == pytest.approx(calm["eye_to_nose"])
    assert moved["eye_to_mouth"] > calm["eye_to_mouth"] + 0.05


def test_a_mirrored_face_measures_the_same():
    mirrored = FRONT.mirrored(somebody())
    assert values(mirrored) == pytest.approx(values(somebody()), rel=0.01)
    assert FRONT.mirrored(mirrored) == pytest.approx(somebody(), abs=0.1)


def test_the_mean_face_is_straight_and_symmetric_however_faces_look():
    seen = [50 * FRONT.points @ turn(yaw, 5, 3).T for yaw in (-10, 0, 4, 14)]
    mean = Front.of(seen)
    assert mean.points == pytest.approx(FRONT.points, abs=0.02)
    assert Front.of([mean.points]).points == pytest.approx(mean.points, abs=0.01)
    with pytest.raises(DataError, match="shows a face"):
        Front.of([])


def test_a_mean_face_is_read_as_it_was_written(tmp_path):
    (tmp_path / "mesh.json").write_text(FRONT.to_json())
    assert Front.load(tmp_path / "mesh.json").points == pytest.approx(FRONT.points)
    (tmp_path / "mesh.json").write_text('{"front": [[1, 2, 3]]}')
    with pytest.raises(DataError, match="Restore it"):
        Front.load(tmp_path / "mesh.json")


@pytest.fixture(scope="module")
def loaded():
    return FaceFinder()


@pytest.fixture
def finder(loaded, monkeypatch):
    """Sees these faces, (468, 3) in pixels each, in whatever it is shown."""

    def seeing(*looks):
        """What is seen at each look in turn, the last one from then on."""
        left = list(looks)

        def process(image):
            faces = left.pop(0) if len(left) > 1 else left[0]
            height, width = image.shape[:2]
            size = np.array([width, height, width])
            told = [
                SimpleNamespace(
                    landmark=[SimpleNamespace(x=x, y=y, z=z) for x, y, z in face / size]
                )
                for face in faces
            ]
            return SimpleNamespace(multi_face_landmarks=told or None)

        monkeypatch.setattr(loaded, "_mesh", SimpleNamespace(process=process))
        return loaded

    return seeing


IMAGE = np.full((240, 320, 3), 128, np.uint8)


def at(size, x, y):
    return size * somebody() + (x, y, 0)


def test_no_face_is_said(loaded):
    with pytest.raises(NoFace, match="couldn't find a face"):
        loaded.find(IMAGE)


def test_the_largest_of_several_faces_is_measured(finder):
    small, large = at(20, 60, 80), at(50, 200, 120)
    for seen in ([small, large], [large, small]):
        assert finder(seen).look(IMAGE) == pytest.approx(large)


def test_the_mean_of_all_looks_is_taken(finder):
    face = at(50, 200, 120)
    looks = [[face], *([[face + 0.5]] * 3), [face]]
    assert values(finder(*looks).find(IMAGE)) == pytest.approx(values(FRONT.turned(face)), rel=0.1)


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        ([[at(5, 100, 100)]], "pixels"),
        ([[at(50, 200, 120)], []], "seen in 0"),
        ([[at(50, 200, 120)], *([[at(50, 9, 9)], [5 * somebody(9) + 90]] * 4)], "differ"),
    ],
)
def test_a_face_that_cannot_be_measured_is_said(finder, looks, why):
    with pytest.raises(FaceUnclear, match="too small, blurred or turned") as error:
        finder(*looks).find(IMAGE)
    assert error.value.code == "face_unclear"
    assert why in error.value.detail


@pytest.mark.parametrize("roll", [0, 30, -100])
def test_a_cut_shows_the_face_upright_in_its_middle(roll):
    face = 90 * somebody() @ turn(0, 0, roll).T + (420, 380, 0)
    image = np.zeros((800, 800, 3), np.uint8)
    marked = {"left_eye": 0, "right_eye": 1}
    for name, channel in marked.items():
        x, y, _score = points_of(face)[name]
        image[round(y) - 5 : round(y) + 6, round(x) - 5 : round(x) + 6, channel] = 255
    cut = cut_out(image, face, 0.0, 1.6, (0.0, 0.0))
    assert cut.shape == (256, 256, 3)
    seen = {
        name: np.argwhere(cut[..., channel] > 60).mean(0)[::-1] for name, channel in marked.items()
    }
    assert seen["left_eye"][1] == pytest.approx(seen["right_eye"][1], abs=2)
    assert seen["left_eye"][0] > seen["right_eye"][0] + 40
    assert (seen["left_eye"][0] + seen["right_eye"][0]) / 2 == pytest.approx(128, abs=8)
