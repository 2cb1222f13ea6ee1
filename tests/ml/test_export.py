"""Exported embedders give what torch gives; the command's table, and what it refuses."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from PIL import Image

from ml.__main__ import main
from ml.commands import export as command
from ml.export import (
    Files,
    build,
    export_embedder,
    megabytes,
    open_onnx,
    open_openvino,
)
from ml.networks.backbone import save_weights
from ml.networks.embedder import EmbedderNetwork
from ml.spec import ModelSpec, file_sha256, load_spec

SIZE = (32, 32)


def scenes(count: int) -> np.ndarray:
    """Pictures of blocks of colour, which differ more than noise does."""
    blocks = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), np.uint8)
    return blocks.repeat(8, 1).repeat(8, 2)


def network(architecture: str) -> EmbedderNetwork:
    """Random weights; batch norms know their inputs, so that differences reach the vector."""
    torch.manual_seed(5)
    module = EmbedderNetwork(architecture, SIZE, 16)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    with torch.no_grad():
        module.train()(torch.from_numpy(scenes(32)))
    return module.eval()


@pytest.fixture(scope="module", params=["test_vit", "test_efficientnet"])
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[EmbedderNetwork, Files]:
    module = network(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    return module, export_embedder(module, scenes(24), folder, {"fingerprint": "a1"})


def of_torch(module: EmbedderNetwork, pixels: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [output.numpy() for output in module(torch.from_numpy(pixels))]


@pytest.mark.parametrize("count", [1, 5])
def test_float_files_are_the_network(exported: tuple[EmbedderNetwork, Files], count: int) -> None:
    module, files = exported
    wanted = of_torch(module, scenes(count))
    for run, tolerance in (
        (open_onnx(files.onnx, 1), 1e-4),
        (open_openvino(files.onnx, 1, "f32"), 2e-3),
        (open_openvino(files.openvino, 1, "f32"), 1e-2),
    ):
        for one, other in zip(run(scenes(count)), wanted, strict=True):
            assert one.shape == other.shape
            assert one.dtype == np.float32
            assert np.abs(one - other).max() < tolerance * max(1.0, np.abs(other).max())


def test_int8_is_smaller_and_near_on_both_runtimes(
    exported: tuple[EmbedderNetwork, Files],
) -> None:
    module, files = exported
    assert megabytes(files.int8) < 0.7 * megabytes(files.onnx)
    assert megabytes(files.openvino) < 0.7 * megabytes(files.onnx)
    wanted = of_torch(module, scenes(24))[0]
    for run in (open_onnx(files.int8, 1), open_openvino(files.int8, 1, "f32")):
        vectors = run(scenes(24))[0]
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
        assert (vectors * wanted).sum(1).min() > 0.9
        # Random networks see much the same in all: that 0.9 alone would pass for mixed-up photos.
        assert np.array_equal(np.argmax(vectors @ wanted.T, axis=1), np.arange(24))


def test_what_stays_in_float(exported: tuple[EmbedderNetwork, Files]) -> None:
    """Weights of a quantised layer come through DequantizeLinear."""
    graph = onnx.load(exported[1].int8).graph
    made = {node.output[0]: node.op_type for node in graph.node}
    layers = [n for n in graph.node if n.op_type in ("Conv", "Gemm")]
    whole = [n.name for n in layers if made.get(n.input[1]) != "DequantizeLinear"]
    convolutions = [layer.name for layer in layers if layer.op_type == "Conv"]
    assert whole == [*convolutions[:4], layers[-1].name]


def test_files_tell_their_version(exported: tuple[EmbedderNetwork, Files]) -> None:
    files = exported[1]
    for path in (files.onnx, files.int8):
        assert {p.key: p.value for p in onnx.load(path).metadata_props}["fingerprint"] == "a1"
    model = openvino.Core().read_model(files.openvino)
    assert model.get_rt_info("fingerprint").value == "a1"
    assert [output.any_name for output in model.outputs] == ["vector", "features"]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four red and four blue photos, one broken; a tiny model; every photo is all dog."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        for name, colour in (("red", (200, number, 0)), ("blue", (0, number, 200))):
            Image.new("RGB", (64, 64), colour).save(folder / f"{name}{number}.png")
    (folder / "broken.png").write_bytes(b"no image")
    starter = load_spec("starter")
    options = {"dimension": 16, "pool": "cls", "head": "mlp"}
    weights = tmp_path / "embedder.safetensors"
    save_weights(network("test_vit"), weights, architecture="test_vit", size=SIZE, options=options)
    tiny = dataclasses.replace(
        starter,
        embedder=dataclasses.replace(
            starter.embedder,
            file=weights.name,
            sha256=file_sha256(weights),
            architecture="test_vit",
            size=SIZE,
            options=options,
        ),
    )

    def whole(spec: ModelSpec, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(images)

    monkeypatch.setattr(command, "crop_dogs", whole)
    monkeypatch.setattr(command, "load_spec", lambda name: tiny)
    monkeypatch.setattr(command, "build", lambda spec: build(spec, tmp_path))
    return folder


def export(photos: Path, *more: str) -> int:
    out = photos.parent / "out"
    return main(["export", "embedder", "--out", str(out), "--calibrate", str(photos), *more])


def test_the_table(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labelled photos are compared, the others calibrated on, an unreadable one is named."""
    labels = photos.parent / "labels.csv"
    rows = [f"{name}{number}.png,{name}" for name in ("red", "blue") for number in range(3)]
    labels.write_text("\n".join(["file,label", *rows]))
    assert export(photos, "--labels", str(labels)) == 0
    printed = capsys.readouterr()
    assert "skipped broken.png" in printed.err
    lines = printed.out.splitlines()
    told = json.loads(lines[-1])
    assert (told["model"], told["calibrated"], told["compared"]) == ("starter", 2, 6)
    assert len(told["fingerprint"]) == 64
    names = ["embedder.onnx", "embedder.onnx", "embedder.xml"] + ["embedder-int8.onnx"] * 2
    assert [row["file"] for row in told["variants"]] == names
    for row, line in zip(told["variants"], lines[2:7], strict=True):
        path = photos.parent / "out" / row["file"]
        assert row["mb"] == pytest.approx(megabytes(path), abs=1e-4)
        assert row["cosine"] > 0.9
        assert row["ms_1"] > 0
        assert row["r1"] == row["r5"] == 1.0
        assert row["r5_lost"] == 0
        assert line.startswith(f"| {row['file']} | {row['runtime']} |")


