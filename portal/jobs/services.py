"""Job state: every change of it is made here, guarded, and messages leave from nowhere else.

A start is a compare-and-set on the row and gives the caller a lease: a worker whose job was taken
for lost and given to another can no longer beat, finish or fail it.
"""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import ChannelError

from portal.absence import Absence
from portal.celery import app
from portal.jobs.models import Job, JobQuerySet, WorkerHeartbeat
from portal.tracing import request_id

MAX_ATTEMPTS = 3

# A running job without a beat for so long has lost its worker.
LOST_AFTER = {
    Job.Queue.INTERACTIVE.value: timedelta(seconds=30),
    Job.Queue.BATCH.value: timedelta(seconds=120),
}
# A queued job's message counts as lost after this: soon where the queue's worker has nothing to do
# or the broker has no message for it, later where it works through a backlog, so that a long queue
# is not sent again and again.
RESEND_WHEN_IDLE = timedelta(seconds=10)
RESEND_WHEN_BUSY = timedelta(seconds=60)
RESEND_AT_MOST = 200
# Messages that a queue's worker has taken and not begun.
HELD_BY_WORKERS = 1

# What comes first has the low number: nobody who waits for an answer waits behind a bulk upload.
PRIORITY = {Job.Kind.INDEX_PHOTO.value: 6, Job.Kind.MAKE_VARIANTS.value: 9}

broker_absence = Absence(seconds=5)

log = logging.getLogger(__name__)


@dataclass
class SweepResult:
    resent: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)


@transaction.atomic
def enqueue(*, kind: str, subject: object, queue: str) -> Job:
    """The open job of this kind about this subject, made and sent if there is none.

    `subject` is a primary key. The message leaves on commit; a broker that is away is no error,
    since the sweeper sends again.
    """
    defaults = {"queue": queue, "sent_at": timezone.now(), "request": request_id.get()}
    job, created = Job.objects.open().get_or_create(
        kind=kind, subject=str(subject), defaults=defaults
    )
    if created:
        _send_on_commit(job)
    return job


def start(*, job_id: uuid.UUID | str, worker: str = "", step: str | None = None) -> Job | None:
    """The job, now running and this caller's; None when it is not waiting (or not there)."""
    job = Job.objects.filter(pk=job_id).first()
    return job if job is not None and _start(job, worker, step) else None


def start_waiting(
    *, kinds: Collection[str], queue: str, worker: str, step: str | None = None, most: int
) -> list[Job]:
    """The oldest jobs of these kinds that wait, at most so many, now running and this caller's.
    Their messages come later and find nothing to do.

    One that was begun before comes alone: it may be what ended its worker.
    """
    waiting = Job.objects.filter(queue=queue, kind__in=kinds, state=Job.State.QUEUED)
    oldest = list(waiting.order_by("created_at")[:most])
    alone = bool(oldest) and oldest[0].attempts > 0
    together = oldest[:1] if alone else [job for job in oldest if not job.attempts]
    return [job for job in together if _start(job, worker, step)]


def beat(
    *, job: Job, step: str | None = None, done: int | None = None, total: int | None = None
) -> bool:
    """Says that the job is alive and how far it is; False when it is no longer the caller's."""
    progress = {"step": step, "done": done, "total": total}
    changes = {name: value for name, value in progress.items() if value is not None}
    return _change(job, heartbeat_at=timezone.now(), **changes)


def finish(*, job: Job) -> bool:
    """Done; False when the job is no longer the caller's."""
    return _change(
        job, state=Job.State.DONE, finished_at=timezone.now(), error_code="", error_detail=""
    )


def fail(*, job: Job, code: str, detail: str = "") -> bool:
    """Failed with a code from `portal.jobs.messages`; `detail` is for staff only."""
    return _change(
        job,
        state=Job.State.FAILED,
        finished_at=timezone.now(),
        error_code=code,
        error_detail=detail[:4000],
    )


@transaction.atomic
def put_back(*, job: Job, got_on: bool) -> bool:
    """Puts a running job back into its queue, behind whatever waits there.

    One that got on has all its attempts again. False when the job is no longer the caller's.
    """
    attempts = 0 if got_on else job.attempts
    waits = _change(
        job, state=Job.State.QUEUED, attempts=attempts, sent_at=timezone.now(), heartbeat_at=None
    )
    if waits:
        _send_on_commit(job)
    return waits


