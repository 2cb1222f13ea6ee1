"""Weights of the versions in use, kept with the data.

An update of Pawkin brings other weights. The live version answers with its own until the new ones
are built, and rolling back needs them as well, so a version's files are copied when it is loaded:
on this machine, since they are read from a disk, and into the bucket with the photos, where there
is one, from which a machine that lacks them fetches them.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from ml.errors import ModelMismatch, ModelMissing
from ml.spec import ModelSpec, NetworkSpec, weights_file
from portal.files import WEIGHTS, FilesAway, shared_weights
from portal.matching.models import ModelVersion

log = logging.getLogger(__name__)


def directory_of(spec: ModelSpec) -> Path:
    """Where the spec's weights are: as delivered, else as kept here or in the bucket.

    Raises ModelMissing or ModelMismatch where they are nowhere.
    """
    kept = _kept(spec)
    try:
        for network in _networks(spec):
            weights_file(network, settings.MODEL_WEIGHTS_DIR)
    except (ModelMissing, ModelMismatch):
        if kept.is_dir():
            _share(spec, kept)
        elif not _fetch(spec, kept):
            raise
        return kept
    return settings.MODEL_WEIGHTS_DIR


def keep(spec: ModelSpec) -> None:
    """Copies the delivered files, whole or not at all, and drops those of versions out of use. A
    bucket that is away gets its copy when a version is loaded the next time."""
    folder = _kept(spec)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = tempfile.mkdtemp(dir=folder.parent)
        try:
            for network in _networks(spec):
                shutil.copy(weights_file(network, settings.MODEL_WEIGHTS_DIR), fresh)
            os.rename(fresh, folder)
        except (OSError, ModelMissing, ModelMismatch):
            shutil.rmtree(fresh, ignore_errors=True)
            if not folder.is_dir():  # else another worker was first
                raise
    used = ModelVersion.objects.exclude(state=ModelVersion.State.AVAILABLE)
    wanted = {spec.fingerprint, *used.values_list("fingerprint", flat=True)}
    for other in folder.parent.iterdir():
        if len(other.name) == len(spec.fingerprint) and other.name not in wanted:
            shutil.rmtree(other, ignore_errors=True)
    _share(spec, folder, wanted)


def _share(spec: ModelSpec, folder: Path, wanted: Collection[str] | None = None) -> None:
    """Puts what a folder keeps into the bucket, and drops there what is not wanted."""
    if not settings.MEDIA_S3_BUCKET:
        return
    try:
        there = set(shared_weights())
        for network in _networks(spec):
            name = _name(spec, network)
            if name not in there:
                with (folder / Path(network.file).name).open("rb") as file:
                    default_storage.save(f"{WEIGHTS}/{name}", File(file))
        for name in there:
            if wanted is not None and name.partition("/")[0] not in wanted:
                default_storage.delete(f"{WEIGHTS}/{name}")
    except FilesAway as error:
        log.warning("Weights are not in the bucket yet: %s", error)


def _fetch(spec: ModelSpec, folder: Path) -> bool:
    """Copies a version's files from the bucket, whole or not at all; False where it lacks them.

    Raises ModelMissing while nobody can say, and ModelMismatch for other files than the spec's.
    """
    if not settings.MEDIA_S3_BUCKET:
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for network in _networks(spec):
            with (
                default_storage.open(f"{WEIGHTS}/{_name(spec, network)}") as stored,
                (fresh / Path(network.file).name).open("wb") as file,
            ):
                shutil.copyfileobj(stored, file)
            weights_file(network, fresh)
        os.rename(fresh, folder)
    except FileNotFoundError:
        return folder.is_dir()
    except FilesAway as error:
        raise ModelMissing(
            "The weights are in the bucket with the photos, which does not answer. They are asked "
            "for again in a moment; MEDIA_S3_* say where it is.",
            str(error),
        ) from error
    except OSError:
        if not folder.is_dir():  # else another worker was first
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    log.info("Fetched the weights of %s from the bucket", spec.fingerprint)
    return True


def _name(spec: ModelSpec, network: NetworkSpec) -> str:
    return f"{spec.fingerprint}/{Path(network.file).name}"


def _kept(spec: ModelSpec) -> Path:
    return settings.MODEL_KEPT_DIR / spec.fingerprint


def _networks(spec: ModelSpec) -> list[NetworkSpec]:
    return [
        n for n in (spec.subject, spec.gate, spec.embedder, spec.pose, spec.breeds) if n is not None
    ]
