"""Weights of the versions in use, kept with the data.

An update of Pawkin brings other weights. The live version answers with its own until the new ones
are built, and rolling back needs them as well, so a version's files are copied when it is loaded.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from django.conf import settings

from ml.errors import ModelMismatch, ModelMissing
from ml.spec import ModelSpec, NetworkSpec, weights_file
from portal.matching.models import ModelVersion


def directory_of(spec: ModelSpec) -> Path:
    """Where the spec's weights are: as delivered, else as kept.

    Raises ModelMissing or ModelMismatch where they are in neither.
    """
    kept = _kept(spec)
    try:
        for network in _networks(spec):
            weights_file(network, settings.MODEL_WEIGHTS_DIR)
    except (ModelMissing, ModelMismatch):
        if not kept.is_dir():
            raise
        return kept
    return settings.MODEL_WEIGHTS_DIR


def keep(spec: ModelSpec) -> None:
    """Copies the delivered files, whole or not at all, and drops those of versions out of use."""
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


def _kept(spec: ModelSpec) -> Path:
    return settings.MODEL_KEPT_DIR / spec.fingerprint


def _networks(spec: ModelSpec) -> list[NetworkSpec]:
    return [
        n for n in (spec.subject, spec.gate, spec.embedder, spec.pose, spec.breeds) if n is not None
    ]
