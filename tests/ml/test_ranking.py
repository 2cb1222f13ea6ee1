"""Learning to rank: a hidden preference is found, noise is refused."""

import numpy as np
import pytest

from ml.errors import DataError
from ml.fusion import EXTRA, PARTS, Fusion, fixed
from ml.ranking import compare, learn, losses

NONE = dict.fromkeys(EXTRA, 0.0)
HIDDEN = {**NONE, "colour": 0.5, "breed": 0.4}
SHOWN = 24


def of(weights: dict[str, float]) -> Fusion:
    return fixed().with_weights({"like": weights, "lost": NONE})


def answers(seed: int, number: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs from answers ranked by the fixed weights, in which people choose one dog by the hidden
    ones: it is preferred to its neighbours. Sharpness 0 chooses blindly."""
    rng = np.random.default_rng(seed)
    preferred, other = [], []
    for _ in range(number):
        cosines = rng.normal(0.55, 0.12, SHOWN).clip(-0.2, 0.99)
        parts = np.column_stack([(1 + cosines) / 2, rng.uniform(0, 1, (SHOWN, len(EXTRA)))])
        parts[rng.random(parts.shape) < (0, 0.6, 0.4, 0.05, 0)] = np.nan
        parts = parts[np.argsort(-fixed().fused(parts, "like"))]
        liking = np.exp(sharpness * of(HIDDEN).fused(parts, "like"))
        chosen = int(rng.choice(SHOWN, p=liking / liking.sum()))
        for neighbour in (chosen - 1, chosen + 1):
            if 0 <= neighbour < SHOWN:
                preferred.append(parts[chosen])
                other.append(parts[neighbour])
    return np.array(preferred), np.array(other)


def learnt_and_judged(seed: int, sharpness: float) -> tuple[dict[str, float], bool]:
    preferred, other = answers(seed, 1000, sharpness)
    cut = round(0.8 * len(preferred))
    weights = learn(preferred[:cut], other[:cut], fixed().weights["like"])
    modes = ["like"] * (len(preferred) - cut)
    judged = compare(preferred[cut:], other[cut:], of(weights), fixed(), modes)
    assert judged.pairs == len(modes)
    return weights, judged.is_better


def test_a_hidden_preference_is_learnt() -> None:
    found = [learnt_and_judged(seed, 15) for seed in range(4)]
    for weights, _ in found:
        assert weights["colour"] > fixed().weights["like"]["colour"] + 0.05
        assert weights["breed"] > 0.1
        assert max(weights["body"], weights["face"]) < 0.08
    assert sum(better for _, better in found) >= 3


def test_noise_is_refused() -> None:
    """One time in forty chance would pass."""
    found = [learnt_and_judged(seed, 0) for seed in range(100, 112)]
    assert sum(better for _, better in found) <= 1


def test_few_pairs_change_little_and_the_same_pairs_the_same() -> None:
    preferred, other = answers(1, 20, 15)
    weights = learn(preferred, other, fixed().weights["like"])
    assert weights == learn(preferred, other, fixed().weights["like"])
    for part in EXTRA:
        assert weights[part] == pytest.approx(fixed().weights["like"][part], abs=0.1)


def test_weights_stay_within_bounds() -> None:
    alike, unlike = np.full((500, 5), 0.5), np.full((500, 5), 0.5)
    alike[:, PARTS.index("colour")], unlike[:, PARTS.index("colour")] = 1, 0
    assert 0.2 < learn(alike, unlike, NONE)["colour"] <= 1
    assert learn(unlike, alike, NONE)["colour"] == 0


def test_what_is_not_known_of_both_says_nothing() -> None:
    preferred, other = np.full((400, 5), 0.9), np.full((400, 5), np.nan)
    other[:, 0] = 0.9
    assert learn(preferred, other, HIDDEN) == pytest.approx(HIDDEN)


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(DataError, match="nothing to learn"):
        learn(np.zeros((0, 5)), np.zeros((0, 5)), NONE)


def test_agreement_counts_ties_half_and_each_pair_in_its_mode() -> None:
    one = np.array([[0.7, np.nan, np.nan, 0.9, np.nan]] * 2)
    two = np.array([[0.7, np.nan, np.nan, 0.5, np.nan]] * 2)
    judged = compare(one, two, of(HIDDEN), of(NONE), ["like", "lost"])
    assert (judged.learnt, judged.fixed) == (0.75, 0.5)
    assert not judged.is_better
    assert compare(one[:0], two[:0], of(HIDDEN), of(NONE), []).pairs == 0


def test_clear_leads_surprise_less() -> None:
    right = losses(np.array([0.4, 0.3, 0.5, -0.05])).mean()
    assert right < losses(np.array([0.01, -0.01, 0.02, -0.02])).mean()
