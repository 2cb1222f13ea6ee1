"""The supervisor as a child process, with what it says about its programs."""

import collections
import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

NAMES = ("redis", "web", "interactive", "batch", "scheduler")
EXIT = re.compile(r"exited: (?P<name>\w+) \((?P<how>.*); not expected\)")
# The longest stopwaitsecs of supervisord.conf, several times over.
STOP_SECONDS = 60


class Programs:
    """Everything that supervisord.conf names, started at once; `data` holds their logs."""

    def __init__(self, data: Path) -> None:
        self.failures: collections.Counter[str] = collections.Counter()
        command = [sys.executable, "-P", "-W", "ignore", "-m", "supervisor.supervisord"]
        self.supervisor = subprocess.Popen(
            [*command, "--configuration", str(Path(__file__).parent / "supervisord.conf")],
            cwd=data / "run",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C at the terminal reaches the parent only, which then stops them in order.
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        assert self.supervisor.stdout is not None
        for line in self.supervisor.stdout:
            found = EXIT.search(line)
            if found:
                self.failures[found["name"]] += 1
                print(f"  {found['name']} ended ({found['how']}) and starts again", flush=True)
            elif line.startswith("Error"):
                print(f"  {line.rstrip()}", flush=True)

    @property
    def running(self) -> bool:
        return self.supervisor.poll() is None

    def wait(self) -> None:
        self.supervisor.wait()

    def stop(self) -> None:
        """End all programs and the supervisor; returns when nothing of them is left."""
        if self.running:
            self.supervisor.terminate()
        try:
            self.supervisor.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.supervisor.pid, signal.SIGKILL)


def end_with_parent() -> None:
    """Ask Linux to end the supervisor when its parent is killed outright; a no-op elsewhere."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
