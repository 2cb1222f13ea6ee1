"""Weights of versions in use outlive an update that replaces them."""

import dataclasses

import pytest

from ml.errors import ModelMismatch, ModelMissing
from ml.spec import file_sha256
from portal.matching import services
from tests.histogram import spec as histogram_spec
from workers import weights

pytestmark = pytest.mark.django_db


def delivered(folders, content, name="starter"):
    """A spec whose one file holds this content, as an update of Pawkin brings it."""
    path = folders.MODEL_WEIGHTS_DIR / "net.safetensors"
    path.write_bytes(content)
    plain = histogram_spec(name)
    network = dataclasses.replace(plain.embedder, file=path.name, sha256=file_sha256(path))
    return dataclasses.replace(plain, subject=network, embedder=network, pose=network)


def test_replaced_weights_are_found_where_they_were_kept(folders):
    old = delivered(folders, b"old")
    assert weights.directory_of(old) == folders.MODEL_WEIGHTS_DIR
    weights.keep(old)
    delivered(folders, b"new")
    kept = weights.directory_of(old)
    assert kept != folders.MODEL_WEIGHTS_DIR
    assert (kept / "net.safetensors").read_bytes() == b"old"


def test_what_was_never_kept_is_said(folders):
    old = delivered(folders, b"old")
    delivered(folders, b"new")
    with pytest.raises(ModelMismatch):
        weights.directory_of(old)
    (folders.MODEL_WEIGHTS_DIR / "net.safetensors").unlink()
    with pytest.raises(ModelMissing):
        weights.directory_of(old)


def test_versions_out_of_use_are_dropped_and_those_in_use_stay(folders):
    live, tried, newest = (delivered(folders, content) for content in (b"live", b"tried", b"new"))
    services.register_specs(specs=[live], default="starter")
    for one, content in ((live, b"live"), (tried, b"tried"), (newest, b"new")):
        delivered(folders, content)
        weights.keep(one)
    assert {folder.name for folder in folders.MODEL_KEPT_DIR.iterdir()} == {
        live.fingerprint,
        newest.fingerprint,
    }


def test_keeping_twice_and_half_a_copy_do_no_harm(folders):
    one = delivered(folders, b"one")
    weights.keep(one)
    weights.keep(one)
    other = delivered(folders, b"other")
    (folders.MODEL_WEIGHTS_DIR / "net.safetensors").write_bytes(b"broken on the way")
    with pytest.raises(ModelMismatch):
        weights.keep(other)
    assert [folder.name for folder in folders.MODEL_KEPT_DIR.iterdir()] == [one.fingerprint]
