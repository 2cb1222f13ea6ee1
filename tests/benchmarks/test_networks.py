"""Operations, shares and cosines that networks are compared by."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import networks
from benchmarks.networks import Product, compare, gflop, least_cosine, share, speed


class Linear(nn.Module):
    """Pixels to ten numbers by one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 10)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layer(pixels.float().flatten(1))


class Attention(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        tokens = pixels.float().flatten(2)[:, None]
        return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)


def test_a_multiplication_with_its_addition_is_two_operations() -> None:
    pixels = np.zeros((1, 2, 2, 3), np.uint8)
    assert gflop(Linear(), pixels) == pytest.approx(2 * 12 * 10 / 1e9)
    # Two tokens of six numbers: their products with each other, and the sums of them.
    assert gflop(Attention(), pixels) == pytest.approx(2 * 2 * (2 * 2 * 6) / 1e9)


def test_a_share_is_of_the_limit_in_the_same_round() -> None:
    assert share([50.0, 10.0, 30.0], [100.0, 20.0, 50.0]) == 0.5
    with pytest.raises(ValueError, match="longer"):
        share([1.0], [1.0, 2.0])


def test_the_least_cosine_is_that_of_the_worst_photo() -> None:
    one = [np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0], [0.0]])]
    other = [np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([[0.0], [1.0]])]
    assert least_cosine(one, one) == 1
    assert least_cosine(one, other) == pytest.approx(np.sqrt(0.5), abs=1e-5)


def test_the_speed_of_a_product_counts_all_its_operations() -> None:
    a = np.ones((64, 64), np.float32)
    assert speed(Product(64, lambda: a @ a)) > 0


def test_runtimes_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "ROUNDS", {1: 2, 16: 1})
    monkeypatch.setattr(networks, "BATCHES", (1, 16))
    asked: list[int] = []
    a = np.ones((8, 8), np.float32)

    def work(batch: int) -> None:
        asked.append(batch)
        time.sleep(0.002 * batch)

    found = compare(
        {networks.EAGER: work, "torch CUDA float16": networks.NO_GPU},
        2.0,
        {"float32": {"NumPy": Product(8, lambda: a @ a)}},
    )
    assert asked == [1, 1, 1, 16, 16]
    assert found["runtimes"]["torch CUDA float16"] == {"why_not": networks.NO_GPU}
    told = found["runtimes"][networks.EAGER]
    assert told["1"]["times_faster"] == 1
    assert told["16"]["share"] > 0
    assert found["peaks"]["float32"][1] == "NumPy"
    rows = list(networks.as_rows({"networks": {"x": found}}))
    assert [row[2] for row in rows][1] == networks.NO_GPU
    assert {len(row) for row in rows} == {8}
