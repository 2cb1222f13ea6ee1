"""From scores to probabilities, and when to say "mixed or unknown", on validation photos."""

import numpy as np
from scipy.optimize import minimize

from ml.breeds import Calibration, calibrated, prototype_of

# How many photos of known breeds there are for one of an added breed.
_OTHERS = 10.0
_FLOOR = 1e-12


def calibrate(
    scores: np.ndarray,
    labels: np.ndarray,
    cosines: np.ndarray,
    told_right: float,
) -> Calibration:
    """All of it from `scores` (n, K), right places `labels` (n,) and `cosines` (n, K).

    `cosines` are to the breeds' prototypes made from a few training photos, nan where a breed has
    none. Every photo is also looked at with its own breed struck out, as a dog of an unknown one.
    """
    scores, cosines = scores.astype(np.float64), cosines.astype(np.float64)
    temperature, unknown = temperature_of(scores, labels)
    slope, offset = added_of(scores, labels, cosines, temperature, unknown)
    told_from = threshold_of(scores, labels, temperature, unknown, told_right)
    return Calibration(
        *(round(value, 4) for value in (temperature, unknown, told_from, slope, offset))
    )


def struck_out(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same photos if their own breed were not known: its score is minus infinity."""
    return np.where(np.arange(scores.shape[1]) == labels[:, None], -np.inf, scores)


def temperature_of(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Temperature and score of "unknown" with the least log loss over known and struck-out."""
    rows = np.arange(len(labels))
    out = struck_out(scores, labels)

    def loss(found: np.ndarray) -> float:
        temperature, unknown = float(np.exp(found[0])), float(found[1])
        own = calibrated(scores, temperature, unknown)[rows, labels]
        unseen = 1 - calibrated(out, temperature, unknown).sum(1)
        return _surprise(own) + _surprise(unseen)

    start = np.array([0.0, float(np.median(scores.max(1))) - 1])
    found = minimize(loss, start, method="Nelder-Mead").x
    return float(np.exp(found[0])), float(found[1])


def log_loss(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean log loss at the best temperature, without "unknown": for choosing settings."""

    def loss(found: np.ndarray) -> float:
        chances = calibrated(scores, float(np.exp(found[0])), -np.inf)
        return -float(np.log(chances[np.arange(len(labels)), labels] + _FLOOR).mean())

    return float(minimize(loss, np.zeros(1), method="Nelder-Mead").fun)


def threshold_of(
    scores: np.ndarray, labels: np.ndarray, temperature: float, unknown: float, told_right: float
) -> float:
    """The least probability, one half or more, from which on `told_right` of the told are right.

    Over known and struck-out photos in equal numbers; a breed told of the latter is always wrong.
    """
    chances = np.concatenate(
        [
            calibrated(scores, temperature, unknown),
            calibrated(struck_out(scores, labels), temperature, unknown),
        ]
    )
    best = chances.max(1)
    right = (chances.argmax(1) == np.tile(labels, 2)) & (np.arange(len(best)) < len(labels))
    order = np.argsort(-best, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= told_right)
    return max(0.5, float(best[order[enough[-1]]])) if len(enough) else 1.0


def _surprise(chances: np.ndarray) -> float:
    """Mean log loss of what was true, doubting one photo in n + 2.

    As Platt (1999) has it: without the doubt, few and clear photos would make it sure of anything.
    """
    doubt = 1 / (len(chances) + 2)
    sure, wrong = np.log(chances + _FLOOR), np.log(np.maximum(1 - chances, _FLOOR))
    return -float(((1 - doubt) * sure + doubt * wrong).mean())


def added_of(
    scores: np.ndarray,
    labels: np.ndarray,
    cosines: np.ndarray,
    temperature: float,
    unknown: float,
) -> tuple[float, float]:
    """Slope and offset that make cosines to a prototype worth as much as a trained score.

    Each breed in turn is known by its prototype only; the log loss of its own photos and of the
    others, ten for one, is least.
    """
    rows = np.arange(len(labels))
    usable = np.isfinite(cosines[rows, labels])
    scores, labels, cosines = scores[usable], labels[usable], cosines[usable]
    rows = np.arange(len(labels))
    scaled = np.hstack([scores, np.full((len(scores), 1), unknown)]) / temperature
    parts = np.exp(scaled - scaled.max(1, keepdims=True))
    whole = parts.sum(1)
    rest = np.maximum(whole[:, None] - parts[:, :-1], _FLOOR)  # without one breed
    own_log = np.log(parts[rows, labels] + _FLOOR)
    others = np.isfinite(cosines) & (np.arange(scores.shape[1]) != labels[:, None])

    def loss(found: np.ndarray) -> float:
        added = np.exp((found[0] * cosines + found[1]) / temperature - scaled.max(1)[:, None])
        mixed = rest + added
        own = np.log(added[rows, labels] + _FLOOR) - np.log(mixed[rows, labels])
        other = own_log[:, None] - np.log(mixed)
        return -float(own.mean() + _OTHERS * other[others].mean())

    found = minimize(loss, np.array([10.0, 0.0]), method="Nelder-Mead").x
    return float(found[0]), float(found[1])


def prototypes(
    features: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, ...],
    shots: int,
    chance: np.random.Generator,
) -> np.ndarray:
    """(K, C): the prototype of each breed from at most `shots` of its photos, nan without any.

    `features` (n, V, C) of views, `labels` (n,) slugs.
    """
    found = np.full((len(names), features.shape[-1]), np.nan, np.float32)
    for place, name in enumerate(names):
        rows = chance.permutation(np.flatnonzero(labels == name))[:shots]
        if len(rows):
            found[place] = prototype_of(features[rows].reshape(-1, features.shape[-1]))
    return found


def cosines_to(prototypes: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(n, K) cosines of features (n, C) to prototypes (K, C); nan stays nan."""
    return features / np.linalg.norm(features, axis=1, keepdims=True) @ prototypes.T