def test_without_labels_there_is_no_retrieval(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(photos) == 0
    lines = capsys.readouterr().out.splitlines()
    told = json.loads(lines[-1])
    assert told["calibrated"] == told["compared"] == 8
    assert "r1" not in told["variants"][0]
    assert "r5" not in lines[0]


def test_calibration_photos_are_spread_over_the_folder(photos: Path) -> None:
    few = photos / "few"
    few.mkdir()
    for number in range(250):
        Image.new("L", (16, 16), number).save(few / f"{number:03}.png")
    shades = [int(image[0, 0, 0]) for image in command.calibration_photos(few)]
    assert len(shades) == 200
    assert shades == sorted(set(shades))
    assert shades[0] == 0
    assert shades[-1] >= 248


def test_nothing_to_calibrate_on_is_refused(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = photos.parent / "empty"
    empty.mkdir()
    assert export(empty) == 1
    assert "no readable photos" in capsys.readouterr().err
    (empty / "broken.png").write_bytes(b"no image")
    assert export(empty) == 1
    err = capsys.readouterr().err
    assert "skipped broken.png" in err
    assert "--calibrate" in err
    assert export(photos.parent / "nowhere") == 1
    assert "error: There is no folder" in capsys.readouterr().err
    assert not (photos.parent / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos.parent / "out").write_text("a file")
    assert export(photos) == 1
    assert "out cannot be written" in capsys.readouterr().err


def test_an_unknown_model_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["export", "embedder", "--model", "startr", "--out", "x", "--calibrate", "y"]
    assert main(asked) == 1
    assert "no model named 'startr'. Nearest: starter" in capsys.readouterr().err
