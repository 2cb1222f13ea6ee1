"""Faces as proportions: invariant, placed among their kind, compared with known answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.commands.faces import by_chance, photo_paths
from ml.errors import DataError
from ml.faces import (
    HALF_KNOWN,
    MOVED,
    STEADINESS,
    AtRest,
    FaceScale,
    band,
    likeness,
    measured,
    share_below,
    together,
)
from ml.geometry import FACE_RATIOS, face_ratios, frontality
from ml.mesh import Front, expression

FACE = {
    "left_eye": (60.0, 40.0, 0.9),
    "right_eye": (40.0, 40.0, 0.8),
    "nose": (50.0, 52.0, 1.0),
    "left_mouth_corner": (58.0, 62.0, 0.7),
    "right_mouth_corner": (42.0, 62.0, 0.6),
    "left_ear_base": (75.0, 20.0, 0.9),
    "right_ear_base": (25.0, 20.0, 0.5),
}
RATIOS = {
    "eye_to_nose": 0.6, "nose_to_mouth": 0.5, "mouth_width": 0.8, "ear_spacing": 2.5,
    "eye_to_mouth": 1.1, "eye_to_ear": 1.25, "ear_height": 1.0,
}  # fmt: skip
EARS = {"ear_spacing", "eye_to_ear", "ear_height"}


def values(points):
    return {name: ratio and ratio.value for name, ratio in face_ratios(points).items()}


def moved(points, angle=0.0, scale=1.0, shift=0.0, mirror=False):
    """The same face elsewhere in a picture; mirrored, its left is its right."""
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    there = {}
    for name, (x, y, score) in points.items():
        side, _, rest = name.partition("_")
        if mirror and side in ("left", "right"):
            name = f"{'right' if side == 'left' else 'left'}_{rest}"
        x = -x if mirror else x
        there[name] = (cos * x - sin * y + shift, sin * x + cos * y + shift, score)
    return there


def test_ratios_by_hand():
    found = face_ratios(FACE)
    assert {name: r.value for name, r in found.items() if r} == pytest.approx(RATIOS)
    assert found["ear_spacing"].confidence == 0.5
    assert tuple(found) == FACE_RATIOS
    low = {**FACE, "left_ear_base": (75.0, 44.0, 0.9), "right_ear_base": (25.0, 48.0, 0.5)}
    assert values(low)["ear_height"] == pytest.approx(-0.3)


@given(
    st.floats(-math.pi, math.pi), st.floats(0.2, 30), st.floats(-500, 500), st.booleans()
)  # fmt: skip
def test_ratios_stay_when_the_picture_turns_grows_moves_or_is_mirrored(angle, scale, shift, mirror):
    there = moved(FACE, angle, scale, shift, mirror)
    assert values(there) == pytest.approx(values(FACE))
    assert frontality(there) == pytest.approx(frontality(FACE))


@pytest.mark.parametrize(
    ("missing", "without"),
    [("nose", {"eye_to_nose", "nose_to_mouth", "ear_height"}), ("left_ear_base", EARS),
     ("right_mouth_corner", {"nose_to_mouth", "mouth_width", "eye_to_mouth"}),
     ("right_eye", set(FACE_RATIOS))],
)  # fmt: skip
def test_what_is_not_seen_takes_its_ratios_along(missing, without):
    unseen = {**FACE, missing: (*FACE[missing][:2], 0.1)}
    for points in (unseen, {n: p for n, p in FACE.items() if n != missing}):
        assert {name for name, ratio in face_ratios(points).items() if ratio is None} == without


def test_eyes_in_one_place_are_no_norm():
    same = {**FACE, "left_eye": FACE["right_eye"]}
    assert set(values(same).values()) == {None}
    assert frontality(same) == 0


@pytest.mark.parametrize(("nose", "front"), [(50, 1), (55, 0.5), (60, 0), (75, 0), (45, 0.5)])
def test_a_face_is_from_the_front_as_far_as_its_nose_is_between_its_eyes(nose, front):
    assert frontality({**FACE, "nose": (nose, 52.0, 1.0)}) == pytest.approx(front)


def test_what_is_seen_from_the_side_is_trusted_less():
    found = measured({**FACE, "nose": (55.0, 52.0, 1.0)})
    assert set(found) == set(FACE_RATIOS)
    assert found["ear_spacing"] == (2.5, 0.25)
    assert measured({**FACE, "nose": (61.0, 52.0, 1.0)}) == {}
    assert measured({}) == {}


@pytest.fixture(scope="module")
def front():
    return Front.load().points


def with_mouth(front, openness, lift):
    """The mean face with its mouth opened and its corners moved by parts of the eyes' distance."""
    face = front.copy()
    eyes = np.linalg.norm(face[[362, 263]].mean(0) - face[[33, 133]].mean(0))
    face[[14, 17], 1] += openness * eyes
    face[[61, 291], 1] += lift * eyes
    face[61, 0] += 2 * lift * eyes
    face[291, 0] -= 2 * lift * eyes
    return face


