"""`script/server`: prepare, start everything, say when it is ready, stop cleanly."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from portal.supervision.broker import wait_for_redis
from portal.supervision.preparation import (
    ROOT,
    CannotStart,
    collect_static_files,
    only_one,
    prepare_database,
    prepare_environment,
    usable_port,
)
from portal.supervision.programs import NAMES, Programs
from portal.supervision.readiness import NotReady, follow_indexing, reachable, wait_until_ready
from portal.supervision.terminal import LogFollower, last_lines, say

ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """The person, or the system, asked for an end."""


def main() -> int:
    options = parse_options()
    for ending in ENDINGS:
        signal.signal(ending, stop)
    try:
        data: Path = options.data.resolve()
        with only_one(data):
            port = usable_port(options.host, options.port)
            prepare_environment(data, options.host, port)
            prepare_database()
            collect_static_files()
            serve(data, port, options)
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except Stopped:
        pass
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/server", description="Run Pawkin on this machine until Ctrl-C."
    )
    parser.add_argument("--port", type=int, default=8000, help="default 8000; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen, default 127.0.0.1")
    parser.add_argument("--data", type=Path, default=ROOT / "data", help="where everything is kept")
    parser.add_argument("--photos", type=Path, help="a folder of dogs to list, not drawn ones")
    parser.add_argument("--no-demo", action="store_true", help="no drawn dogs and no demo logins")
    options = parser.parse_args()
    if options.photos:
        options.photos = options.photos.resolve()
        if not options.photos.is_dir():
            parser.error(f"{options.photos} is not a folder")
    return options


def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    # A second Ctrl-C must not cut short what the first one began.
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise Stopped


def serve(data: Path, port: int, options: argparse.Namespace) -> None:
    """Run everything until a signal comes. Raises Stopped, CannotStart."""
    say("Starting the portal, the workers and their broker")
    logs = data / "logs"
    follower = LogFollower([logs / f"{name}.log" for name in NAMES])
    programs = Programs(data)
    follower.start()
    try:
        # Loading sends messages. Each would be sent again later, but why wait?
        wait_for_redis(os.environ["REDIS_URL"])
        loaded = load_content(data, options)
        wait_until_ready(programs, options.host, port)
        announce(data, port, options)
        if loaded:
            follow_indexing(programs)
        programs.wait()
        raise CannotStart(f"The supervisor ended by itself; see {logs / 'supervisor.log'}.")
    except NotReady as error:
        for line in last_lines(logs / f"{error.culprit}.log"):
            print(f"  {error.culprit}: {line}")
        raise CannotStart(
            f"Pawkin did not get ready: it waited for {error.waiting_for}. "
            f"The reason is at the end of {logs / error.culprit}.log."
        ) from None
    except Stopped:
        say("Stopping")
        raise
    finally:
        programs.stop()
        follower.end()
        (data / "run" / "redis-url").unlink(missing_ok=True)


def load_content(data: Path, options: argparse.Namespace) -> bool:
    """Whether dogs were loaded; a failure is told and leaves an empty Pawkin running."""
    # Settings must not load before the environment is prepared.
    from portal.supervision import demo

    if options.no_demo and not options.photos:
        return False
    try:
        return demo.load_content(data, photos=options.photos, logins=not options.no_demo)
    except subprocess.CalledProcessError:
        say("The dogs could not be loaded, for the reason above; Pawkin runs without them.")
        return False


def announce(data: Path, port: int, options: argparse.Namespace) -> None:
    from portal.supervision import demo

    host = reachable(options.host)
    say(f"Pawkin is ready: http://{f'[{host}]' if ':' in host else host}:{port}/")
    if options.no_demo:
        print("  To make an administrator while this runs:")
        print(
            f"  PAWKIN_DATA='{data}' '{ROOT}/.venv/bin/python' '{ROOT}/manage.py' createsuperuser"
        )
    else:
        for line in demo.demo_logins(data):
            print(f"  {line}")
    print(f"  Logs: {data / 'logs'}. Ctrl-C stops everything.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
