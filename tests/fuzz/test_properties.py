"""Measures of a dog on any keypoints at all, and filters of any address at all."""

import math

import numpy as np
import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from ml.geometry import FACE_RATIOS, RATIOS, Ratio, face_ratios, ratios
from ml.skeleton import FLIP
from portal.matching.filters import Filters
from tests.fuzz.examples import examples
from tests.fuzz.filters import VALUES, check

pytestmark = pytest.mark.filterwarnings("ignore")

anything = st.one_of(
    st.floats(width=64),
    st.sampled_from([0.0, -0.0, 1.0, 0.3, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf]),
)
points = st.lists(st.tuples(anything, anything, anything), min_size=21, max_size=21).map(np.array)
NAMES = (
    "left_eye", "right_eye", "nose", "left_mouth_corner", "right_mouth_corner", "left_ear_base",
    "right_ear_base",
)  # fmt: skip
faces = st.dictionaries(st.sampled_from(NAMES), st.tuples(anything, anything, anything))
place = st.floats(-500, 500, width=32)
score = st.floats(0, 1, width=32)
real_faces = st.fixed_dictionaries({name: st.tuples(place, place, score) for name in NAMES})


def same(before: Ratio | None, after: Ratio | None) -> None:
    """Equal where they can be: a length of nearly nothing depends on how it is rounded."""
    if before is None or after is None or not 1e-3 < before.value < 1e3:
        return
    assert after.value == pytest.approx(before.value, rel=1e-3)
    assert after.confidence == pytest.approx(before.confidence)


@examples(150)
@given(points)
def test_no_keypoints_break_the_measures(dog):
    found = ratios(dog)
    assert tuple(found) == RATIOS
    assert all(ratio is None or isinstance(ratio.value, float) for ratio in found.values())


@examples(150)
@given(faces)
def test_no_points_of_a_face_break_the_measures(face):
    found = face_ratios(face)
    assert tuple(found) == FACE_RATIOS
    for ratio in found.values():
        assert ratio is None or isinstance(ratio.value, float)


@examples(100)
@given(real_faces, st.floats(0.05, 20), st.floats(-math.pi, math.pi), place, st.booleans())
def test_a_face_measures_the_same_moved_turned_and_mirrored(face, scale, angle, shift, mirrored):
    def moved(name):
        x, y, seen = face[name]
        turned = (
            scale * (x * math.cos(angle) - y * math.sin(angle)) + shift,
            scale * (x * math.sin(angle) + y * math.cos(angle)) - shift,
        )
        return (-turned[0] if mirrored else turned[0], turned[1], seen)

    other = {"left": "right", "right": "left"}

    def named(name):
        side, _, rest = name.partition("_")
        return f"{other[side]}_{rest}" if mirrored and side in other else name

    before = face_ratios(face)
    after = face_ratios({named(name): moved(name) for name in face})
    for name in FACE_RATIOS:
        same(before[name], after[name])


@examples(100)
@given(points)
def test_a_mirrored_dog_measures_the_same(dog):
    mirrored = dog.copy()
    left, right = np.array(FLIP).T
    mirrored[np.r_[left, right]] = mirrored[np.r_[right, left]]
    mirrored[:, 0] *= -1
    before, after = ratios(dog), ratios(mirrored)
    for name in RATIOS:
        same(before[name], after[name])


@examples(100)
@given(points, st.integers(0, 20))
def test_a_point_that_is_not_seen_changes_nothing_by_where_it_is(dog, number):
    dog[number, 2] = 0.0
    elsewhere = dog.copy()
    elsewhere[number, :2] = 17.0, -4.0
    before, after = ratios(dog), ratios(elsewhere)
    assert {n for n in RATIOS if before[n]} == {n for n in RATIOS if after[n]}


names = st.one_of(
    st.sampled_from([
        "sex", "size", "age", "breed", "shelter", "colour", "near", "within", "since", "q", "sort",
        "unknown", "neutered", "energy", "affinity", "good_with_cats", "page",
    ]),
    st.text(max_size=8),
)  # fmt: skip
values = st.one_of(st.sampled_from(VALUES), st.text(max_size=40))


@pytest.mark.django_db
def test_any_parameters_are_read_and_their_own_address_is_a_fixed_point():
    @examples(100)
    @given(st.lists(st.tuples(names, values), max_size=12))
    def read(pairs):
        params = QueryDict(mutable=True)
        for name, value in pairs:
            params.appendlist(name, value)
        check(Filters.from_params(params))

    read()


@pytest.mark.django_db
def test_any_text_is_an_address():
    @examples(100)
    @given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
    def read(text):
        check(Filters.from_params(QueryDict(text)))

    read()
