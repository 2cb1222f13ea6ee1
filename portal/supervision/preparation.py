"""Before anything starts: data folder, port, environment, database, static files."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from portal.supervision.broker import NoRedis, configure_redis, free_port, redis_binary
from portal.supervision.terminal import say

ROOT = Path(__file__).resolve().parent.parent.parent


class CannotStart(Exception):
    """Nothing can run; the message is a sentence that names the remedy."""


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Make the data folder and hold its lock, which the kernel releases however we end.

    Raises CannotStart.
    """
    # Private photos, addresses and the secret key: for the owner's eyes only.
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in ("run", "logs"):
        (data / folder).mkdir(exist_ok=True)
    with (data / "run" / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"Pawkin already runs on {data}. Stop it, or choose another folder with --data."
            ) from None
        yield


def usable_port(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises CannotStart."""
    if port == 0:
        return free_port(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"Port {port} is in use. Stop what uses it, or choose another: "
                    f"script/server --port {port + 1}"
                ) from None
            raise CannotStart(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    return port


def prepare_environment(data: Path, host: str, port: int) -> None:
    """Tell this process and all it starts where everything is. Raises CannotStart."""
    environment = os.environ
    environment["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    environment["PAWKIN_EMBEDDED"] = "true"
    environment["PAWKIN_DATA"] = str(data)
    environment["PAWKIN_PYTHON"] = sys.executable
    name = f"[{host}]" if ":" in host else host
    environment["PAWKIN_BIND"] = f"{name}:{port}"
    # Links in e-mails, feeds and webhooks lead here, unless the site has a name of its own.
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else name  # noqa: S104  # nosec B104
    environment.setdefault("SITE_URL", f"http://{shown}:{port}")
    # Where the system can, a program ends with the supervisor even if that is killed outright.
    environment["PAWKIN_TIE"] = "setpriv --pdeathsig TERM" if shutil.which("setpriv") else "env"
    if host in ("0.0.0.0", "::"):  # noqa: S104  # nosec B104
        environment.setdefault("ALLOWED_HOSTS", "*")
    elif host != "127.0.0.1":
        environment.setdefault("ALLOWED_HOSTS", name)
    environment["PAWKIN_REDIS"] = ""
    environment["PAWKIN_OWN_REDIS"] = "false"
    if not environment.get("REDIS_URL"):
        try:
            environment["PAWKIN_REDIS"] = str(redis_binary())
        except NoRedis as error:
            raise CannotStart(str(error)) from None
        environment["PAWKIN_OWN_REDIS"] = "true"
        environment["REDIS_URL"] = configure_redis(data / "run")


def prepare_database() -> None:
    """Bring the database to this version's tables, without workers. Raises CannotStart."""
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        django.setup()
        # Models can be imported only now.
        from portal.jobs import services

        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            say("Preparing the database")
            call_command("migrate", interactive=False, verbosity=0)
        services.forget_workers()
        connection.close()
    except (ImproperlyConfigured, OperationalError) as error:
        raise CannotStart(f"The database cannot be used: {error}") from None


def collect_static_files() -> None:
    """Make the hashed and compressed copies again if a name, size or time has changed."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders
    from django.core.management import call_command

    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest.hexdigest())
