"""A RabbitMQ of one test's own, where the program is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from portal.supervision.broker import free_port
from tests.stack import eventually

# Debian's own, past the script that insists on the user rabbitmq.
PLACES = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/rabbitmq/sbin")


def program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([*PLACES, os.environ.get("PATH", "")]))


class RabbitMQ:
    """One node on loopback ports, with its files in `folder`; not started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port("127.0.0.1")
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        folder.mkdir(parents=True)
        config = folder / "rabbitmq.conf"
        config.write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        (folder / "plugins").write_text("[].\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"pawkin{self.port}@localhost",
            "RABBITMQ_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(free_port("127.0.0.1")),
            "ERL_EPMD_PORT": str(free_port("127.0.0.1")),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        server = program("rabbitmq-server")
        assert server is not None
        with (self.folder / "output").open("ab") as log:
            self.process = subprocess.Popen(
                [server], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self.answers, within=90, what="RabbitMQ listens")

    def answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "output").read_text())
        return self.listens()

    def listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def tell(self, how: signal.Signals) -> None:
        """A signal to the server and to all that it has started."""
        assert self.process is not None
        os.killpg(self.process.pid, how)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.tell(signal.SIGCONT)
            self.tell(signal.SIGKILL)
            self.process.wait()
            eventually(lambda: not self.listens(), within=20, what="RabbitMQ has ended")

    def stop(self) -> None:
        self.kill()
        # The node's register of names outlives it.
        epmd = program("epmd")
        if epmd is not None:
            subprocess.run([epmd, "-kill"], env=self.environment, capture_output=True)
