import dataclasses

import numpy as np
import pytest

from ml.breeds import BreedClassifier, calibrated
from ml.training.breeds.calibrate import (
    added_of,
    calibrate,
    cosines_to,
    log_loss,
    prototypes,
    struck_out,
    temperature_of,
    threshold_of,
)


def scored(count: int, breeds: int, lead: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose right place leads by `lead` in the mean, and the right places."""
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, breeds, count)
    scores = chance.normal(size=(count, breeds))
    scores[np.arange(count), labels] += lead
    return scores, labels


def test_struck_out_leaves_all_other_scores() -> None:
    found = struck_out(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]))
    assert found.tolist() == [[1.0, -np.inf], [-np.inf, 4.0]]


def test_temperature_undoes_a_scale() -> None:
    """Scores three times as large need three times the temperature and give the same chances."""
    scores, labels = scored(400, 6, 3.0)
    temperature, unknown = temperature_of(scores, labels)
    scaled, larger = temperature_of(3 * scores, labels)
    assert scaled / temperature == pytest.approx(3, rel=0.02)
    assert larger / unknown == pytest.approx(3, rel=0.02)
    assert calibrated(scores, temperature, unknown) == pytest.approx(
        calibrated(3 * scores, scaled, larger), abs=1e-3
    )


def test_log_loss_does_not_depend_on_the_scale_of_scores() -> None:
    scores, labels = scored(300, 5, 2.0)
    assert log_loss(scores, labels) == pytest.approx(log_loss(7 * scores, labels), abs=1e-4)
    assert log_loss(scores, labels) < np.log(5)


def test_unknown_lies_between_scores_of_known_and_of_unknown_dogs() -> None:
    scores, labels = scored(500, 8, 8.0)
    temperature, unknown = temperature_of(scores, labels)
    seen = 1 - calibrated(scores, temperature, unknown).sum(1)
    unseen = 1 - calibrated(struck_out(scores, labels), temperature, unknown).sum(1)
    assert seen.mean() < 0.1
    assert unseen.mean() > 0.9


def test_threshold_by_hand() -> None:
    """One breed, unknown scores 0: chances are sigmoids; struck out nothing is ever likely."""
    scores = np.array([[3.0, -50.0], [2.0, -50.0], [-50.0, 1.5], [-50.0, 1.0]])
    labels = np.array([0, 0, 0, 1])  # the third is told wrongly

    def sigmoid(x: float) -> float:
        return float(1 / (1 + np.exp(-x)))

    # Told in order of certainty: right, right, wrong and the struck-out twin of the third, right.
    assert threshold_of(scores, labels, 1.0, 0.0, 1.0) == pytest.approx(sigmoid(2.0))
    assert threshold_of(scores, labels, 1.0, 0.0, 0.6) == pytest.approx(sigmoid(1.0))
    wrong = np.array([1, 1, 0, 0])
    assert threshold_of(scores, wrong, 1.0, 0.0, 0.9) == 1.0


def test_threshold_keeps_its_promise() -> None:
    scores, labels = scored(400, 6, 2.5)
    temperature, unknown = temperature_of(scores, labels)
    lenient, strict = (
        threshold_of(scores, labels, temperature, unknown, share) for share in (0.6, 0.9)
    )
    assert lenient < strict
    chances = calibrated(scores, temperature, unknown)
    outside = calibrated(struck_out(scores, labels), temperature, unknown)
    for limit, share in ((lenient, 0.6), (strict, 0.9)):
        told = chances.max(1) >= limit
        right = (chances.argmax(1) == labels)[told].sum()
        assert right / (told.sum() + (outside.max(1) >= limit).sum()) >= share


def test_cosines_become_scores_that_compete() -> None:
    """Scores are 10 × cosine: so are those of an added breed, but for their lower frequency."""
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 6, 300)
    cosines = 0.1 * chance.normal(size=(300, 6))
    cosines[np.arange(300), labels] += 0.8
    slope, offset = added_of(10 * cosines, labels, cosines, 1.0, 4.0)
    own = slope * cosines[np.arange(300), labels] + offset
    others = np.median(slope * cosines + offset)
    assert (own > 4.0).mean() > 0.9
    assert others < 2.0
    cosines[:, 2] = np.nan  # a breed without photos to make a prototype of
    assert np.isfinite(added_of(10 * np.nan_to_num(cosines), labels, cosines, 1.0, 4.0)).all()


def test_prototypes_use_few_photos_and_tell_their_absence() -> None:
    features = np.array([[[2.0, 0.0]], [[4.0, 0.0]], [[0.0, 9.0]]])
    labels = np.array(["pug", "pug", "boxer"])
    found = prototypes(features, labels, ("boxer", "pug", "whippet"), 5, np.random.default_rng(0))
    assert found[:2] == pytest.approx(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert np.isnan(found[2]).all()
    cosines = cosines_to(found, np.array([[3.0, 3.0]]))
    assert cosines[0, :2] == pytest.approx([0.5**0.5, 0.5**0.5])
    assert np.isnan(cosines[0, 2])
    one = prototypes(
        np.eye(3)[:, None], np.array(["pug"] * 3), ("pug",), 1, np.random.default_rng(0)
    )
    assert sorted(one[0].tolist()) == [0.0, 0.0, 1.0]


def test_all_of_it_makes_a_classifier_that_says_unknown() -> None:
    chance = np.random.default_rng(0)
    corners = 6 * np.eye(5)
    labels = chance.integers(0, 4, 200)  # the fifth corner is a breed that nobody knows
    features = corners[labels] + chance.normal(size=(200, 5))
    few = prototypes(
        features[:40, None], labels[:40].astype(str), tuple("0123"), 5, np.random.default_rng(1)
    )
    scores = features[:, :4]
    found = calibrate(scores, labels, cosines_to(few, features), told_right=0.9)
    assert all(np.isfinite(value) for value in dataclasses.asdict(found).values())
    model = BreedClassifier(tuple("0123"), np.eye(5)[:4], np.zeros(4), found)
    new = corners[[4] * 30] + chance.normal(size=(30, 5))
    assert np.mean([guess.slug is None for guess in model.classify(new)]) > 0.9
    assert (
        np.mean([g.slug == str(k) for g, k in zip(model.classify(features), labels, strict=True)])
        > 0.8
    )
    added = BreedClassifier(
        tuple("0123"), np.eye(5)[:4], np.zeros(4), found, {"new": np.eye(5, dtype=np.float32)[4]}
    )
    assert np.mean([guess.slug == "new" for guess in added.classify(new)]) > 0.8
