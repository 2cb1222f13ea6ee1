"""The loop that every training shares: resumes after any kill, stops early, refuses NaN."""

import json
import math
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ml.errors import DataError, ModelMismatch

Metrics = dict[str, float]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: linear warm-up, then a cosine to zero over all epochs.

    Training stops when `watch` (larger is better) has not risen for `patience` epochs.
    """

    epochs: int
    steps_per_epoch: int
    warm_up: float = 0.05
    patience: int = 5
    watch: str = "score"

    def factor(self, step: int) -> float:
        """The share of the full learning rate at a step, counted from 0 over all epochs."""
        total = max(1, self.epochs * self.steps_per_epoch)
        warm = max(1, round(self.warm_up * total))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm))))


def fit(
    module: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: Schedule,
    *,
    batches: Callable[[int], Iterable[Any]],
    loss_of: Callable[[Any], torch.Tensor],
    validate: Callable[[], Metrics],
    out: Path,
    fingerprint: str,
    accumulate: int = 1,
) -> Metrics:
    """Train and leave the best weights in `module`; gives the best epoch's metrics.

    `batches(epoch)` gives the batches of one epoch, fixed by its number. After each epoch
    `out/last.pt` holds all that is needed to go on, and `out/log.jsonl` a line of metrics. A run
    with the same `fingerprint` (hash of the configuration) goes on from there; another's raises
    ModelMismatch. A loss that is not finite raises DataError and leaves the last good checkpoint.
    """
    out.mkdir(parents=True, exist_ok=True)
    base_rates = [group["lr"] for group in optimiser.param_groups]
    first, step, best, waited = 0, 0, dict[str, float](), 0
    best_state = _copied(module)
    last = out / "last.pt"
    if last.is_file():
        state = torch.load(last, weights_only=True)
        if state["fingerprint"] != fingerprint:
            raise ModelMismatch(
                f"{out} holds a run with another configuration. Choose another folder with --out."
            )
        module.load_state_dict(state["module"])
        optimiser.load_state_dict(state["optimiser"])
        best_state, best = state["best_state"], state["best"]
        first, step, waited = state["epoch"] + 1, state["step"], state["waited"]
    for epoch in range(first, schedule.epochs):
        if waited > schedule.patience:
            break
        seed_everything(epoch)
        module.train()
        started, losses = time.monotonic(), []
        optimiser.zero_grad()
        bar = tqdm(batches(epoch), f"epoch {epoch}", schedule.steps_per_epoch, mininterval=5)
        for place, batch in enumerate(bar):
            for group, rate in zip(optimiser.param_groups, base_rates, strict=True):
                group["lr"] = rate * schedule.factor(step)
            loss = loss_of(batch)
            if not torch.isfinite(loss):
                raise DataError(
                    "The loss is no longer a number, so training stopped. Lower the learning rate "
                    "and start again: it goes on from the last good checkpoint.",
                    f"epoch {epoch}, step {step}",
                    code="loss_not_finite",
                )
            (loss / accumulate).backward()
            if (place + 1) % accumulate == 0:
                nn.utils.clip_grad_norm_(module.parameters(), 1.0)
                optimiser.step()
                optimiser.zero_grad()
            losses.append(float(loss.detach()))
            step += 1
        module.eval()
        metrics = validate()
        metrics |= {
            "epoch": epoch,
            "loss": float(np.mean(losses)),
            "seconds": round(time.monotonic() - started, 1),
        }
        if not best or metrics[schedule.watch] > best[schedule.watch]:
            best, best_state, waited = dict(metrics), _copied(module), 0
        else:
            waited += 1
        _log(out / "log.jsonl", metrics)
        _save_atomically(
            {
                "fingerprint": fingerprint,
                "module": module.state_dict(),
                "optimiser": optimiser.state_dict(),
                "best_state": best_state,
                "best": best,
                "epoch": epoch,
                "step": step,
                "waited": waited,
            },
            last,
        )
    module.load_state_dict(best_state)
    module.eval()
    return best


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _copied(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _log(path: Path, metrics: Mapping[str, float]) -> None:
    line = json.dumps({k: round(v, 5) for k, v in metrics.items()})
    print(line, flush=True)
    with path.open("a") as file:
        file.write(line + "\n")


def _save_atomically(state: Mapping[str, Any], path: Path) -> None:
    fresh = path.with_suffix(".tmp")
    torch.save(dict(state), fresh)
    os.replace(fresh, path)
