"""Model versions: which are known, which answers, which is being built beside it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Protocol

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from ml.errors import PawkinError
from portal.accounts import audit
from portal.accounts.models import User
from portal.dogs.models import Photo
from portal.dogs.services import retry_photo
from portal.jobs.models import Job
from portal.jobs.services import cancel_all, enqueue
from portal.matching.models import Embedding, ModelVersion, Rejection
from portal.matching.queries import active_version, missing_photos
from portal.matching.services.features import state_of
from portal.shelters.models import Shelter

log = logging.getLogger(__name__)


class VersionConflict(PawkinError):
    """Codes: reindex_running, photos_missing, unknown_model, no_active_version,
    nothing_paused."""


class Spec(Protocol):
    """What the portal wants to know of a model's description (`ml.spec.ModelSpec`)."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    def to_json(self) -> str: ...


def register_specs(*, specs: Iterable[Spec], default: str) -> list[ModelVersion]:
    """A row for each set of models a worker has; the default goes live when none is.

    Where an update has replaced the live version's models, the default is built beside it at once;
    until then the live version answers with the weights that workers kept. Workers call this when
    they start, several at a time.
    """
    versions = [
        ModelVersion.objects.get_or_create(
            fingerprint=spec.fingerprint,
            build=1,
            defaults={
                "name": spec.name,
                "title": spec.title,
                "spec": json.loads(spec.to_json()),
            },
        )[0]
        for spec in specs
    ]
    chosen = next((version for version in versions if version.name == default), None)
    live = active_version()
    if chosen and live is None:
        try:
            with transaction.atomic():
                _make_active(chosen)
        except IntegrityError:
            log.info("Another worker has made a version live")
    elif chosen and live and live.fingerprint not in {v.fingerprint for v in versions}:
        log.warning("The models of the live version %s were replaced; %s is built", live, chosen)
        try:
            request_reindex(version_name=chosen.name, by=None, rebuild=False)
        except VersionConflict as conflict:
            log.info("%s", conflict)
    return versions


@transaction.atomic
def request_reindex(
    *, version_name: str | None, by: User | None, rebuild: bool = False
) -> ModelVersion:
    """Has all photos described by a version, beside the live one, which answers meanwhile.

    Without a name and without `rebuild`, only photos that the live version lacks are described.
    With `rebuild` the live models run over all photos anew. When the last photo is done, the new
    version goes live. What an earlier, cancelled reindex stored is used. Raises VersionConflict.
    """
    if any(row.state == ModelVersion.State.BUILDING for row in _locked()):
        raise VersionConflict("reindex_running", "Wait for its end, or cancel it first.")
    live = active_version()
    if version_name is None and live is None:
        raise VersionConflict("no_active_version", "Start a worker: it brings the first version.")
    version = _newest(version_name) if version_name is not None else live
    if version is None:
        raise VersionConflict("unknown_model", "Choose one of the versions.", version_name or "")
    try:
        with transaction.atomic():
            if rebuild:
                version = _next_build(version)
            if version.state != ModelVersion.State.ACTIVE:
                version.state = ModelVersion.State.BUILDING
                version.save(update_fields=["state"])
    except IntegrityError as error:
        # A row that another request made meanwhile is not among those that were locked.
        raise VersionConflict("reindex_running", "Wait for its end, or cancel it first.") from error
    enqueue(kind=Job.Kind.REINDEX, subject=version.pk, queue=Job.Queue.BATCH)
    audit.note(action=audit.Action.REINDEX_BEGUN, by=by, about=version)
    return version


@transaction.atomic
def cancel_reindex(*, version: ModelVersion, by: User | None = None) -> None:
    """Stops at the next photo batch; what was stored stays for another time."""
    cancel_all(kind=Job.Kind.REINDEX, subjects=[version.pk])
    _leave_building(version)
    audit.note(action=audit.Action.REINDEX_CANCELLED, by=by, about=version)


@transaction.atomic
def pause_reindex(*, version: ModelVersion) -> None:
    """Stops at the next photo batch and stays what is being built: `resume_reindex` goes on, and
    nobody begins another meanwhile. Without effect unless the version is being built."""
    if ModelVersion.objects.filter(pk=version.pk, state=ModelVersion.State.BUILDING).exists():
        cancel_all(kind=Job.Kind.REINDEX, subjects=[version.pk])


