import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.geometry import LEAST_SHARED, RATIOS, pose_similarity, ratios
from ml.skeleton import FLIP, INDEX, KEYPOINTS

# A dog seen from its left, standing; back 100, head 40, legs 60 and 75 long.
STANDING = {
    "nose": (0, 0),
    "left_ear_base": (40, -5),
    "right_ear_base": (40, 5),
    "left_eye": (20, -4),
    "right_eye": (20, 4),
    "neck": (50, 10),
    "root_of_tail": (150, 10),
    "left_shoulder": (55, 30),
    "left_elbow": (55, 55),
    "left_front_paw": (55, 90),
    "left_hip": (140, 20),
    "left_knee": (140, 50),
    "left_back_paw": (140, 95),
}


def dog(**changes: tuple[float, float, float]) -> np.ndarray:
    points = np.zeros((len(KEYPOINTS), 3))
    for name, (x, y) in STANDING.items():
        points[INDEX[name]] = x, y, 0.9
    for name, values in changes.items():
        points[INDEX[name]] = values
    return points


def values(points: np.ndarray) -> dict[str, float | None]:
    return {name: ratio and ratio.value for name, ratio in ratios(points).items()}


def test_known_lengths_give_known_ratios():
    assert values(dog()) == pytest.approx(
        {
            "head_to_back": 0.4,
            "front_leg_to_back": 0.6,
            "hind_leg_to_back": 0.75,
            "back_to_front_leg": 1 / 0.6,
            "eye_distance_to_head": 0.2,
            "muzzle_to_head": 0.5,
        }
    )
    assert tuple(values(dog())) == RATIOS


def test_a_point_below_the_threshold_takes_its_ratios_with_it():
    found = ratios(dog(root_of_tail=(150, 10, 0.29)))
    assert {name for name, ratio in found.items() if ratio} == {
        "eye_distance_to_head",
        "muzzle_to_head",
    }


def test_the_second_side_of_a_leg_counts_by_its_confidence():
    sides = {
        "right_shoulder": (60, 30, 0.3),
        "right_elbow": (60, 60, 0.6),
        "right_front_paw": (60, 110, 0.6),
    }
    found = ratios(dog(**sides))["front_leg_to_back"]
    assert found is not None
    assert found.value == pytest.approx((0.9 * 60 + 0.3 * 80) / 1.2 / 100)
    assert found.confidence == pytest.approx(0.9)


def test_confidence_is_that_of_the_weakest_point():
    found = ratios(dog(neck=(50, 10, 0.4)))
    assert found["head_to_back"].confidence == pytest.approx(0.4)
    assert found["muzzle_to_head"].confidence == pytest.approx(0.9)


def test_no_length_below_gives_no_ratio():
    assert ratios(dog(root_of_tail=(50, 10, 0.9)))["head_to_back"] is None


coordinates = st.floats(-500, 500, allow_nan=False, width=32)
scores = st.floats(0, 1, width=32)
dogs = st.lists(st.tuples(coordinates, coordinates, scores), min_size=21, max_size=21).map(np.array)


@given(
    dogs,
    st.floats(0.05, 20),
    st.floats(-np.pi, np.pi),
    st.tuples(coordinates, coordinates),
    st.booleans(),
)
def test_scale_shift_rotation_and_mirroring_change_nothing(points, scale, angle, shift, mirrored):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = points.copy()
    moved[:, :2] = scale * points[:, :2] @ turn.T + shift
    if mirrored:
        moved[:, 0] *= -1
        left, right = np.array(FLIP).T
        moved[np.r_[left, right]] = moved[np.r_[right, left]]
    before, after = values(points), values(moved)
    for name in RATIOS:
        if before[name] is None or after[name] is None or min(before[name], after[name]) < 1e-3:
            continue
        if before[name] < 1e3:
            assert after[name] == pytest.approx(before[name], rel=1e-3)


@given(dogs)
def test_every_ratio_is_positive_or_absent_and_confidence_a_score(points):
    for ratio in ratios(points).values():
        if ratio is not None:
            assert ratio.value >= 0
            assert np.isfinite(ratio.value)
            assert 0.3 <= ratio.confidence <= 1


def test_points_that_are_no_numbers_measure_nothing():
    found = values(dog(nose=(np.nan, 0, 0.9)))
    assert found["head_to_back"] is None
    assert found["muzzle_to_head"] is None
    assert found["front_leg_to_back"] == pytest.approx(0.6)


def moved(points: np.ndarray, scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = points.copy()
    found[:, :2] = scale * points[:, :2] @ turn.T + shift
    return found


def mirrored(points: np.ndarray) -> np.ndarray:
    left, right = np.array(FLIP).T
    found = points * (-1, 1, 1)
    found[np.r_[left, right]] = found[np.r_[right, left]]
    return found


@given(
    st.floats(0.05, 20),
    st.floats(-np.pi, np.pi),
    st.tuples(coordinates, coordinates),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_pose_is_alike_itself_however_it_lies_in_the_picture(scale, angle, shift, flip, seed):
    points = dog()
    points[:, :2] += np.random.default_rng(seed).normal(0, 8, (21, 2))
    image = moved(mirrored(points) if flip else points, scale, angle, shift)
    assert pose_similarity(points, image) == pytest.approx(1, abs=1e-4)
    assert pose_similarity(image, points) == pytest.approx(1, abs=1e-4)


def test_another_posture_is_less_alike_and_the_more_it_differs_the_less():
    standing = dog()
    bent, folded = (
        dog(left_back_paw=(140, paw, 0.9), left_knee=(140 + aside, 60, 0.9), root_of_tail=tail)
        for paw, aside, tail in ((80, 10, (150, 30, 0.9)), (60, 40, (150, 80, 0.9)))
    )
    near, far = pose_similarity(standing, bent), pose_similarity(standing, folded)
    assert 1 > near > far > 0


def test_a_point_that_is_not_sure_weighs_less():
    standing = dog()
    wrong = [dog(left_front_paw=(150, 90, score)) for score in (0.31, 0.9)]
    doubtful, certain = (pose_similarity(standing, points) for points in wrong)
    assert certain < doubtful < 1


def test_too_few_shared_points_compare_nothing():
    names = list(STANDING)
    few = dog(**dict.fromkeys(names[LEAST_SHARED - 1 :], (0, 0, 0)))
    assert pose_similarity(dog(), few) is None
    enough = dog(**dict.fromkeys(names[LEAST_SHARED:], (0, 0, 0)))
    assert pose_similarity(dog(), enough) == pytest.approx(1)
    assert pose_similarity(np.ones((21, 3)), dog()) is None


@given(dogs, dogs)
def test_likeness_of_poses_is_a_share(one, other):
    found = pose_similarity(one, other)
    assert found is None or 0 <= found <= 1 + 1e-9
