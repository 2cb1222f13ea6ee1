"""Content for the first start: drawn dogs, or photos the person brings."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from portal.supervision.terminal import say

DOGS = 40
SEED = 7


def load_content(data: Path, *, photos: Path | None, logins: bool) -> bool:
    """Load `photos`, or draw dogs and load them, once. Returns whether anything was loaded.

    `logins` sets up the demo accounts as well. What is loaded is not yet searchable.

    Raises subprocess.CalledProcessError.
    """
    # A line for each source, written when it is in, so that an interrupted start is done again.
    note = data / "content-loaded"
    loaded = note.read_text().splitlines() if note.exists() else []
    source = str(photos) if photos else "drawn"
    if source in loaded or (loaded and not photos):
        return False
    options = ["--no-index-wait", *(["--demo"] if logins else [])]
    if photos:
        say(f"Loading the photos in {photos}")
        run("manage.py", "load_dogs", str(photos), *options)
    else:
        say(f"Drawing {DOGS} dogs")
        folder = data / "demo"
        run("-m", "ml", "draw", str(folder), "--dogs", str(DOGS), "--seed", str(SEED))
        run("manage.py", "load_dogs", str(folder), *options)
    note.write_text("\n".join([*loaded, source]) + "\n")
    return True


def run(*arguments: str) -> None:
    command = [sys.executable, *arguments]
    quiet = {**os.environ, "LOG_LEVEL": "WARNING"}
    # Ctrl-C is for this process, which ends the other without its traceback.
    subprocess.run(command, check=True, cwd=settings.BASE_DIR, env=quiet, start_new_session=True)


def demo_logins(data: Path) -> list[str]:
    """The lines that load_dogs --demo left: an address and its password each."""
    note = data / "demo-logins.txt"
    return note.read_text().splitlines() if note.exists() else []
