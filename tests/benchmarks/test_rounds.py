"""Ways are measured in turns, and compared round by round."""

import pytest

from benchmarks.rounds import interleaved, times_faster


def test_every_way_has_its_turn_and_every_round_another_first() -> None:
    order: list[str] = []
    calls = {name: (lambda name=name: order.append(name)) for name in "abc"}
    seconds = interleaved(calls, 2, warming=1)
    assert "".join(order) == "abc" + "abc" + "bca"
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2, "c": 2}
    assert all(value >= 0 for taken in seconds.values() for value in taken)


def test_ratios_are_of_the_same_round() -> None:
    # The machine was four times as slow in the last rounds: medians alone would say 4 and 1.
    assert times_faster([2.0, 8.0, 8.0], [1.0, 4.0, 4.0]) == 2.0
    assert times_faster([1.0, 2.0, 30.0], [1.0, 1.0, 10.0]) == 2.0
    with pytest.raises(ValueError, match="shorter"):
        times_faster([1.0, 2.0], [1.0])
