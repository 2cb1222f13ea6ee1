"""The training of the embedder from end to end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ml.__main__ import main
from ml.embedder import Embedder
from ml.errors import DataError, ModelMismatch
from ml.spec import KeypointLayout, Likeness, ModelSpec
from ml.subject import SubjectFinder
from ml.training.embedder import train
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.objectives import losses_of
from ml.training.embedder.train import train_embedder
from ml.training.release import network_of

Configured = Callable[..., EmbedderConfig]

EVERYTHING = {
    "supervised": 0.5,
    "labelled_share": 0.5,
    "distil": 1.0,
    "logits": 0.5,
    "ranking": 1.0,
    "rankings": "rankings.csv",
    "ranking_photos": 6,
    "attribute": 0.3,
    "attributes": "attributes.csv",
    "attribute_photos": 4,
    "validation_triplets": "triplets.csv",
    "validation_images": "dogs",
}
RECIPES = {
    "SimCLR": {},
    "another backbone, all of its own": {
        "architecture": "test_efficientnet",
        "normalisation": "own",
        "pretrained": "",
    },
    "frozen with a head that starts as a projection": {
        "tuning": "frozen",
        "head_start": "principal",
        "contrast": 0.0,
        **EVERYTHING,
    },
    "the last blocks, everything, in chunks": {
        "tuning": "partial",
        "tuned_blocks": 2,
        "backbone_rate": 1e-4,
        "layer_decay": 0.5,
        "accumulate": 2,
        "batch": 4,
        "average": 0.9,
        "interpolations": (0.5, 1.0),
        "watch": "triplets",
        **EVERYTHING,
    },
}


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_a_run_ends_with_weights_that_load(
    root: Path, finder: SubjectFinder, small: Configured, changes: dict[str, object]
) -> None:
    out = root / "run"
    config = small(**changes)
    figures = train_embedder(config, root, out, finder, margin=0.1)
    assert 0 <= figures["dogs/r1"] <= 1
    network = network_of(out / "embedder.safetensors")
    layout, likeness = KeypointLayout((), (), {}), Likeness(0, 1, ((0, 0), (1, 100)))
    spec = ModelSpec("s", "S", network, network, network, layout, likeness)
    vectors = Embedder.load(spec, device="torch-cpu", directory=out).embed(
        [np.full((40, 30, 3), level, np.uint8) for level in (0, 200)]
    )
    assert vectors.shape == (2, 128)
    assert not any("classifier" in n or "attributes" in n for n in load_file(out / network.file))
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    assert (out / "curves.png").is_file()
    again = train_embedder(config, root, out, finder, margin=0.1)
    assert again["dogs/r1"] == figures["dogs/r1"]


PROCESSES = """
import sys
from pathlib import Path
from ml.subject import Subject, SubjectFinder
from ml.training.data import Source
from ml.training.embedder import train
from ml.training.embedder.config import EmbedderConfig
from ml.training.embedder.objectives import losses_of
from ml.training.embedder.train import train_embedder

class WholePhoto(SubjectFinder):
    def __init__(self):
        self.identity = "whole photo"

    def find(self, images):
        return [Subject((0, 0, i.shape[1], i.shape[0]), 1.0) for i in images]

