"""Beside a worker's tasks: registers and loads models, and says that the worker lives.

Tasks wait for nothing here but models they need. What fails here is tried again a few seconds
later; it never ends the worker.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef

from ml.errors import PawkinError
from ml.spec import DEFAULT, available
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Embedding, ModelVersion
from workers import memory
from workers.runtime import runtime

INTERVAL = 5.0
# A sweep comes every few seconds; a worker that hears nothing for so long while messages lie there
# does not listen any more. So long it then has to end by itself.
DEAF_SECONDS = 60.0
ENDING_SECONDS = 30.0

log = logging.getLogger(__name__)


class Keeper:
    """`worker` is this worker's name, `jobs` what it has begun and not ended."""

    def __init__(self) -> None:
        self.worker = ""
        self.queue = ""
        self.jobs: list[Job] = []
        self._registered = False
        self._loader: threading.Thread | None = None
        self._stopped = threading.Event()
        self._heard = time.monotonic()
        self._ending: float | None = None
        self._parent = 0

    def heard(self) -> None:
        """That a message has come."""
        self._heard = time.monotonic()

    def start(self, *, worker: str, queue: str) -> None:
        """Begins to keep the worker of a queue; returns once its models are registered."""
        self.worker, self.queue = worker, queue
        self._parent = os.getppid()
        self._try(self._register)
        threading.Thread(target=self._run, name="keeper", daemon=True).start()

    def prepare(self) -> None:
        """Loads what this worker's tasks will need; returns when that is done or has failed."""
        self._try(lambda: self._load(self._needed()))
        self._try(self._bring_in)
        self._try(lambda: memory.limit(settings.TASK_MEMORY_MB * 2**20))

    def stop(self) -> None:
        self._stopped.set()

    def tend(self) -> None:
        """One round: registers, beats, and has loaded what the worker's tasks will need."""
        self._register()
        self._beat()
        if begun := self.jobs:
            for job in begun:
                jobs.beat(job=job)
            self.heard()
        elif self._is_deaf():
            self._end_worker()
        needed = self._needed()
        if self._loader is None or not self._loader.is_alive():
            missing = [version for version in needed if not runtime.has(version)]
            if missing:
                self._loader = threading.Thread(
                    target=self._load, args=(missing,), name="loader", daemon=True
                )
                self._loader.start()

    def _register(self) -> None:
        if not self._registered:
            services.register_specs(specs=available(settings.MODEL_WEIGHTS_DIR), default=DEFAULT)
            self._registered = True

    def _beat(self) -> None:
        jobs.beat_worker(
            queue=self.queue,
            ready=self._is_ready(),
            memory=memory.held(),
            gpu_memory=memory.held_on_gpu(),
            recall=runtime.recall(),
        )

    def _is_deaf(self) -> bool:
        silent = time.monotonic() - self._heard > DEAF_SECONDS
        return silent and bool(jobs.messages_waiting(queue=self.queue))

    def _end_worker(self) -> None:
        """Asks the worker above this process to end, and ends it where it does not. Whoever started
        it starts it again; nothing is lost, since messages are hints."""
        now = time.monotonic()
        if os.getppid() != self._parent:
            # It ended without this process, which nobody will send anything any more.
            os._exit(1)
        if self._ending is None:
            self._ending = now
            log.critical("This worker takes no messages any more, and starts again")
            os.kill(self._parent, signal.SIGTERM)
        elif now - self._ending > ENDING_SECONDS:
            os.kill(self._parent, signal.SIGKILL)
            os._exit(1)

    def _is_ready(self) -> bool:
        """Whether a search could be answered at once; nobody waits for the batch queue's tasks."""
        if self.queue != Job.Queue.INTERACTIVE:
            return True
        return all(runtime.has(version) for version in ModelVersion.objects.active())

    def _needed(self) -> list[ModelVersion]:
        """Versions to have at hand: the one that is being built, and for searches the live one.

        Searches leave it to the batch worker to load new models first, which may mean to compile
        them and to take both processors for a minute; after that they are quickly loaded.
        """
        building = ModelVersion.objects.filter(state=ModelVersion.State.BUILDING)
        if self.queue != Job.Queue.INTERACTIVE:
            return list(building)
        at_work = building.filter(Exists(Embedding.objects.filter(version=OuterRef("pk"))))
        return [*ModelVersion.objects.active(), *at_work]

    def _bring_in(self) -> None:
        """The live version's vectors: among a million, the first search would wait for seconds."""
        if self.queue == Job.Queue.INTERACTIVE:
            for version in ModelVersion.objects.active():
                runtime.vectors(version)

    def _load(self, versions: list[ModelVersion]) -> None:
        for version in versions:
            try:
                runtime.analyser(version)
            except PawkinError as error:
                log.error("The models of %s cannot be loaded: %s", version, error)
            except Exception:
                log.exception("The models of %s cannot be loaded", version)
        self._try(self._beat)
        connection.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._try(self.tend)
            self._stopped.wait(INTERVAL)
        connection.close()

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            log.exception("This worker's keeper failed; it tries again in a few seconds")
            connection.close()


keeper = Keeper()
