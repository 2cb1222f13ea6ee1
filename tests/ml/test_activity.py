"""How much a dog moves, on points whose movement is known."""

from itertools import pairwise

import numpy as np
import pytest

from ml.activity import LEVELS, level, mean_speed, measure
from ml.following import Sighting
from ml.skeleton import INDEX, KEYPOINTS

RATE = 8
T = 24
TIMES = np.arange(T) / RATE
# Where the dog's box is, 300 x 400: its diagonal is 500 pixels.
BOX = np.array([100.0, 50.0, 400.0, 450.0])
DIAGONAL = 500.0
# The same place in every look.
STANDS = np.random.default_rng(3).uniform((120, 70), (380, 430), (len(KEYPOINTS), 2))
PAWS = [INDEX[name] for name in KEYPOINTS if name.endswith("paw")]
LEGS = [INDEX[name] for name in KEYPOINTS if name.endswith(("paw", "elbow", "knee"))]


def clip(places: np.ndarray, shifts: np.ndarray, score: float = 0.9) -> list[Sighting]:
    """Sightings of points at `places` (T, K, 2) in boxes shifted by (T, 2)."""
    scores = np.full((*places.shape[:2], 1), score)
    points = np.concatenate([places, scores], 2).astype(np.float32)
    boxes = BOX + np.tile(shifts, 2)
    return [Sighting(tuple(box), dog) for box, dog in zip(boxes, points, strict=True)]


def still(**changes) -> list[Sighting]:
    return clip(np.tile(STANDS, (T, 1, 1)), np.zeros((T, 2)), **changes)


def moved(motions: np.ndarray) -> list[Sighting]:
    """What a camera with these motions (T - 1, 2, 3) sees of a dog that stands still."""
    places, corners = [STANDS], [BOX.reshape(2, 2)]
    for motion in motions:
        places.append(places[-1] @ motion[:, :2].T + motion[:, 2])
        corners.append(corners[-1] @ motion[:, :2].T + motion[:, 2])
    points = np.concatenate([np.array(places), np.full((T, len(KEYPOINTS), 1), 0.9)], 2)
    boxes = np.array(corners).reshape(T, 4)
    return [Sighting(tuple(box), dog) for box, dog in zip(boxes, points, strict=True)]


def pan(x: float, y: float, zoom: float = 1.0) -> np.ndarray:
    return np.tile(np.array([[zoom, 0, x], [0, zoom, y]]), (T - 1, 1, 1))


def trot(reach: float, points: list[int] = LEGS) -> list[Sighting]:
    """Legs that swing twice a second, so far to each side in body lengths."""
    places = np.tile(STANDS, (T, 1, 1))
    swing = reach * DIAGONAL * np.sin(2 * np.pi * 2 * TIMES)
    side = np.where(np.arange(len(points)) % 2, 1.0, -1.0)
    places[:, points, 0] += swing[:, None] * side
    return clip(places, np.zeros((T, 2)))


NO_MOTION = pan(0, 0)


@pytest.mark.parametrize("motions", [None, NO_MOTION], ids=["body", "background"])
def test_a_dog_that_stands_still_does_not_move(motions):
    found = measure(still(), TIMES, motions)
    assert found.speed == pytest.approx(0, abs=1e-6)
    assert found.level == "still"
    assert found.seen == 1
    assert found.relative == ("body" if motions is None else "background")


@pytest.mark.parametrize(
    "motions", [pan(25, -8), pan(0, 0, 1.02), pan(-6, 3, 0.99)], ids=["pan", "zoom", "both"]
)
@pytest.mark.parametrize("known", [True, False])
def test_the_cameras_own_motion_is_no_movement(motions, known):
    found = measure(moved(motions), TIMES, motions if known else None)
    assert found.speed == pytest.approx(0, abs=1e-5)
    assert found.relative == ("background" if known else "body")


def test_a_walk_across_the_picture_has_its_own_speed():
    """Half a body length a second, before a background that stands."""
    shifts = np.outer(TIMES, [0.5 * DIAGONAL, 0])
    walks = clip(STANDS + shifts[:, None], shifts)
    assert measure(walks, TIMES, NO_MOTION).speed == pytest.approx(0.5, rel=0.03)
    assert measure(walks, TIMES, NO_MOTION).level == "moderate"
    # A camera that goes along sees the background go by.
    along = measure(still(), TIMES, pan(-0.5 * DIAGONAL / RATE, 0))
    assert along.speed == pytest.approx(0.5, rel=0.03)
    # Nothing is known of the ground: the body does not move against itself.
    assert measure(walks, TIMES).speed == pytest.approx(0, abs=1e-5)


def test_legs_that_trot_move_more_than_legs_that_stand():
    told = [measure(trot(reach), TIMES, NO_MOTION).speed for reach in (0.0, 0.02, 0.08, 0.2)]
    assert told[0] == pytest.approx(0, abs=1e-6)
    assert all(more > less for less, more in pairwise(told))
    assert measure(trot(0.25), TIMES).level == "very_lively"