root, out = Path(sys.argv[1]), Path(sys.argv[2])
config = EmbedderConfig(
    (Source("dogs", kind="dog", held_out=0.4, labelled=True),), "test_vit", size=32, batch=5,
    pretrained="start.safetensors", logits=0.5, distil=0.5, teacher_sizes=(32,), ranking=1.0,
    rankings="rankings.csv", ranking_photos=5, attribute=1.0, attributes="attributes.csv",
    attribute_photos=4, epochs=1, workers=0, threads=1, precision="off", average=0.5,
)
train_embedder(config, root, out, WholePhoto(), 0.1)
"""


def test_two_processes_train_as_one(root: Path, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(PROCESSES)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, start in (("one", []), ("two", launcher)):
        command = [sys.executable, *start, str(script), str(root), str(tmp_path / name)]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=150)
    one, two = (json.loads((tmp_path / name / "log.jsonl").read_text()) for name in ("one", "two"))
    assert {name for name in one if name.startswith("loss/")} == {
        f"loss/{name}" for name in ("contrast", "distil", "logits", "ranking", "attribute")
    }
    for name in one:
        if name.startswith("loss"):
            assert two[name] == pytest.approx(one[name], rel=1e-3, abs=1e-4), name
    weights = [load_file(tmp_path / name / "embedder.safetensors") for name in ("one", "two")]
    for name, value in weights[0].items():
        assert torch.allclose(value.float(), weights[1][name].float(), atol=5e-3), name


def test_the_start_is_measured_first_and_interpolations_are_told(
    root: Path, finder: SubjectFinder, small: Configured
) -> None:
    out = root / "run"
    shares = (0.0, 0.5, 1.0)
    config = small(interpolations=shares, head_start="principal", epochs=1, rate=0.05)
    best = train_embedder(config, root, out, finder, margin=0.1)
    start = json.loads((out / "start.json").read_text())
    told = json.loads((out / "interpolations.json").read_text())
    assert [row["interpolation"] for row in told] == list(shares)
    assert told[0]["score"] == pytest.approx(start["score"], abs=1e-4)
    assert best["score"] == max(row["score"] for row in told)


class Killed(Exception):
    pass


@pytest.mark.parametrize("after", [1, 4])
def test_a_run_killed_on_the_way_ends_with_the_same_weights(
    root: Path,
    finder: SubjectFinder,
    small: Configured,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    """All streams, a running mean and chunks; two steps an epoch, a checkpoint at each."""
    config = small(
        **{**EVERYTHING, "batch": 2, "accumulate": 2, "average": 0.8, "epochs": 3},
        checkpoint_minutes=0.0,
    )
    figures = train_embedder(config, root, root / "whole", finder, 0.1, root / "cache")
    steps = 0

    def killing(*given: object) -> dict[str, torch.Tensor]:
        nonlocal steps
        steps += 1
        if steps > after:
            raise Killed
        return losses_of(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(train, "losses_of", killing)
        with pytest.raises(Killed):
            train_embedder(config, root, root / "killed", finder, 0.1, root / "cache")
    again = train_embedder(config, root, root / "killed", finder, 0.1, root / "cache")
    assert {**again, "seconds": 0} == {**figures, "seconds": 0}
    whole, killed = (load_file(root / n / "embedder.safetensors") for n in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


def test_another_run_in_the_same_folder_is_refused(
    root: Path, finder: SubjectFinder, small: Configured
) -> None:
    out = root / "run"
    train_embedder(small(epochs=1), root, out, finder, margin=0.1)
    with pytest.raises(ModelMismatch, match="another configuration"):
        train_embedder(small(epochs=1, rate=1e-3), root, out, finder, margin=0.1)
    with pytest.raises(ModelMismatch, match="another architecture or dimension"):
        train_embedder(small(epochs=1, dimension=64), root, out, finder, margin=0.1)
    train_embedder(small(epochs=1, workers=1, checkpoint_minutes=3), root, out, finder, margin=0.1)


@pytest.mark.parametrize("bits", ["fp16", "off"])
def test_other_precisions(root: Path, finder: SubjectFinder, small: Configured, bits: str) -> None:
    figures = train_embedder(small(epochs=1, precision=bits), root, root / "run", finder, 0.1)
    assert np.isfinite(figures["loss"])


def test_targets_are_imitated(root: Path, finder: SubjectFinder, small: Configured) -> None:
    """Vectors by shade: after training the held-out dogs are found by shade."""
    files = [path.relative_to(root).as_posix() for path in sorted((root / "dogs").rglob("*.png"))]
    vectors = np.eye(8, dtype=np.float32)[[int(name[11]) for name in files]]
    np.savez(root / "targets.npz", files=files, vectors=vectors)
    settings = {
        "targets": "targets.npz",
        "imitate": 1.0,
        "contrast": 0.0,
        "dimension": 8,
        "policy": "none",
    }
    config = small(**settings, head="linear", head_start="targets", tuning="frozen")
    figures = train_embedder(config, root, root / "run", finder, margin=0.1)
    assert figures["dogs/r1"] > 0.9
    assert figures["loss"] < 0.1
    with pytest.raises(DataError, match="Set 'dimension' to theirs"):
        train_embedder(small(**{**settings, "dimension": 16}), root, root / "b", finder, margin=0.1)
    np.savez(root / "targets.npz", files=["elsewhere.png"], vectors=vectors[:1])
    with pytest.raises(DataError, match="names none of the photos"):
        train_embedder(small(**settings), root, root / "c", finder, margin=0.1)
    (root / "targets.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match="is no npz"):
        train_embedder(small(**settings), root, root / "d", finder, margin=0.1)


def test_an_unknown_metric_is_refused_before_training(
    root: Path, finder: SubjectFinder, small: Configured
) -> None:
    with pytest.raises(DataError, match=r"no metric 'triplets' to watch.*dogs/r1"):
        train_embedder(small(watch="triplets"), root, root / "run", finder, margin=0.1)


@pytest.fixture
def command(
    root: Path, finder: SubjectFinder, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., int]:
    """`python -m ml train embedder` on `root` with lines of TOML; gives the exit code."""
    monkeypatch.setattr(SubjectFinder, "load", lambda *given, **options: finder)
    small = {"architecture": '"test_vit"', "size": "32", "batch": "8", "epochs": "1"}
    source = '[[source]]\nimages = "dogs"\nkind = "dog"\nheld_out = 0.4\nlabelled = true\n'

    def run(lines: dict[str, str], *more: str) -> int:
        told = {**small, "workers": "0", "threads": "1", **lines}
        path = root / "run.toml"
        path.write_text("".join(f"{name} = {value}\n" for name, value in told.items()) + source)
        given = ["--config", str(path), "--data", str(root), "--out", str(root / "run"), *more]
        return main(["train", "embedder", *given])

    return run


def test_the_command_trains_and_its_last_line_is_json(
    command: Callable[..., int], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command({"pretrained": '"start.safetensors"'}, "--cache", str(root / "kept")) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"score", "dogs/r1", "loss"} <= set(last)
    assert (root / "kept" / "crops").is_dir()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ({"rate": "inf"}, "no longer a number"),
        ({"architecture": '"test_vitt"'}, "Nearest: test_vit"),
        ({"pool": '"sum"'}, "'pool' must be one of"),
        ({"pretrained": '"other.safetensors"'}, "belong to another architecture"),
        ({"start": '"other.safetensors"'}, "belong to another architecture, dimension or size"),
        ({"device": '"toaster"'}, "'toaster' is not there"),
        ({"watch": '"beauty"'}, "no metric 'beauty'"),
        ({"ranking": "1.0", "rankings": '"none.csv"'}, "cannot be read"),
    ],
)
def test_mistakes_end_in_one_sentence_and_exit_code_1(
    command: Callable[..., int],
    root: Path,
    capsys: pytest.CaptureFixture[str],
    lines: dict[str, str],
    told: str,
) -> None:
    save_file({"a": torch.zeros(1)}, root / "other.safetensors")
    assert command(lines) == 1
    errors = [e for e in capsys.readouterr().err.splitlines() if e.startswith("error: ")]
    assert len(errors) == 1
    assert told in errors[0]
    assert not (root / "run" / "embedder.safetensors").exists()