def postpone(*, job: Job) -> bool:
    """Puts a running job back because something that it needs is away; the attempt does not count.
    No message leaves: the sweeper sends it again within ten seconds to a minute, so that nothing
    turns in circles meanwhile. False when the job is no longer the caller's."""
    return _change(
        job,
        state=Job.State.QUEUED,
        attempts=max(job.attempts - 1, 0),
        # What it said of itself: a reindex would take a photo named there for a killer.
        step="",
        sent_at=timezone.now(),
        heartbeat_at=None,
    )


@transaction.atomic
def retry(*, job: Job) -> Job:
    """Opens a failed job again with all its attempts; where another is open, that one."""
    now = timezone.now()
    try:
        with transaction.atomic():
            opened = Job.objects.filter(pk=job.pk, state=Job.State.FAILED).update(
                state=Job.State.QUEUED,
                attempts=0,
                step="",
                error_code="",
                error_detail="",
                sent_at=now,
                started_at=None,
                heartbeat_at=None,
                finished_at=None,
            )
    except IntegrityError:
        return Job.objects.for_subject(job.kind, job.subject).open().get()
    job.refresh_from_db()
    if opened:
        _send_on_commit(job)
    return job


def cancel(*, job: Job) -> bool:
    """Closes an open job; its worker notices at its next beat. False when it was closed already."""
    return bool(_close(Job.objects.filter(pk=job.pk)))


def cancel_all(*, kind: str, subjects: Iterable[object]) -> int:
    """Closes the open jobs about things that are going away."""
    return _close(Job.objects.filter(kind=kind, subject__in=[str(s) for s in subjects]))


def forget(*, kinds: Iterable[str], older_than: timedelta) -> int:
    """Deletes jobs of these kinds that ended well so long ago."""
    ended = Job.objects.filter(
        kind__in=list(kinds),
        state__in=[Job.State.DONE, Job.State.CANCELLED],
        finished_at__lt=timezone.now() - older_than,
    )
    return ended.delete()[0]


def emptied_queues() -> set[str]:
    """Queues whose jobs wait while the broker, restarted or emptied, has no message for them.

    Asks the broker, so it is never called within a transaction.
    """
    return {queue for queue in Job.Queue.values if _is_emptied(queue)}


@transaction.atomic
def sweep(*, emptied: Collection[str] = ()) -> SweepResult:
    """Sends open jobs again that nobody works on, and fails those that lost three workers.

    `emptied` names queues whose messages are lost for sure. Any number of sweepers may run at once.
    One transaction: a caller that must follow up failures wraps its own around this.
    """
    now = timezone.now()
    lost = Q()
    for queue, patience in LOST_AFTER.items():
        lost |= Q(queue=queue) & _beyond("heartbeat_at", now, patience)
    result = _recover(Job.objects.filter(lost, state=Job.State.RUNNING))
    for queue in Job.Queue.values:
        busy = _is_busy(queue) and queue not in emptied
        patience = RESEND_WHEN_BUSY if busy else RESEND_WHEN_IDLE
        unsent = Q(sent_at__isnull=True) | _beyond("sent_at", now, patience)
        waiting = Job.objects.filter(unsent, queue=queue, state=Job.State.QUEUED)
        for job in waiting.order_by("created_at")[:RESEND_AT_MOST]:
            if _resend(job, was=Job.State.QUEUED):
                result.resent.append(job)
    return result


@transaction.atomic
def reclaim(*, worker: str) -> SweepResult:
    """What a dead predecessor of this worker was doing: sent again or, the third time, failed.

    Only for workers that do one job at a time, when they start.
    """
    return _recover(Job.objects.filter(state=Job.State.RUNNING, worker=worker))


def messages_waiting(*, queue: str) -> int | None:
    """How many messages the broker has for a queue's workers; None when it does not say."""
    try:
        # Of its own: a worker's connection waits for a broker that hangs, and who asks must not.
        with app.connection(
            transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS
        ) as connection:
            channel = connection.default_channel
            return int(channel.queue_declare(queue, passive=True).message_count)
    except ChannelError:
        # Redis has no such list once its last message is gone, RabbitMQ no such queue before the
        # first one.
        return 0
    except Exception as error:
        log.warning("The broker does not say what it holds: %s", error)
        return None


def beat_worker(
    *,
    queue: str,
    ready: bool,
    memory: int | None = None,
    gpu_memory: int | None = None,
    recall: float | None = None,
) -> None:
    """Says that a queue's worker is alive, whether its models are loaded, what it holds in bytes,
    and how much of the exact answers its searches find."""
    WorkerHeartbeat.objects.update_or_create(
        queue=queue,
        defaults={
            "beat_at": timezone.now(),
            "ready": ready,
            "memory_bytes": memory,
            "gpu_memory_bytes": gpu_memory,
            "recall": recall,
        },
    )


