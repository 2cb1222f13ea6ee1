"""Against what the theory of queues says of lines whose answer is known."""

import math

import numpy as np
import pytest

from benchmarks.queueing import most, p95, poisson, responses


def test_a_line_of_three_before_one_server():
    assert responses([0, 1, 1], [2, 2, 0.5]).tolist() == [2, 3, 3.5]


def test_two_servers_take_whoever_is_next():
    assert responses([0, 0, 0, 1], [4, 1, 1, 1], servers=2).tolist() == [4, 1, 2, 2]


def test_arrivals_and_services_go_together():
    with pytest.raises(ValueError, match="zip"):
        responses([0, 1], [1])


def test_arrivals_keep_their_rate():
    moments = poisson(5, 10_000, seed=1)
    assert len(moments) == pytest.approx(50_000, rel=0.02)
    assert np.all(np.diff(moments) > 0)
    assert np.std(np.diff(moments)) == pytest.approx(0.2, rel=0.03)  # as exponential gaps have it


def test_one_server_at_60_percent():
    """M/M/1: the mean response is 1 / (μ − λ)."""
    arrivals = poisson(0.6, 400_000, seed=2)
    services = np.random.default_rng(3).exponential(1, len(arrivals))
    assert np.mean(responses(arrivals, services)) == pytest.approx(1 / 0.4, rel=0.05)


def test_a_server_that_always_takes_as_long():
    """M/D/1: the mean wait is ρ / 2μ(1 − ρ) (Pollaczek and Khinchine)."""
    arrivals = poisson(0.8, 400_000, seed=4)
    waits = responses(arrivals, [1] * len(arrivals)) - 1
    assert np.mean(waits) == pytest.approx(0.8 / (2 * 0.2), rel=0.05)


def test_four_servers_at_75_percent():
    """M/M/c: the share that waits is Erlang's C."""
    servers, load = 4, 3.0
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    share = last / (sum(load**n / math.factorial(n) for n in range(servers)) + last)
    arrivals = poisson(load, 200_000, seed=5)
    services = np.random.default_rng(6).exponential(1, len(arrivals))
    waits = responses(arrivals, services, servers) - services
    assert np.mean(waits > 1e-9) == pytest.approx(share, rel=0.05)


def test_the_nearest_rank():
    assert p95(range(1, 101)) == 95
    assert p95([7]) == 7


def test_the_most_that_a_limit_lets_come():
    rate = most(0.5, 0.05, 1)
    arrivals = poisson(rate, 3600, seed=9)
    assert p95(responses(arrivals, [0.05] * len(arrivals))) == pytest.approx(0.5, rel=0.25)
    assert most(0.04, 0.05, 1) == 0
    assert most(0.5, 0.05, 4) > 4 * rate