def test_an_expression_is_taken_back(front):
    rng = np.random.default_rng(0)
    faces = [with_mouth(front, *rng.uniform([0, -0.1], [0.3, 0.1])) for _ in range(60)]
    rest = AtRest.of(faces)
    calm, smiling = rest.ratios(faces[0]), rest.ratios(with_mouth(front, 0.25, -0.09))
    assert smiling == pytest.approx(calm, abs=0.01)
    without = AtRest((0.0, 0.0), {})
    assert without.ratios(with_mouth(front, 0.25, -0.09))["mouth_width"] > calm["mouth_width"] + 0.1
    assert list(expression(faces[0])) != pytest.approx(list(expression(faces[1])), abs=1e-3)
    with pytest.raises(DataError, match="Only 3 photos"):
        AtRest.of(faces[:3])


REST = AtRest((0.0, 0.0), dict.fromkeys(MOVED, (0.0, 0.0)))


@pytest.fixture(scope="module")
def scale():
    marks = np.linspace(1, 2, 41).tolist()
    return FaceScale(
        dict.fromkeys(FACE_RATIOS, marks),
        {name: [2 * m for m in marks] for name in FACE_RATIOS},
        REST,
    )


def test_each_kind_is_placed_among_its_own(scale):
    assert scale.place("person", "mouth_width", 1.5) == pytest.approx(0)
    assert scale.place("dog", "mouth_width", 3.0) == pytest.approx(0)
    assert scale.place("person", "mouth_width", 1.841) == pytest.approx(1, abs=0.01)
    assert scale.place("person", "mouth_width", 99) == pytest.approx(2.326, abs=0.01)
    assert scale.place("dog", "mouth_width", 0) == pytest.approx(-2.326, abs=0.01)
    assert share_below(scale.place("dog", "mouth_width", 2.5)) == pytest.approx(0.25)


def rows(scale, *faces):
    return tuple(np.stack(part) for part in zip(*(scale.dog_places(f) for f in faces), strict=True))


def test_likeness_by_hand(scale):
    person = scale.person_places(dict.fromkeys(FACE_RATIOS, 1.5))
    sure = 1 / (1 + HALF_KNOWN)
    same = dict.fromkeys(FACE_RATIOS, (3.0, 1.0))
    wide = {**same, "eye_to_nose": (3.6827, 1.0)}
    part = {name: same[name] for name in ("eye_to_nose", "eye_to_mouth", "ear_spacing")}
    two = {name: same[name] for name in ("eye_to_nose", "mouth_width")}
    found = likeness(person, rows(scale, same, wide, part, two))
    all_known = 1 - sure**2
    assert found[0] == pytest.approx(math.exp(-all_known / 2))
    # One ratio is one deviation off, as far as it is known.
    off = STEADINESS["eye_to_nose"] / sum(STEADINESS.values())
    assert found[1] == pytest.approx(math.exp(-(all_known + off * sure**2) / 2), abs=0.002)
    # What is not seen may be anything, so it costs what chance does.
    seen = sum(STEADINESS[name] for name in part) / sum(STEADINESS.values())
    assert found[2] == pytest.approx(math.exp(-(1 - seen * sure**2) / 2))
    assert found[3] == 0
    assert [band(x) for x in (0.7, 0.69, 0.6, 0.59)] == ["strong", "weak", "weak", "none"]


