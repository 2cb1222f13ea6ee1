"""Two faces in words: what is marked in both, and where each lies."""

import pytest

from ml.geometry import FACE_RATIOS
from portal.matching.likeness_words import PHRASES, WORDS, face_codes, face_parts


def parts(**places):
    """{ratio: (person, dog)} as a match holds it."""
    told = {}
    for name, (yours, theirs) in places.items():
        told |= {f"person_{name}": yours, f"dog_{name}": theirs}
    return told


def test_every_ratio_of_a_face_has_its_words():
    assert set(WORDS) == set(FACE_RATIOS)
    assert len(PHRASES) == 2 * len(FACE_RATIOS)


def test_what_is_marked_in_both_is_named_the_most_marked_first():
    found = face_codes(
        parts(
            eye_to_nose=(0.3, 0.2), mouth_width=(0.95, 0.99), ear_spacing=(0.1, 0.9),
            ear_height=(0.5, 0.5), nose_to_mouth=(0.66, 0.8),
        )
    )  # fmt: skip
    assert found == ["wide_mouths", "short_noses", "far_mouths"]
    assert str(PHRASES["short_noses"]) == "short nose, both"


def test_what_says_nearly_the_same_is_named_once():
    found = face_codes(
        parts(
            eye_to_nose=(0.2, 0.2), eye_to_mouth=(0.1, 0.1), ear_spacing=(0.05, 0.05),
            eye_to_ear=(0.0, 0.0),
        )
    )  # fmt: skip
    assert found == ["near_ears", "short_faces"]


@pytest.mark.parametrize("told", [{}, {"face": 0.9, "body": 0.8}, {"person_mouth_width": 0.9}])
def test_parts_of_two_dogs_say_nothing_of_faces(told):
    assert face_codes(told) == []
    assert face_parts(told) == []


@pytest.mark.parametrize(
    ("yours", "theirs", "words", "apart"),
    [(0.1, 0.2, "short short", "alike"), (0.3, 0.5, "short in the middle", "nearly"),
     (0.9, 0.4, "long in the middle", "different"), (0.35, 0.5, "in the middle in the middle",
      "alike")],
)  # fmt: skip
def test_a_table_says_where_each_lies_and_how_far_apart(yours, theirs, words, apart):
    [row] = face_parts(parts(eye_to_nose=(yours, theirs)))
    assert f"{row.yours_word} {row.theirs_word}" == words
    assert (row.yours, row.theirs) == (round(100 * yours), round(100 * theirs))
    assert row.apart == apart
    assert (
        str(row.told)
        == {
            "alike": "short nose, both" if words == "short short" else "alike",
            "nearly": "nearly alike",
            "different": "different",
        }[apart]
    )
