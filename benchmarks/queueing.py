"""Waiting in a line before one or several servers: what sizing is reckoned with."""

import heapq
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def responses(
    arrivals: Iterable[float], services: Iterable[float], servers: int = 1
) -> NDArray[np.float64]:
    """Seconds from each arrival to its end, first come first served.

    `arrivals` are moments in seconds, ascending; `services` the seconds that each takes of a server
    (Kiefer and Wolfowitz, "On the theory of queues with many servers", 1955; with one server
    Lindley's recursion, 1952). Raises ValueError where they differ in number.
    """
    free = [0.0] * servers
    taken = []
    for arrival, service in zip(arrivals, services, strict=True):
        end = max(arrival, heapq.heappop(free)) + service
        heapq.heappush(free, end)
        taken.append(end - arrival)
    return np.array(taken)


def poisson(rate: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """Moments at which people come who don't know of each other, `rate` a second on average."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1 / rate, size=math.ceil(2 * rate * seconds) + 20)
    moments = np.cumsum(gaps)
    return moments[moments < seconds]


def p95(seconds: Sequence[float] | NDArray[np.float64]) -> float:
    """The smallest value that 95 % of the others do not exceed (nearest rank)."""
    return float(np.sort(seconds)[math.ceil(0.95 * len(seconds)) - 1])


def most(
    limit: float, service: float, servers: int, *, beside: float = 0.0, seconds: float = 3600
) -> float:
    """The largest rate of arrivals a second at which 95 % are answered within `limit` seconds, each
    taking `service` seconds of a server and `beside` of nobody; to a hundredth of what the servers
    could do."""
    able = servers / service
    low, high = 0.0, 1.0
    while high - low > 0.01:
        middle = (low + high) / 2
        arrivals = poisson(middle * able, seconds, seed=1)
        taken = responses(arrivals, [service] * len(arrivals), servers)
        if p95(taken) + beside <= limit:
            low = middle
        else:
            high = middle
    return low * able
