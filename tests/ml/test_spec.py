import dataclasses
import json
from pathlib import Path

import pytest

from ml.errors import ModelMismatch, ModelMissing
from ml.spec import (
    KeypointLayout,
    Likeness,
    ModelSpec,
    NetworkSpec,
    available,
    file_sha256,
    load_spec,
    weights_file,
)


def network(**changes: object) -> NetworkSpec:
    whole = NetworkSpec(
        file="a.safetensors",
        sha256="0" * 64,
        architecture="vit",
        size=(224, 192),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.2, 0.2),
        options={"pool": "cls", "steps": [1, 2]},
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def spec(**changes: object) -> ModelSpec:
    whole = ModelSpec(
        name="small",
        title="Small",
        subject=network(),
        embedder=network(),
        pose=network(),
        keypoints=KeypointLayout(("nose", "neck"), (("nose", "neck"),), {"nose": "face"}),
        likeness=Likeness(0.3, 0.7, ((0.0, 0.0), (0.5, 60.0), (1.0, 100.0))),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def test_json_round_trip() -> None:
    assert ModelSpec.from_json(spec().to_json()) == spec()
    assert ModelSpec.from_json(spec().to_json()).fingerprint == spec().fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"subject": network(sha256="1" * 64)},
        {"embedder": network(size=(224, 224))},
        {"pose": network(options={})},
        {"likeness": Likeness(0.3, 0.7, ((0.0, 0.0), (1.0, 99.0)))},
    ],
)
def test_fingerprint_covers_everything(changes: dict[str, object]) -> None:
    assert spec(**changes).fingerprint != spec().fingerprint


@pytest.mark.parametrize("role", ["breeds", "gate"])
def test_later_networks_change_no_fingerprint_where_there_are_none(role: str) -> None:
    """Stored rows carry fingerprints made before there were any."""
    assert role not in json.loads(spec().to_json())
    assert spec().fingerprint == (
        "22a48e870df864041c74c8bd154c1226b2c3f2720d9b5a044ec2267bd6e07ec0"
    )
    known = spec(**{role: network(options={"temperature": 0.5})})
    assert ModelSpec.from_json(known.to_json()) == known
    assert known.fingerprint != spec().fingerprint


def test_score_is_piecewise_linear_and_clamped() -> None:
    likeness = spec().likeness
    got = [likeness.score(x) for x in (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0001)]
    assert got == pytest.approx([0, 0, 30, 60, 80, 100, 100])


def test_bands_include_their_lower_bound() -> None:
    likeness = spec().likeness
    assert [likeness.band(x) for x in (0.29, 0.3, 0.69, 0.7)] == ["none", "weak", "weak", "strong"]


@pytest.mark.parametrize("key", ["name", "subject", "pose", "keypoints", "likeness"])
def test_missing_field(key: str) -> None:
    data = json.loads(spec().to_json())
    del data[key]
    with pytest.raises(ModelMismatch):
        ModelSpec.from_json(json.dumps(data))


def test_falling_scale_and_broken_json() -> None:
    data = json.loads(spec().to_json())
    data["likeness"]["scale"] = [[0.5, 10], [0.2, 90]]
    with pytest.raises(ModelMismatch):
        ModelSpec.from_json(json.dumps(data))
    with pytest.raises(ModelMismatch):
        ModelSpec.from_json("{")


def test_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(spec().to_json())
    (tmp_path / "large.json").write_text(spec(name="large").to_json())
    assert [s.name for s in available(tmp_path)] == ["large", "small"]
    assert load_spec("small", tmp_path) == spec()
    with pytest.raises(ModelMissing, match="Nearest: small"):
        load_spec("smal", tmp_path)


def test_weights_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        weights_file(network(), tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"abc")
    with pytest.raises(ModelMismatch):
        weights_file(network(), tmp_path)
    right = network(sha256=file_sha256(tmp_path / "a.safetensors"))
    assert weights_file(right, tmp_path) == tmp_path / "a.safetensors"