def forget_workers() -> None:
    """Before workers are started: what earlier ones said of themselves is no longer true."""
    WorkerHeartbeat.objects.all().delete()


def _beyond(name: str, now: datetime, patience: timedelta) -> Q:
    """A time that is too long ago. One that is too far ahead was written before the clock was set
    back, and would else be waited for."""
    return Q(**{f"{name}__lt": now - patience}) | Q(**{f"{name}__gt": now + patience})


def _start(job: Job, worker: str, step: str | None) -> bool:
    """Takes a job that waits as it was read; the object follows. False when somebody else did."""
    now = timezone.now()
    changes: dict[str, Any] = {
        "state": Job.State.RUNNING,
        "attempts": job.attempts + 1,
        "started_at": job.started_at or now,
        "heartbeat_at": now,
        "worker": worker,
        "lease": uuid.uuid4(),
    }
    if step is not None:
        changes["step"] = step
    as_read = {"state": Job.State.QUEUED, "attempts": job.attempts, "lease": job.lease}
    if not Job.objects.filter(pk=job.pk, **as_read).update(**changes):
        return False
    for name, value in changes.items():
        setattr(job, name, value)
    return True


def _change(job: Job, **changes: Any) -> bool:
    """Changes a running job as long as it is the one this caller started; the object follows."""
    own = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, lease=job.lease)
    if not own.update(**changes):
        return False
    for name, value in changes.items():
        setattr(job, name, value)
    return True


def _close(jobs: JobQuerySet) -> int:
    return jobs.open().update(state=Job.State.CANCELLED, finished_at=timezone.now())


def _recover(jobs: JobQuerySet) -> SweepResult:
    result = SweepResult()
    for job in jobs.order_by("created_at"):
        if job.attempts >= MAX_ATTEMPTS:
            detail = f"{job.attempts} workers ended while they worked on it"
            if fail(job=job, code="worker_lost", detail=detail):
                result.failed.append(job)
        elif _resend(job, was=Job.State.RUNNING):
            result.resent.append(job)
    return result


def _is_busy(queue: str) -> bool:
    """Whether the queue's worker is at something, or is getting ready for it."""
    lately = timezone.now() - RESEND_WHEN_IDLE
    if WorkerHeartbeat.objects.filter(queue=queue, ready=False, beat_at__gte=lately).exists():
        return True
    active = Q(state=Job.State.RUNNING) | Q(finished_at__range=(lately, timezone.now()))
    return Job.objects.filter(active, queue=queue).exists()


def _is_emptied(queue: str) -> bool:
    if Job.objects.filter(queue=queue, state=Job.State.QUEUED).count() <= HELD_BY_WORKERS:
        return False
    return messages_waiting(queue=queue) == 0


def _resend(job: Job, *, was: str) -> bool:
    unchanged = Job.objects.filter(
        pk=job.pk, state=was, sent_at=job.sent_at, heartbeat_at=job.heartbeat_at
    )
    job.state, job.sent_at, job.heartbeat_at = Job.State.QUEUED, timezone.now(), None
    if not unchanged.update(state=job.state, sent_at=job.sent_at, heartbeat_at=None):
        return False
    _send_on_commit(job)
    return True


def _send_on_commit(job: Job) -> None:
    transaction.on_commit(functools.partial(_send, job), robust=True)


def _priority(kind: str) -> int:
    """As the broker counts: Redis serves low numbers first, RabbitMQ high ones."""
    place = PRIORITY.get(kind, 0)
    most = settings.CELERY_TASK_QUEUE_MAX_PRIORITY
    return place if most is None else most - place


def _send(job: Job) -> None:
    if broker_absence.holds():
        # Whoever sent before has waited in vain; the sweeper sends in a moment.
        Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(sent_at=None)
        return
    try:
        app.send_task(
            f"workers.tasks.{job.kind}",
            args=[str(job.pk)],
            queue=job.queue,
            priority=_priority(job.kind),
            retry=False,
        )
    except Exception as error:
        # Each broker raises its own family of errors; all mean that the sweeper has to send.
        broker_absence.note()
        log.warning("Job %s could not be sent and waits for the sweeper: %s", job.pk, error)
        Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(sent_at=None)
