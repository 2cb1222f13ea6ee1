"""Real Redis, real database, real workers (with rigged models), and this process as the portal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import environ
import psutil
import psycopg
import pytest
import redis
from celery import Celery
from django.db import connections
from pytest_django.fixtures import Settings
from pytest_django.plugin import DjangoDbBlocker

from benchmarks.installation import ROOT, TESTS_ONLY
from portal.absence import Absence
from portal.dogs import services as dogs
from portal.dogs.models import Dog
from portal.jobs.models import Job, WorkerHeartbeat
from portal.settings import database, queue
from portal.shelters.services import create_shelter
from portal.supervision.broker import configure_redis, redis_binary, wait_for_redis
from tests.live.acts import photo_of
from tests.stack import eventually


class Worker:
    """A worker process that is started again when it ended, as a supervisor does."""

    def __init__(self, queue: str, environment: dict[str, str], log: Path) -> None:
        self.queue = queue
        self.environment = environment
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "tests.live.rigged", "worker"]
        command += ["--queues", self.queue, "--hostname", f"{self.queue}@here", "--pool", "prefork"]
        command += ["--concurrency", "1", "--without-gossip", "--without-mingle"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the worker and, where it is killed, its child as well."""
        if self.process is None or self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children()
        self.process.send_signal(how)
        if how == signal.SIGKILL:
            for child in children:
                child.kill()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def child(self) -> psutil.Process:
        """The process that does the tasks."""
        assert self.process is not None
        return eventually(
            lambda: psutil.Process(self.process.pid).children(), within=20, what="a child"
        )[0]


class Cluster:
    """Redis, a database, an interactive and a batch worker, and the scheduler."""

    def __init__(self, folder: Path, database_url: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.redis_url = configure_redis(folder)
        inherited = {name: value for name, value in os.environ.items() if name not in TESTS_ONLY}
        self.environment = inherited | {
            "PAWKIN_EMBEDDED": "true",
            "PAWKIN_DATA": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PYTHONPATH": str(ROOT),
            "TASK_MEMORY_MB": "600",
        }
        if database_url:
            self.database = dict(environ.Env().db_url_config(database_url))
        else:
            self.database = {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "pawkin.sqlite3"),
                "OPTIONS": database.SQLITE_OPTIONS,
            }
        self.workers = {
            queue: Worker(queue, self.environment, folder / f"{queue}.log")
            for queue in ("interactive", "batch")
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.run(str(redis_binary()), str(self.folder / "redis.conf"))
        wait_for_redis(self.redis_url)
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env=self.environment,
            check=True,
        )
        (self.folder / "run").mkdir(exist_ok=True)
        for worker in self.workers.values():
            worker.start()
        self.run(sys.executable, "-m", "celery", "-A", "tests.live.rigged", "beat", "--pidfile=")

    def run(self, *command: str) -> None:
        with (self.folder / "processes.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
            )

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.stop(signal.SIGKILL)
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(timeout=20)

    def broker(self) -> "redis.Redis":
        return redis.Redis.from_url(self.redis_url)


@pytest.fixture(scope="session")
def sqlite_cluster(temporary: Path) -> Iterator[Cluster]:
    cluster = Cluster(temporary / "sqlite cluster", "")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_cluster(temporary: Path, postgres_url: str) -> Iterator[Cluster]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE rigged")
    cluster = Cluster(
        temporary / "postgres cluster", postgres_url.replace("/postgres?", "/rigged?")
    )
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    found: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    return found


@pytest.fixture
def portal(
    cluster: Cluster,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Cluster]:
    """This process as the cluster's portal: same rows, same files, same broker."""
    settings.MEDIA_ROOT = str(cluster.folder / "media")
    broker = Celery(broker=cluster.redis_url)
    broker.conf.broker_transport_options = queue.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr("portal.jobs.services.broker_absence", Absence(seconds=5))
    monkeypatch.setattr("portal.jobs.services.app", broker)
    defaults = connections.settings["default"]
    monkeypatch.setitem(connections.settings, "default", {**defaults, **cluster.database})
    own = connections["default"]
    connections["default"] = connections.create_connection("default")
    with django_db_blocker.unblock():
        yield cluster
        connections["default"].close()
    connections["default"] = own
    broker.close()


@pytest.fixture
def within() -> Callable[..., float]:
    """Waits for a condition and says how long it took, in seconds."""

    def wait(seconds: float, condition: Callable[[], object], what: str) -> float:
        begun = time.monotonic()
        eventually(condition, within=seconds, what=what, every=0.05)
        return time.monotonic() - begun

    return wait


@pytest.fixture
def ready(portal: Cluster, within: Callable[..., float]) -> None:
    """Both workers are up; dogs of earlier tests are not in the way."""
    for worker in portal.workers.values():
        if worker.process.poll() is not None:
            worker.start()

    def beating() -> bool:
        return WorkerHeartbeat.objects.filter(ready=True).count() == 2

    within(40, beating, "both workers are ready")
    Dog.objects.update(status=Dog.Status.WITHDRAWN)
    within(30, lambda: not Job.objects.open().exists(), "earlier jobs are done")


@pytest.fixture
def list_dog(ready: None) -> Callable[..., Dog]:
    """Lists a dog with one photo of a colour."""
    shelter = create_shelter(name="Haneul")

    def make(colour: tuple[int, int, int], name: str = "Bori") -> Dog:
        return dogs.create_dog(
            shelter=shelter,
            by=None,
            fields={"name": name},
            photos=[photo_of(colour)],
            publish=True,
        )

    return make
