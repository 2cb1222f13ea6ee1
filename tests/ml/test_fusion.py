"""One likeness from several parts: hand-made cases, missing parts, order."""

from collections.abc import Sequence

import numpy as np
import pytest

from ml.errors import DataError
from ml.fusion import (
    BODY,
    BOUND,
    EXTRA,
    FACE,
    MODES,
    PARTS,
    Fusion,
    Looks,
    compare,
    fixed,
    looks,
    named,
    ordered,
)
from ml.geometry import face_ratios, ratios
from ml.skeleton import INDEX, KEYPOINTS

NONE = dict.fromkeys(EXTRA, 0.0)


def fusion(**weights: float) -> Fusion:
    of_mode = {**NONE, **weights}
    return fixed().with_weights({"like": of_mode, "lost": NONE})


def row(cosine: float, **parts: float) -> np.ndarray:
    return np.array([(1 + cosine) / 2, *(parts.get(part, np.nan) for part in EXTRA)])


def random_points(seed: int, number: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 200, (number, len(KEYPOINTS), 3))
    points[..., 2] = rng.uniform(0, 1, points.shape[:2])
    return points


def dogs(
    points: np.ndarray | None = None,
    *,
    coats: Sequence[np.ndarray | None] = (None,),
    breeds: Sequence[dict[str, float] | None] = (None,),
    views: Sequence[str] = ("",),
) -> Looks:
    blank = np.zeros((len(coats), len(KEYPOINTS), 3))
    return looks(blank if points is None else points, coats, breeds, views)


def test_the_weights_in_one_place_are_complete() -> None:
    known = fixed()
    assert set(known.weights) == set(MODES)
    for mode in MODES:
        assert set(known.weights[mode]) == set(EXTRA)
    assert set(known.typical) == set(known.notable) == set(EXTRA)
    assert all(known.typical[part] < known.notable[part] for part in EXTRA)


def test_without_weights_the_likeness_is_the_cosine() -> None:
    parts = np.stack([row(-0.2, colour=0.1), row(0.4, colour=0.9, breed=1), row(0.99)])
    assert fusion().fused(parts, "like") == pytest.approx([-0.2, 0.4, 0.99])
    assert not fusion().is_fusing("like")


def test_parts_move_the_cosine_by_what_is_uncommon() -> None:
    typical = fixed().typical["colour"]
    parts = np.stack([row(0.5, colour=typical + 0.2), row(0.5, colour=typical - 0.2), row(0.5)])
    assert fusion(colour=0.2).fused(parts, "like") == pytest.approx([0.54, 0.46, 0.5])
    assert fusion(colour=0.2).fused(parts, "lost") == pytest.approx([0.5, 0.5, 0.5])
    assert fusion(colour=0.2).is_fusing("like")
    assert not fusion(colour=0.2).is_fusing("lost")


def test_parts_cannot_move_it_far() -> None:
    parts = np.stack([row(0.5, colour=1, breed=1), row(0.98, colour=1, breed=1)])
    assert fusion(colour=1, breed=1).fused(parts, "like") == pytest.approx([0.5 + BOUND, 1.0])


@pytest.mark.parametrize("part", PARTS)
def test_more_alike_in_one_part_is_never_less_alike(part: str) -> None:
    rng = np.random.default_rng(3)
    parts = rng.uniform(0, 1, (200, len(PARTS)))
    parts[rng.random(parts.shape) < 0.3] = np.nan
    parts[:, 0] = rng.uniform(0.3, 0.95, 200)
    weights = fusion(**dict.fromkeys(EXTRA, 0.3))
    more = parts.copy()
    more[:, PARTS.index(part)] = np.minimum(1, more[:, PARTS.index(part)] + 0.04)
    assert (weights.fused(more, "like") >= weights.fused(parts, "like") - 1e-12).all()


@pytest.mark.parametrize("seed", range(5))
def test_proportions_are_those_of_geometry(seed: int) -> None:
    points = random_points(seed, 20)
    known = dogs(points, coats=[None] * 20, breeds=[None] * 20, views=[""] * 20)
    for place, dog in enumerate(points):
        body = ratios(dog)
        face = face_ratios(dict(zip(KEYPOINTS, map(tuple, dog.tolist()), strict=True)))
        expected = [*(body[name] for name in BODY), *(face[name] for name in FACE)]
        found = [*known.body[place], *known.face[place]]
        for ratio, (value, confidence) in zip(expected, found, strict=True):
            if ratio is None:
                assert confidence == 0
            else:
                assert np.exp(value) == pytest.approx(ratio.value)
                assert confidence == pytest.approx(ratio.confidence)


