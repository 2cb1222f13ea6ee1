"""What the person at the terminal sees: steps, and warnings and errors out of the log files."""

import json
import re
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

ALARMING = ("WARNING", "ERROR", "CRITICAL")
# How a warning or an error begins in the logs of Pawkin's own programs, and of gunicorn before it
# has loaded them. What follows (a traceback) stays in the file, as do the ids of request and job.
ALARM = re.compile(
    rf"^(?:\d{{4}}-\S+ (?:{'|'.join(ALARMING)}) |\[[^]]+\] \[\d+\] \[(?:{'|'.join(ALARMING)})\] )"
    r"(?P<logger>\S+:)?(?: \[(?:request|job)=[^]]*\])?(?P<text>.+)"
)


def say(text: str) -> None:
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"{bold}→ {text}{plain}", flush=True)


class Progress:
    """One line that counts up: rewritten in place on a terminal, else printed now and then."""

    def __init__(self) -> None:
        self.shown = ""

    def show(self, text: str) -> None:
        if text == self.shown:
            return
        self.shown = text
        if sys.stdout.isatty():
            print(f"\r\033[K  {text}", end="", flush=True)
        else:
            print(f"  {text}", flush=True)

    def end(self) -> None:
        if self.shown and sys.stdout.isatty():
            print(flush=True)
        self.shown = ""


class LogFollower(threading.Thread):
    """Prints the first line of each warning and error as they are appended to log files.

    Begins at each file's present end and survives its rotation. What a program repeats is shown
    once.
    """

    def __init__(self, paths: Iterable[Path], interval: float = 0.5) -> None:
        super().__init__(daemon=True)
        self.positions = {path: path.stat().st_size if path.exists() else 0 for path in paths}
        self.last: dict[Path, str] = {}
        self.interval = interval
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(self.interval):
            for path in self.positions:
                self.read(path)

    def end(self) -> None:
        """Print what is left and stop; does nothing to a follower that was not started."""
        if not self.is_alive():
            return
        self.ended.set()
        self.join()
        for path in self.positions:
            self.read(path)

    def read(self, path: Path) -> None:
        if not path.exists():
            return
        size = path.stat().st_size
        if size < self.positions[path]:
            self.positions[path] = 0
        if size == self.positions[path]:
            return
        with path.open("rb") as file:
            file.seek(self.positions[path])
            whole_lines = file.read(size - self.positions[path]).rpartition(b"\n")[0]
        if not whole_lines:
            return
        self.positions[path] += len(whole_lines) + 1
        for line in whole_lines.decode(errors="replace").split("\n"):
            text = alarm(line)
            if text and text != self.last.get(path):
                self.last[path] = text
                print(f"  {path.stem}: {text}", flush=True)


def alarm(line: str) -> str:
    """What a warning's or an error's first line says, in either of LOG_FORMAT's forms; else ""."""
    if line.startswith("{"):
        try:
            told = json.loads(line)
        except ValueError:
            return ""
        return f"{told['logger']}: {told['message']}" if told.get("level") in ALARMING else ""
    found = ALARM.match(line)
    return f"{found['logger'] or ''}{found['text']}" if found else ""


def last_lines(path: Path, count: int = 15) -> list[str]:
    """The end of a log file; empty where there is none."""
    if not path.exists():
        return []
    return path.read_text(errors="replace").splitlines()[-count:]
