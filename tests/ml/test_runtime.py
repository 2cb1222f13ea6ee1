from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml.errors import DataError
from ml.runtime import compile_network, pick_device


class Small(nn.Module):
    """A convolution over byte pixels and a mean, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2), nn.ReLU(), nn.Conv2d(16, 8, 3))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.layers(pixels.permute(0, 3, 1, 2).float() / 255)
        return maps, maps.mean((2, 3))


EXAMPLE = np.zeros((1, 32, 32, 3), np.uint8)


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 5])
def test_openvino_agrees_with_torch(count: int) -> None:
    fast = compile_network(Small, EXAMPLE, device="cpu", threads=1)
    slow = compile_network(Small, EXAMPLE, device="torch-cpu")
    for one, other in zip(fast(pixels(count)), slow(pixels(count)), strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype == np.float32
        assert np.abs(one - other).max() < 0.02 * np.abs(other).max()  # bfloat16 where native


def test_outputs_are_not_overwritten_by_the_next_call() -> None:
    run = compile_network(Small, EXAMPLE, device="cpu", threads=1)
    first = run(pixels(2))[1]
    kept = first.copy()
    run(255 - pixels(2))
    assert np.array_equal(first, kept)


def test_order_in_a_batch() -> None:
    run = compile_network(Small, EXAMPLE, device="cpu", threads=1)
    together = run(pixels(4))[1]
    for place, one in enumerate(pixels(4)):
        assert np.allclose(run(one[None])[1][0], together[place], atol=5e-3)


def test_second_start_neither_builds_nor_differs(tmp_path: Path) -> None:
    def never() -> nn.Module:
        raise AssertionError("built although stored")

    first = compile_network(Small, EXAMPLE, device="cpu", cache_dir=tmp_path, key="a")
    again = compile_network(never, EXAMPLE, device="cpu", cache_dir=tmp_path, key="a")
    assert np.array_equal(first(pixels(3))[1], again(pixels(3))[1])


def test_another_key_is_another_network(tmp_path: Path) -> None:
    compile_network(Small, EXAMPLE, device="cpu", cache_dir=tmp_path, key="a")
    with pytest.raises(ZeroDivisionError):
        compile_network(lambda: 1 / 0, EXAMPLE, device="cpu", cache_dir=tmp_path, key="b")  # type: ignore[arg-type, return-value]


def test_devices() -> None:
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in ("cpu", "cuda")
    with pytest.raises(DataError, match="tpu"):
        pick_device("tpu")