def standing(leg: float) -> np.ndarray:
    """A dog from the side whose left legs are so long, with a back of 100."""
    points = np.zeros((len(KEYPOINTS), 3))

    def put(name: str, x: float, y: float) -> None:
        points[INDEX[name]] = (x, y, 0.9)

    put("neck", 0, 0), put("root_of_tail", 100, 0)
    for joints, x in ((("shoulder", "elbow", "front_paw"), 5), (("hip", "knee", "back_paw"), 95)):
        for step, joint in enumerate(joints):
            put(f"left_{joint}", x, step * leg / 2)
    return points


def test_build_is_like_where_legs_are_as_long() -> None:
    source = dogs(standing(60)[None], views=["left"])
    others = dogs(
        np.stack([2 * standing(60) * (1, 1, 0.5), standing(65), standing(30), standing(60)]),
        coats=[None] * 4,
        breeds=[None] * 4,
        views=["right", "", "left", "front"],
    )
    body = compare(np.zeros(4), source, others)[:, PARTS.index("body")]
    assert body[0] == pytest.approx(1)
    assert 1 > body[1] > body[2] > 0
    # Foreshortened, legs and back say nothing about each other.
    assert np.isnan(body[3])


def test_breeds_overlap_as_far_as_both_are_likely() -> None:
    source = dogs(breeds=[{"maltese": 0.64, "poodle": 0.36}])
    others = dogs(
        coats=[None] * 4,
        breeds=[{"maltese": 0.64, "poodle": 0.36}, {"maltese": 0.25}, {"pug": 1.0}, None],
        views=[""] * 4,
    )
    breed = compare(np.zeros(4), source, others)[:, PARTS.index("breed")]
    assert breed[:3] == pytest.approx([1, 0.4, 0])
    assert np.isnan(breed[3])


def test_a_dog_of_several_photos_is_compared_by_the_nearest_of_each_part() -> None:
    white, black = np.eye(12, dtype=np.float32)[[5, 0]]
    source = dogs(coats=[white, black], breeds=[{"pug": 1.0}, None], views=["", ""])
    others = dogs(coats=[black, None], breeds=[{"pug": 1.0}, {"pug": 1.0}], views=["", ""])
    parts = compare(np.array([0.6, 0.2]), source, others)
    assert parts[:, 0] == pytest.approx([0.8, 0.6])
    assert parts[0, PARTS.index("colour")] == pytest.approx(1)
    assert np.isnan(parts[1, PARTS.index("colour")])
    assert parts[:, PARTS.index("breed")] == pytest.approx([1, 1])
    assert named(parts[1]) == {"appearance": 0.6, "breed": 1.0}


def test_what_weighed_is_notable_and_has_a_weight() -> None:
    weights = fusion(colour=0.3, breed=0.1)
    parts = {"appearance": 0.9, "colour": 0.95, "breed": 0.9, "face": 1.0}
    assert weights.weighing(parts, "like") == ["breed", "colour"]
    assert weights.weighing({**parts, "colour": 0.8}, "like") == ["breed"]
    assert weights.weighing(parts, "lost") == []
    shares = weights.shares(parts, "like")
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["face"] == 0
    assert shares["appearance"] > shares["breed"] > shares["colour"] > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"like": NONE},
        {"like": NONE, "lost": {**NONE, "colour": -0.1}},
        {"like": NONE, "lost": {**NONE, "colour": 1.1}},
        {"like": NONE, "lost": {**NONE, "smell": 0.1}},
    ],
)
def test_other_weights_are_refused(wrong: dict[str, dict[str, float]]) -> None:
    with pytest.raises(DataError, match="must be"):
        fixed().with_weights(wrong)


def test_points_come_in_any_order() -> None:
    names = ("nose", "tip_of_tail", "left_eye")
    found = ordered(names, np.arange(9, dtype=float).reshape(1, 3, 3))
    assert found[0, INDEX["nose"]].tolist() == [0, 1, 2]
    assert found[0, INDEX["left_eye"]].tolist() == [6, 7, 8]
    assert found[0, INDEX["neck"]].tolist() == [0, 0, 0]
