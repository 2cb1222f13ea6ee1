import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ml.errors import DataError, ModelMismatch
from ml.training.loop import Metrics, Schedule, fit

EMA = get_ema_multi_avg_fn(0.7)


class Killed(Exception):
    pass


class Run:
    """A small regression whose batches depend on the epoch; may be killed or spoilt on the way."""

    def __init__(
        self, out: Path, kill_in: int = -1, spoil_in: int = -1, width: int = 8, mean: bool = False
    ) -> None:
        torch.manual_seed(0)
        self.out, self.kill_in, self.spoil_in = out, kill_in, spoil_in
        self.module = nn.Sequential(nn.Linear(4, width), nn.Dropout(0.2), nn.Linear(width, 1))
        self.average = AveragedModel(self.module, multi_avg_fn=EMA) if mean else None
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

    def fit(
        self, epochs: int = 6, fingerprint: str = "a", patience: int = 9, minutes: float = 10.0
    ) -> Metrics:
        return fit(
            self.module,
            self.optimiser,
            Schedule(epochs, 5, patience=patience),
            batches=self.batches,
            loss_of=self.loss,
            validate=self.validate,
            out=self.out,
            fingerprint=fingerprint,
            average=self.average,
            checkpoint_minutes=minutes,
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


def test_a_run_killed_within_an_epoch_goes_on_from_the_step(tmp_path: Path) -> None:
    whole = Run(tmp_path / "whole", mean=True)
    best = whole.fit()
    with pytest.raises(Killed):
        Run(tmp_path / "killed", kill_in=3, mean=True).fit(minutes=0)
    state = torch.load(tmp_path / "killed" / "last.pt", weights_only=True)
    assert (state["progress"]["epoch"], state["progress"]["place"]) == (3, 2)
    resumed = Run(tmp_path / "killed", mean=True)
    again = resumed.fit()
    assert {**again, "seconds": 0} == {**best, "seconds": 0}
    assert torch.equal(resumed.weights(), whole.weights())
    lines = [
        [{**json.loads(line), "seconds": 0} for line in (folder / "log.jsonl").open()]
        for folder in (tmp_path / "whole", tmp_path / "killed")
    ]
    assert lines[0] == lines[1]


def test_the_mean_of_the_weights_is_measured_and_kept(tmp_path: Path) -> None:
    """Weights that jump between two places are kept in the middle."""
    run = Run(tmp_path, mean=True)
    measured: list[torch.Tensor] = []
    run.validate = lambda: (measured.append(run.weights()), {"score": len(measured)})[1]  # type: ignore[func-returns-value, method-assign]
    run.fit(epochs=3)
    assert run.average is not None
    averaged = torch.cat([p.detach().flatten() for p in run.average.module.parameters()])
    assert torch.equal(measured[-1], averaged)
    assert torch.equal(run.weights(), averaged)
    plain = Run(tmp_path / "plain")
    plain.fit(epochs=3)
    assert not torch.equal(plain.weights(), averaged)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from torch import nn
from ml.training.loop import Schedule, fit

out, kill_at, steps = Path(sys.argv[1]), int(sys.argv[2]), 0
torch.manual_seed(0)
module = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))

def batches(epoch, first):
    for place in range(first, 5):
        yield torch.randn(16, 4, generator=torch.Generator().manual_seed(10 * epoch + place))

def loss_of(batch):
    global steps
    steps += 1
    if steps == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return (module(batch) - batch.sum(1, keepdim=True)).square().mean()

fit(module, torch.optim.AdamW(module.parameters(), lr=0.05), Schedule(4, 5), batches=batches,
    loss_of=loss_of, validate=lambda: {"score": -float(module(torch.ones(1, 4)).detach())},
    out=out, fingerprint="a", checkpoint_minutes=0)
torch.save(module.state_dict(), out / "final.pt")
"""


def test_a_process_killed_at_any_moment_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    def started(out: Path, kill_at: int) -> int:
        command = [sys.executable, "-c", KILLED, str(out), str(kill_at)]
        return subprocess.run(command, capture_output=True, timeout=100).returncode

    assert started(tmp_path / "whole", -1) == 0
    assert started(tmp_path / "killed", 8) == -signal.SIGKILL
    assert started(tmp_path / "killed", -1) == 0
    whole, killed = (
        torch.load(tmp_path / name / "final.pt", weights_only=True) for name in ("whole", "killed")
    )
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


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


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    Run(tmp_path).fit()
    with pytest.raises(ModelMismatch, match="another architecture or dimension"):
        Run(tmp_path, width=9).fit()


def test_a_gradient_that_is_no_number_stops_too(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.loss = lambda batch: (run.module(batch) * 0).sum().sqrt()  # type: ignore[method-assign]
    with pytest.raises(DataError, match="gradient is no longer a number"):
        run.fit()
    assert torch.isfinite(run.weights()).all()


def test_half_precision_skips_a_step_that_overflows(tmp_path: Path) -> None:
    run = Run(tmp_path)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120, growth_interval=1000)
    before = run.weights().clone()
    moved: list[bool] = []

    def loss(batch: torch.Tensor) -> torch.Tensor:
        moved.append(not torch.equal(run.weights(), before))
        return (run.module(batch) * 1e6).square().mean()

    fit(
        run.module,
        run.optimiser,
        Schedule(8, 5),
        batches=run.batches,
        loss_of=loss,
        validate=lambda: {"score": float(len(moved))},
        out=tmp_path,
        fingerprint="a",
        scaler=scaler,
    )
    assert not moved[1]
    assert moved[-1]
    assert torch.isfinite(run.weights()).all()


def test_several_losses_are_told_apart(tmp_path: Path) -> None:
    run = Run(tmp_path)
    plain = run.loss
    run.loss = lambda batch: {"loss": 2 * plain(batch), "half": plain(batch).detach() * 0 + 3}  # type: ignore[method-assign, assignment, return-value]
    run.validate = lambda: {"score": 1.0}  # type: ignore[method-assign]
    assert run.fit(epochs=1)["loss/half"] == 3


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