def test_a_ratio_that_the_person_lacks_is_left_out(scale):
    person = scale.person_places({"eye_to_nose": 1.5, "eye_to_mouth": 1.5, "ear_spacing": 1.5})
    same = dict.fromkeys(FACE_RATIOS, (3.0, 1.0))
    found = likeness(person, rows(scale, same, {**same, "mouth_width": (4.0, 1.0)}))
    assert found[0] == found[1] > 0


def test_a_dog_is_all_its_photos_the_clear_ones_more(scale):
    clear, vague = {"mouth_width": (3.0, 0.6)}, {"mouth_width": (3.6827, 0.2)}
    places, trust = rows(scale, clear, {}, vague)
    found, sure = together(places, trust, np.array([1, 0, 1]), 2)
    mouth = FACE_RATIOS.index("mouth_width")
    assert found[1, mouth] == pytest.approx(0.25, abs=0.01)
    assert sure[1, mouth] == pytest.approx(0.8)
    assert not sure[0].any()


def test_the_shipped_scale_rises_and_is_made_of_enough_faces():
    shipped = FaceScale.load()
    for marks in (*shipped.person.values(), *shipped.dog.values()):
        assert len(marks) == 41
        assert list(marks) == sorted(marks)
    assert FaceScale.of(
        [dict.fromkeys(FACE_RATIOS, 1.0)] * 41, [dict.fromkeys(FACE_RATIOS, (2.0, 0.5))] * 41, REST
    )
    with pytest.raises(DataError, match="Only 1 faces"):
        FaceScale.of([{"eye_to_nose": 1.0}], [], REST)


def test_a_dog_that_is_hardly_seen_is_not_part_of_the_scale():
    people = [dict.fromkeys(FACE_RATIOS, 1.0)] * 41
    dogs = [dict.fromkeys(FACE_RATIOS, (2.0, 0.5))] * 41
    odd = [dict.fromkeys(FACE_RATIOS, (9.0, 0.05))] * 41
    assert FaceScale.of(people, dogs + odd, REST).dog["mouth_width"][-1] == 2.0


def test_a_scale_that_is_none_is_refused(tmp_path):
    (tmp_path / "faces.json").write_text("{}")
    with pytest.raises(DataError, match="Restore it"):
        FaceScale.load(tmp_path / "faces.json")


def test_a_scale_is_read_as_it_was_written(tmp_path, scale):
    (tmp_path / "faces.json").write_text(scale.to_json())
    again = FaceScale.load(tmp_path / "faces.json")
    assert again.dog == scale.dog
    assert again.rest.ratios(Front.load().points) == REST.ratios(Front.load().points)


def test_calibration_tells_what_chance_reaches(scale):
    same = dict.fromkeys(FACE_RATIOS, (3.0, 1.0))
    persons = [dict.fromkeys(FACE_RATIOS, 1.5), dict.fromkeys(FACE_RATIOS, 1.9)]
    found = by_chance(persons, [same, {}, {"mouth_width": (3.0, 1.0)}], scale)
    assert len(found) == 2
    assert found[0] > found[1] > 0


def test_a_few_photos_are_chosen_evenly(tmp_path):
    for number in range(10):
        (tmp_path / f"{number}.jpg").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.stem for path in photo_paths(tmp_path, 5)] == ["0", "2", "4", "6", "8"]
    assert len(photo_paths(tmp_path)) == len(photo_paths(tmp_path, 99)) == 10
