"""Smooth randomness that is the same for the same seed."""

import numpy as np
from numpy.typing import NDArray


def waves(
    points: NDArray[np.float32], seed: int, scale: float, octaves: int = 3, terms: int = 5
) -> NDArray[np.float32]:
    """A smooth field about −1..1 at points (n, 3); features are about `scale` wide.

    Sums of sines in random directions, each bent by the one before it: cheap and without a grid.
    """
    random = np.random.default_rng(seed)
    total = np.zeros(len(points), np.float32)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        frequency = 2.2 * 2**octave / scale
        bend = np.zeros(len(points), np.float32)
        for _ in range(terms):
            direction = random.normal(size=3)
            direction *= frequency / np.linalg.norm(direction) * random.uniform(0.6, 1.4)
            phase = points @ direction.astype(np.float32) + np.float32(random.uniform(0, 6.28))
            bend = np.sin(phase + np.float32(1.3) * bend)
            total += np.float32(weight) * bend
        norm += weight * terms**0.5
        weight *= 0.5
    return total / np.float32(norm)


def step(value: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """0 below `low`, 1 above `high`, smooth between; `low` may be the larger."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0).astype(np.float32)
    return t * t * (3 - 2 * t)
