"""What a worker process does when it begins and ends.

Imported by every Celery process, so nothing heavy is imported here: only the child that does the
tasks brings in the models' libraries, after the fork.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from celery.signals import (
    beat_init,
    celeryd_after_setup,
    celeryd_init,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
)
from django.conf import settings

from portal.jobs.models import Job

# How far the batch worker steps back behind searches and pages on the same machine.
NICENESS = 19
# A connection is dead when for 25 seconds nothing answers, not even the other machine's system;
# where this system knows these options (tcp(7)).
KEEPALIVE = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}

log = logging.getLogger(__name__)

name = ""
queue = ""
alone = False


@celeryd_init.connect
def have_patience(conf: Any, **_: object) -> None:
    """A worker waits for a broker that hangs, however long; only a connection that is dead ends.

    Where the acknowledgement of a message runs into a time-out, kombu logs that and goes on, counts
    the message as held for ever, and with one message at a time takes no other any more. AMQP's
    connections wait anyway, and know by their heartbeat when they are dead.
    """
    if settings.BROKER_SPEAKS_AMQP:
        return
    conf.broker_transport_options = {
        **conf.broker_transport_options,
        "socket_timeout": None,
        "socket_keepalive": True,
        "socket_keepalive_options": KEEPALIVE,
    }


@beat_init.connect
def connect_again(sender: Any, **_: object) -> None:
    """The scheduler keeps one connection, and with AMQP one that has broken stays broken unless
    messages are sent again, which makes a new one. Nobody waits for them there."""
    if settings.BROKER_SPEAKS_AMQP:
        sender.app.conf.task_publish_retry = True


@task_prerun.connect
def note_message(**_: object) -> None:
    from workers.keeper import keeper

    keeper.heard()


@celeryd_after_setup.connect
def remember_worker(sender: str, instance: Any, **_: object) -> None:
    """Before the fork: which worker this is, for its children."""
    global name, queue, alone
    queues = [q for q in instance.app.amqp.queues.consume_from if q in Job.Queue.values]
    name, queue = sender, (queues or [Job.Queue.BATCH.value])[0]
    alone = instance.concurrency == 1


@worker_process_init.connect
def begin(**_: object) -> None:
    """In the child: takes up what a dead predecessor did and loads models before the first task.

    A task that had to wait for models would spend its time limit on them.
    """
    from workers import pipeline
    from workers.keeper import keeper

    if queue == Job.Queue.BATCH:
        os.nice(NICENESS)
    keeper.start(worker=name, queue=queue)
    if alone:
        try:
            pipeline.reclaim(name)
        except Exception:
            # The sweeper finds the same jobs a little later.
            log.exception("What this worker's predecessor did could not be taken up")
    keeper.prepare()


@worker_process_shutdown.connect
def end(**_: object) -> None:
    from workers.keeper import keeper

    keeper.stop()