@transaction.atomic
def resume_reindex(*, version: ModelVersion) -> None:
    """Goes on with a paused reindex. Raises VersionConflict (nothing_paused)."""
    if not any(v.pk == version.pk and v.state == ModelVersion.State.BUILDING for v in _locked()):
        raise VersionConflict("nothing_paused", "Begin a new reindex.", str(version))
    enqueue(kind=Job.Kind.REINDEX, subject=version.pk, queue=Job.Queue.BATCH)


@transaction.atomic
def activate_version(*, version: ModelVersion, by: User | None = None) -> None:
    """Lets this version answer from the next search on, forward or back; `by` nobody: a worker,
    when it has built it.

    Raises VersionConflict while photos are missing for it, which is checked in the same
    transaction: nobody can list a photo between the check and the switch.
    """
    _locked()
    version.refresh_from_db()
    if version.state == ModelVersion.State.ACTIVE:
        return
    missing = missing_photos(version).count()
    if missing:
        raise VersionConflict(
            "photos_missing", "Reindex with this version first.", f"{missing} photos"
        )
    cancel_all(kind=Job.Kind.REINDEX, subjects=[version.pk])
    _make_active(version)
    audit.note(action=audit.Action.VERSION_ACTIVATED, by=by, about=version)


def retry_shelter(*, shelter: Shelter) -> int:
    """Has those of a shelter's photos prepared that failed, in which no dog was found, or which the
    live version lacks; the number of them. What is described already would be described the same.
    """
    photos = Photo.objects.filter(dog__shelter=shelter)
    again = photos.filter(state__in=[Photo.State.FAILED, Photo.State.NO_DOG])
    again = again.exclude(image="", upload="")
    version = active_version()
    if version:
        again = again | photos.filter(pk__in=missing_photos(version).values("pk"))
    found = list(again.order_by("pk"))
    for photo in found:
        retry_photo(photo=photo, queue=Job.Queue.BATCH)
    return len(found)


def _make_active(version: ModelVersion) -> None:
    live = ModelVersion.objects.active().exclude(pk=version.pk)
    live.update(state=ModelVersion.State.RETIRED)
    version.state, version.activated_at = ModelVersion.State.ACTIVE, timezone.now()
    version.save(update_fields=["state", "activated_at"])
    _show_states(version)


def _show_states(version: ModelVersion) -> None:
    """Makes every photo's state say what this version thinks of it."""
    embeddings = Embedding.objects.filter(photo=OuterRef("pk"), version=version)
    changed = Photo.objects.exclude(state=Photo.State.SEARCHABLE)
    changed.filter(Exists(embeddings)).update(state=Photo.State.SEARCHABLE, error_code="")
    rejections = Rejection.objects.filter(version=version)
    for code in set(rejections.values_list("code", flat=True)):
        rejected = rejections.filter(photo=OuterRef("pk"), code=code)
        Photo.objects.filter(Exists(rejected)).update(state=state_of(code), error_code=code)


def _locked() -> list[ModelVersion]:
    """All versions, nobody else's to change until the transaction ends; storing features waits."""
    return list(ModelVersion.objects.select_for_update().order_by("pk"))


def _newest(name: str) -> ModelVersion | None:
    """The newest models of that name, in their live build if they have one, else their last."""
    newest = ModelVersion.objects.filter(name=name).order_by("-created_at", "-pk").first()
    live = active_version()
    return live if newest and live and live.fingerprint == newest.fingerprint else newest


def _next_build(version: ModelVersion) -> ModelVersion:
    """The same models once more: an unfinished later build, or a new one."""
    builds = ModelVersion.objects.filter(fingerprint=version.fingerprint).order_by("-build")
    latest = builds[0]
    if latest.state == ModelVersion.State.AVAILABLE:
        return latest
    return ModelVersion.objects.create(
        name=latest.name,
        title=latest.title,
        fingerprint=latest.fingerprint,
        build=latest.build + 1,
        spec=latest.spec,
    )


def _leave_building(version: ModelVersion) -> None:
    state = ModelVersion.State.RETIRED if version.activated_at else ModelVersion.State.AVAILABLE
    building = ModelVersion.objects.filter(pk=version.pk, state=ModelVersion.State.BUILDING)
    if building.update(state=state):
        version.state = state
