"""What a training tells: a line an epoch, TensorBoard where it is installed, a picture."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Journal:
    """Writes `log.jsonl` and `tensorboard/` below a run's folder; `curves.png` when asked to."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._writer = _writer(out / "tensorboard")

    def line(self, metrics: Mapping[str, float]) -> None:
        """One line of metrics; where it has "epoch", a point of each curve."""
        line = json.dumps({k: round(v, 5) for k, v in metrics.items()})
        print(line, flush=True)
        with (self._out / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        if self._writer is not None and "epoch" in metrics:
            for name, value in metrics.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, int(metrics["epoch"]))
            self._writer.flush()

    def curves(self) -> None:
        """Draw losses and metrics over epochs into `curves.png`."""
        draw_curves(self._out / "log.jsonl", self._out / "curves.png")

    def close(self) -> None:
        """End what TensorBoard reads."""
        if self._writer is not None:
            self._writer.close()


def draw_curves(log: Path, picture: Path) -> None:
    """Losses at left, figures between 0 and 1 at right, from the epochs in a `log.jsonl`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    epochs = {line["epoch"]: line for line in lines if "epoch" in line}  # a resumed one counts last
    names = list(dict.fromkeys(name for line in epochs.values() for name in line))
    names = [name for name in names if name not in ("epoch", "seconds")]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for name in names:
        points = [(epoch, line[name]) for epoch, line in sorted(epochs.items()) if name in line]
        part = left if name.startswith("loss") else right
        part.plot(*zip(*points, strict=True), marker=".", label=name)
    for part, title in ((left, "loss"), (right, "validation")):
        part.set_xlabel("epoch")
        part.set_title(title)
        part.grid(alpha=0.3)
        if part.lines:
            part.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)


def _writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # not needed: log.jsonl holds the same
        return None
    return SummaryWriter(folder)