def test_speed_is_in_body_lengths_a_second():
    """The same film at half the size, and played at half the rate."""
    large = trot(0.15)
    small = [Sighting(tuple(np.divide(one.box, 2)), one.keypoints * [0.5, 0.5, 1]) for one in large]
    speed = measure(large, TIMES).speed
    assert measure(small, TIMES).speed == pytest.approx(speed, rel=1e-4)
    walks = clip(STANDS + np.outer(TIMES, [50, 0])[:, None], np.outer(TIMES, [50, 0]))
    assert measure(walks, 2 * TIMES, NO_MOTION).speed == pytest.approx(0.05, rel=0.03)


def test_a_point_that_jumps_about_does_not_count():
    places = np.tile(STANDS, (T, 1, 1))
    places[:, PAWS[0]] = np.random.default_rng(4).uniform(0, 500, (T, 2))
    assert measure(clip(places, np.zeros((T, 2))), TIMES, NO_MOTION).speed < 0.01


def test_what_trembles_is_made_steady_and_what_moves_keeps_its_place():
    random = np.random.default_rng(5)
    noise = random.normal(0, 0.004 * DIAGONAL, (T, len(KEYPOINTS), 2))
    found = measure(clip(STANDS + noise, np.zeros((T, 2))), TIMES, NO_MOTION)
    steady = np.array([one.keypoints[:, :2] for one in found.sightings if one])
    assert (steady - STANDS).std() < 0.6 * noise.std()
    swings = trot(0.2)
    after = measure(swings, TIMES, NO_MOTION).sightings
    off = [a.keypoints[LEGS, 0] - b.keypoints[LEGS, 0] for a, b in zip(after, swings, strict=True)]
    assert np.abs(off).mean() < 0.03 * DIAGONAL


def test_a_shaking_camera_does_not_tear_points_from_the_dog():
    shake = pan(0, 0)
    shake[:, :, 2] = np.random.default_rng(6).normal(0, 15, (T - 1, 2))
    seen = moved(shake)
    for motions in (shake, None):
        found = measure(seen, TIMES, motions)
        off = [
            np.abs(a.keypoints - b.keypoints).max()
            for a, b in zip(found.sightings, seen, strict=True)
        ]
        assert max(off) < 1e-2


def test_gaps_stay_gaps():
    seen = [None if 8 <= t < 14 else one for t, one in enumerate(trot(0.1))]
    found = measure(seen, TIMES, NO_MOTION)
    assert [one is None for one in found.sightings] == [one is None for one in seen]
    assert np.isnan(found.speeds[7:14]).all()
    assert not np.isnan(np.delete(found.speeds, np.arange(7, 14))).any()
    assert found.seen == pytest.approx(18 / 24)


def test_another_dog_is_no_step():
    """The finder's choice jumps to a dog at the other side of the picture."""
    far = np.where(np.arange(T) < 12, 0.0, 2000.0)[:, None] * [1, 0]
    found = measure(clip(STANDS + far[:, None], far), TIMES, NO_MOTION)
    assert np.isnan(found.speeds[11])
    assert found.speed == pytest.approx(0, abs=1e-6)


def test_too_little_of_a_dog_tells_nothing():
    rarely = [one if t < 6 else None for t, one in enumerate(still())]
    assert measure(rarely, TIMES, NO_MOTION).level is None
    assert measure(rarely, TIMES, NO_MOTION).speed is None
    assert measure(still(score=0.2), TIMES, NO_MOTION).level is None
    nothing = measure([None] * T, TIMES, NO_MOTION)
    assert (nothing.level, nothing.seen, nothing.postures) == (None, 0, None)
    assert measure(still()[:1], TIMES[:1]).level is None


def test_a_background_that_is_mostly_unknown_is_not_mixed_with_the_body():
    motions = pan(25, 0)
    motions[:14] = np.nan
    found = measure(moved(pan(25, 0)), TIMES, motions)
    assert found.relative == "body"
    assert not np.isnan(found.speeds).any()
    motions[:14] = pan(25, 0)[:14]
    motions[:4] = np.nan
    found = measure(moved(pan(25, 0)), TIMES, motions)
    assert found.relative == "background"
    assert np.isnan(found.speeds).sum() == 4


def test_one_burst_is_not_the_clip():
    steps = np.full(T - 1, 0.2)
    steps[5] = 40.0
    assert mean_speed(steps, TIMES) == pytest.approx(0.2, rel=0.1)


def test_postures_are_shares_of_the_frames_that_tell_one():
    seen = [
        Sighting(one.box, one.keypoints, "sitting" if t < 6 else "standing" if t < 18 else None)
        for t, one in enumerate(still())
    ]
    assert measure(seen, TIMES).postures == {
        "standing": pytest.approx(2 / 3),
        "sitting": pytest.approx(1 / 3),
        "lying": 0,
        "other": 0,
    }
    assert measure(still(), TIMES).postures is None


@pytest.mark.parametrize("relative", LEVELS)
def test_levels_begin_where_they_say(relative):
    begins = list(LEVELS[relative].items())
    assert [begin for _, begin in begins] == sorted(begin for _, begin in begins)
    for (name, begin), (below, _) in zip(begins[1:], begins, strict=False):
        assert level(begin, relative) == name
        assert level(begin - 1e-9, relative) == below
    assert level(99.0, relative) == "very_lively"
