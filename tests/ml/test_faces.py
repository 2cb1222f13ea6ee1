"""Faces as proportions: invariant, placed among their kind, compared with known answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import DataError, NoFace
from ml.faces import FaceFinder, FaceScale, band, likeness, ratios_of
from ml.geometry import FACE_RATIOS, face_ratios

FACE = {
    "left_eye": (60.0, 40.0, 0.9),
    "right_eye": (40.0, 40.0, 0.8),
    "nose": (50.0, 52.0, 1.0),
    "left_mouth_corner": (58.0, 62.0, 0.7),
    "right_mouth_corner": (42.0, 62.0, 0.6),
    "left_ear_base": (75.0, 20.0, 0.9),
    "right_ear_base": (25.0, 20.0, 0.5),
}


def values(points):
    return {name: ratio and ratio.value for name, ratio in face_ratios(points).items()}


def test_ratios_by_hand():
    found = face_ratios(FACE)
    assert {name: r.value for name, r in found.items() if r} == pytest.approx(
        {"eye_to_nose": 0.6, "nose_to_mouth": 0.5, "mouth_width": 0.8, "ear_spacing": 2.5}
    )
    assert found["ear_spacing"].confidence == 0.5
    assert tuple(found) == FACE_RATIOS


@given(
    st.floats(-math.pi, math.pi), st.floats(0.2, 30), st.floats(-500, 500), st.booleans()
)  # fmt: skip
def test_ratios_stay_when_the_picture_turns_grows_moves_or_is_mirrored(angle, scale, shift, mirror):
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )

    def moved(x, y):
        return tuple(turn @ np.array([-x if mirror else x, y]) + shift)

    names = {"left": "right", "right": "left"}

    def other(name):
        side, _, rest = name.partition("_")
        return f"{names[side]}_{rest}" if mirror and side in names else name

    there = {other(n): (*moved(x, y), s) for n, (x, y, s) in FACE.items()}
    assert values(there) == pytest.approx(values(FACE))


@pytest.mark.parametrize(
    ("missing", "without"),
    [("nose", {"eye_to_nose", "nose_to_mouth"}), ("left_ear_base", {"ear_spacing"}),
     ("right_eye", set(FACE_RATIOS))],
)  # fmt: skip
def test_what_is_not_seen_takes_its_ratios_along(missing, without):
    unseen = {**FACE, missing: (*FACE[missing][:2], 0.1)}
    for points in (unseen, {n: p for n, p in FACE.items() if n != missing}):
        assert {name for name, ratio in face_ratios(points).items() if ratio is None} == without


def test_eyes_in_one_place_are_no_norm():
    same = {**FACE, "left_eye": FACE["right_eye"]}
    assert set(values(same).values()) == {None}


@pytest.fixture(scope="module")
def scale():
    marks = np.linspace(1, 2, 41).tolist()
    return FaceScale(
        dict.fromkeys(FACE_RATIOS, marks),
        {name: [2 * m for m in marks] for name in FACE_RATIOS},
    )


def test_each_kind_is_placed_among_its_own(scale):
    assert scale.place("person", "mouth_width", 1.5) == pytest.approx(0)
    assert scale.place("dog", "mouth_width", 3.0) == pytest.approx(0)
    assert scale.place("person", "mouth_width", 1.841) == pytest.approx(1, abs=0.01)
    assert scale.place("person", "mouth_width", 99) == pytest.approx(2.326, abs=0.01)
    assert scale.place("dog", "mouth_width", 0) == pytest.approx(-2.326, abs=0.01)


def test_likeness_by_hand(scale):
    person = scale.places("person", dict.fromkeys(FACE_RATIOS, 1.5))
    same = scale.places("dog", dict.fromkeys(FACE_RATIOS, 3.0))
    wide = scale.places("dog", {**dict.fromkeys(FACE_RATIOS, 3.0), "ear_spacing": 3.6827})
    two = scale.places("dog", {"eye_to_nose": 3.0, "mouth_width": 3.0})
    dogs = tuple(np.stack(part) for part in zip(same, wide, two, strict=True))
    # One of the weights 1, ½, ½, 1 is one deviation off.
    assert likeness(person, dogs) == pytest.approx([1, math.exp(-1 / 3), 0], abs=0.01)
    assert [band(x) for x in (0.7, 0.69, 0.5, 0.49)] == ["strong", "weak", "weak", "none"]


def test_the_shipped_scale_rises_and_is_made_of_enough_faces():
    shipped = FaceScale.load()
    for marks in (*shipped.person.values(), *shipped.dog.values()):
        assert len(marks) == 41
        assert list(marks) == sorted(marks)
    assert FaceScale.of(
        [dict.fromkeys(FACE_RATIOS, 1.0)] * 41, [dict.fromkeys(FACE_RATIOS, 2.0)] * 41
    )
    with pytest.raises(DataError, match="Only 1 faces"):
        FaceScale.of([{"eye_to_nose": 1.0}], [])


def test_a_scale_that_is_none_is_refused(tmp_path):
    (tmp_path / "faces.json").write_text("{}")
    with pytest.raises(DataError, match="Restore it"):
        FaceScale.load(tmp_path / "faces.json")


def test_no_face_is_said():
    with pytest.raises(NoFace, match="couldn't find a face"):
        FaceFinder().find(np.full((240, 320, 3), 128, np.uint8))


def test_only_ratios_are_kept_of_a_face():
    assert ratios_of(FACE) == {
        "eye_to_nose": 0.6, "nose_to_mouth": 0.5, "mouth_width": 0.8, "ear_spacing": 2.5,
    }  # fmt: skip
