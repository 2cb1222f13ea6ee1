"""Jobs: what is to be done, how far it is, why it failed. Rows are the truth, messages hints."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class JobQuerySet(models.QuerySet["Job"]):
    def open(self) -> JobQuerySet:
        return self.filter(state__in=Job.OPEN_STATES)

    def for_subject(self, kind: str, subject: object) -> JobQuerySet:
        """Jobs of this kind about this primary key, newest first."""
        return self.filter(kind=kind, subject=str(subject)).order_by("-created_at", "-pk")


class Job(models.Model):
    class Kind(models.TextChoices):
        INDEX_PHOTO = "index_photo", _("prepare a listed photo")
        ANSWER_QUERY = "answer_query", _("answer a search")
        RANK = "rank", _("rank dogs again")
        REINDEX = "reindex", _("reindex")
        IMPORT_FEED = "import_feed", _("import a feed")
        ALERT = "alert", _("tell of new dogs like a saved search")
        DELIVER = "deliver", _("deliver a webhook")
        PREVIEW_IMPORT = "preview_import", _("read an uploaded table")
        CROP_PHOTO = "crop_photo", _("crop a photo")
        MAKE_VARIANTS = "make_variants", _("make smaller pictures of photos")
        FIND_DUPLICATES = "find_duplicates", _("look for dogs listed twice")
        MEASURE_FACES = "measure_faces", _("measure the faces of dogs")
        WATCH_CLIP = "watch_clip", _("look at a clip")

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    class Queue(models.TextChoices):
        INTERACTIVE = "interactive", _("interactive")
        BATCH = "batch", _("batch")

    OPEN_STATES = ("queued", "running")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    subject = models.CharField(max_length=64, help_text="primary key of what the job is about")
    queue = models.CharField(max_length=12, choices=Queue)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    step = models.CharField(max_length=30, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(
        default=0, help_text="starts since the job last got on"
    )
    worker = models.CharField(max_length=120, blank=True)
    request = models.CharField(
        max_length=64, blank=True, db_default="", help_text="id of the request that asked for it"
    )
    lease = models.UUIDField(
        null=True, blank=True, editable=False, help_text="known to the worker whose job it is now"
    )
    error_code = models.CharField(max_length=40, blank=True)
    error_detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(state__in=("queued", "running")),
                name="one_open_job_per_subject",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "queue", "created_at"]),
            models.Index(fields=["kind", "subject", "-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} ({self.state})"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN_STATES

    @property
    def can_retry(self) -> bool:
        """A search is asked again with its photo, which is gone once it failed."""
        return self.state == self.State.FAILED and self.kind != self.Kind.ANSWER_QUERY

    @property
    def can_cancel(self) -> bool:
        """Only what an admin started: photos and searches would be sent again or missed."""
        return self.is_open and self.kind == self.Kind.REINDEX


class WorkerHeartbeatQuerySet(models.QuerySet["WorkerHeartbeat"]):
    def recent(self, span: timedelta) -> WorkerHeartbeatQuerySet:
        """Heard of within this time. A beat as far ahead was written before the clock was set back
        and says nothing."""
        now = timezone.now()
        return self.filter(beat_at__range=(now - span, now + span))


class WorkerHeartbeat(models.Model):
    """When the worker of a queue last said that it is alive; `ready` once its models are loaded.

    Its memory is what its process holds now; that on a GPU is null where it uses none. `recall` is
    the share of the exact answers in its approximate ones that were checked last, null where it
    answers exactly.
    """

    queue = models.CharField(max_length=12, choices=Job.Queue, unique=True)
    beat_at = models.DateTimeField()
    ready = models.BooleanField(default=False)
    memory_bytes = models.PositiveBigIntegerField(null=True)
    gpu_memory_bytes = models.PositiveBigIntegerField(null=True)
    recall = models.FloatField(null=True)

    objects = WorkerHeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.queue} {self.beat_at:%H:%M:%S}"
