from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml.errors import DataError
from ml.runtime import compile_network, cores, network, pick_device


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


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("count", [3, 4, 7, 16, 33])
def test_a_batch_in_parts_gives_what_its_pictures_give(threads: int, count: int) -> None:
    run = compile_network(Small, EXAMPLE, device="cpu", threads=threads)
    alone = compile_network(Small, EXAMPLE, device="cpu", threads=1)
    together = run(pixels(count))
    assert [found.dtype for found in together] == [np.float32, np.float32]
    for place, one in enumerate(pixels(count)):
        for found, expected in zip(together, alone(one[None]), strict=True):
            assert found.shape == (count, *expected.shape[1:])
            assert np.allclose(found[place], expected[0], atol=5e-3)
    kept = [found.copy() for found in together]
    run(255 - pixels(count))
    assert all(np.array_equal(a, b) for a, b in zip(kept, together, strict=True))


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ("max 100000\n", 6),
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("900000 100000\n", 6),
        ("", 6),
        ("0 0\n", 6),
        (None, 6),
    ],
)
def test_cores_are_those_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, count: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(2, 8)))
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    if told is not None:
        (tmp_path / "cpu.max").write_text(told)
    monkeypatch.setattr(network, "_CPU_MAX", tmp_path / "cpu.max")
    assert cores() == count


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
