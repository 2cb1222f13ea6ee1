import json
from pathlib import Path

import pytest
from PIL import Image

from ml.training.journal import Journal, draw_curves


def test_lines_curves_and_tensorboard(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for epoch in range(3):
        journal.line({"epoch": epoch, "loss": 1 / (epoch + 1), "score": 0.123456789, "seconds": 1})
    journal.curves()
    journal.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").open()]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert lines[0]["score"] == 0.12346
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > 500
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [round(event.value, 3) for event in events.Scalars("loss")] == [1.0, 0.5, 0.333]


def test_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    journal = Journal(tmp_path)
    journal.line({"epoch": 0, "loss": 1.0})
    journal.close()
    assert not (tmp_path / "tensorboard").exists()
    assert (tmp_path / "log.jsonl").is_file()


def test_curves_of_a_run_that_measured_different_things(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"epoch": 0, "loss": 1}\n{"epoch": 1, "loss": 2, "a/r1": 0.5}\n{"other": 1}\n')
    draw_curves(log, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000
