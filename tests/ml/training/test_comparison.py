import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ml.errors import DataError
from ml.subject import SubjectFinder
from ml.training import comparison
from ml.training.comparison import compare, markdown, summary, varied, with_backbones
from ml.training.embedder.config import EmbedderConfig

BASE = {"run": EmbedderConfig()}


class NoFinder(SubjectFinder):
    def __init__(self) -> None:
        self.identity = "none"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for training: 13 pixels fail. Names what was trained."""
    runs: list[str] = []

    def train(
        config: EmbedderConfig, data: Path, out: Path, finder: object, margin: float, cache: Path
    ) -> Mapping[str, float]:
        if config.size == 13:
            raise DataError("No such size. Take another.")
        runs.append(f"{config.size}/{config.seed}")
        out.mkdir(parents=True)
        (out / "embedder.safetensors").write_bytes(b"x" * 2_000_000)
        lines = [
            {"epoch": 0, "seconds": 9},
            {"epoch": 0, "seconds": 40},
            {"epoch": 1, "seconds": 20},
        ]
        (out / "log.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
        return {
            "score": config.size / 100 + config.seed / 10,
            "dogs/r1": 0.5,
            "loss": 3.0,
            "epoch": 1,
        }

    monkeypatch.setattr(comparison, "train_embedder", train)
    monkeypatch.setattr(comparison, "latency", lambda weights: 12.5)
    return runs


def test_seeds_make_means_and_spreads_and_the_best_comes_first(
    trained: list[str], tmp_path: Path
) -> None:
    variants = varied(BASE, "size=64,96")
    table = compare(variants, [0, 1, 2], tmp_path, tmp_path / "out", NoFinder(), 0.1)
    assert sorted(trained) == sorted(f"{s}/{seed}" for s in (64, 96) for seed in range(3))
    head, _, first, second = table.splitlines()
    assert head == "|  | score | dogs/r1 | megabytes | seconds | latency_ms |"
    assert first.startswith("| run, size 96 | 1.060 ± 0.100 | 0.500 ± 0.000 | 2.0 ± 0.0 | 60 ± 0 |")
    assert second.startswith("| run, size 64 | 0.740 ± 0.100")
    told = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert told["run, size 96"]["score"]["mean"] == pytest.approx(1.06)
    assert (tmp_path / "out" / "comparison.md").read_text() == table


def test_what_is_finished_is_not_trained_again(trained: list[str], tmp_path: Path) -> None:
    compare(varied(BASE, "size=64,96"), [0], tmp_path, tmp_path / "out", NoFinder(), 0.1)
    compare(varied(BASE, "size=64,96,32"), [0], tmp_path, tmp_path / "out", NoFinder(), 0.1)
    assert trained == ["64/0", "96/0", "32/0"]


def test_a_variant_that_fails_does_not_stop_the_others(trained: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 of 3 variants failed"):
        compare(varied(BASE, "size=13,64,96"), [0], tmp_path, tmp_path / "out", NoFinder(), 0.1)
    assert trained == ["64/0", "96/0"]
    text = (tmp_path / "out" / "comparison.md").read_text()
    assert "run, size 13 failed: No such size. Take another." in text
    assert "| run, size 96 |" in text


def test_backbones_bring_their_own_weights_and_normalisation(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "convnext_atto.safetensors").write_bytes(b"")
    base = {"a": EmbedderConfig(pretrained="deit.safetensors"), "b": EmbedderConfig(epochs=3)}
    names = ["vit_tiny_patch16_224", "convnext_atto", "resnet18"]
    found = with_backbones(base, names, tmp_path)
    assert list(found) == [f"{variant}, {name}" for variant in "ab" for name in names]
    own, other, none = (found[f"a, {name}"] for name in names)
    assert own == base["a"]
    assert (other.normalisation, other.pretrained) == ("own", "weights/convnext_atto.safetensors")
    assert not other.batch_statistics
    assert none.pretrained == ""
    assert none.batch_statistics
    assert list(with_backbones(BASE, ["resnet18"], tmp_path)) == ["resnet18"]


def test_values_are_written_as_in_a_configuration() -> None:
    found = varied(varied(BASE, "policy=mild,trivial"), "teacher_sizes=[224, 320],[160]")
    assert [(c.policy, c.teacher_sizes) for c in found.values()] == [
        ("mild", (224, 320)),
        ("mild", (160,)),
        ("trivial", (224, 320)),
        ("trivial", (160,)),
    ]
    for given, told in (
        ("sice=1", "no setting 'sice'"),
        ("size", "names no values"),
        ("size=big", "'size' must be int"),
    ):
        with pytest.raises(DataError, match=told):
            varied(BASE, given)


def test_figures_that_some_lack_stay_empty() -> None:
    rows = {"a": summary([{"score": 0.5, "x/r1": 0.25}]), "b": summary([{"score": 0.75}])}
    assert markdown(rows).splitlines()[2:] == ["| b | 0.750 |  |", "| a | 0.500 | 0.250 |"]
