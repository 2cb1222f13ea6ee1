import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from ml.errors import DataError, ModelMismatch
from ml.training.loop import Metrics, Schedule, fit


class Killed(Exception):
    pass


class Run:
    """A small regression whose batches depend on the epoch; may be killed or spoilt on the way."""

    def __init__(self, out: Path, kill_in: int = -1, spoil_in: int = -1) -> None:
        torch.manual_seed(0)
        self.out, self.kill_in, self.spoil_in = out, kill_in, spoil_in
        self.module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))
        self.optimiser = torch.optim.AdamW(self.module.parameters(), lr=0.05)
        self.scores: list[float] = []

    def batches(self, epoch: int, first: int) -> Iterator[torch.Tensor]:
        for place in range(first, 5):
            if epoch == self.kill_in and place == 2:
                raise Killed
            generator = torch.Generator().manual_seed(10 * epoch + place)
            batch = torch.randn(16, 4, generator=generator)
            yield batch * float("nan") if epoch == self.spoil_in and place == 3 else batch

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        return (self.module(batch) - batch.sum(1, keepdim=True)).square().mean()

    def validate(self) -> Metrics:
        with torch.no_grad():
            score = -float(self.loss(torch.eye(4)))
        self.scores.append(score)
        return {"score": score}

    def fit(self, epochs: int = 6, fingerprint: str = "a", patience: int = 9) -> Metrics:
        return fit(
            self.module,
            self.optimiser,
            Schedule(epochs, 5, patience=patience),
            batches=self.batches,
            loss_of=self.loss,
            validate=self.validate,
            out=self.out,
            fingerprint=fingerprint,
        )

    def weights(self) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in self.module.parameters()])


def test_a_killed_run_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole")
    best = whole.fit()
    with pytest.raises(Killed):
        Run(tmp_path / "killed", kill_in=3).fit()
    resumed = Run(tmp_path / "killed")
    assert resumed.fit() == pytest.approx({**best, "seconds": 0}, rel=1e-6, abs=1)
    assert len(resumed.scores) == 3
    assert torch.equal(resumed.weights(), whole.weights())


def test_a_finished_run_trains_no_more(tmp_path: Path) -> None:
    first = Run(tmp_path)
    first.fit()
    again = Run(tmp_path)
    again.fit()
    assert again.scores == []
    assert torch.equal(again.weights(), first.weights())


def test_the_best_epoch_is_left_not_the_last(tmp_path: Path) -> None:
    run = Run(tmp_path)
    scores = iter([0.1, 0.9, 0.5, 0.4])
    kept: list[torch.Tensor] = []

    def validate() -> Metrics:
        kept.append(run.weights().clone())
        return {"score": next(scores)}

    run.validate = validate  # type: ignore[method-assign]
    assert run.fit(epochs=4)["score"] == 0.9
    assert torch.equal(run.weights(), kept[1])


def test_stops_early(tmp_path: Path) -> None:
    run = Run(tmp_path)
    calls: list[int] = []

    def validate() -> Metrics:
        calls.append(0)
        return {"score": 1.0 if len(calls) == 2 else 0.0}

    run.validate = validate  # type: ignore[method-assign]
    run.fit(epochs=50, patience=2)
    assert len(calls) == 5


def test_nan_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    run = Run(tmp_path, spoil_in=2)
    with pytest.raises(DataError, match="no longer a number") as caught:
        run.fit()
    assert caught.value.code == "loss_not_finite"
    state = torch.load(tmp_path / "last.pt", weights_only=True)
    assert state["progress"]["epoch"] == 2
    assert all(torch.isfinite(v).all() for v in state["module"].values())


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    Run(tmp_path).fit(fingerprint="a")
    with pytest.raises(ModelMismatch, match="another configuration"):
        Run(tmp_path).fit(fingerprint="b")


def test_log_has_a_line_for_each_epoch(tmp_path: Path) -> None:
    Run(tmp_path).fit(epochs=3)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert all({"score", "loss"} <= set(line) for line in lines)


def test_rate_warms_up_then_falls_to_zero() -> None:
    schedule = Schedule(epochs=10, steps_per_epoch=10, warm_up=0.1)
    factors = [schedule.factor(step) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert all(a >= b for a, b in itertools.pairwise(factors[9:]))
    assert factors[-1] < 0.01
    assert schedule.factor(55) == pytest.approx(0.5)
