"""`script/server` from an empty folder to Ctrl-C."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.installation import ROOT, TESTS_ONLY, Installation
from tests.stack import eventually, patience


def server(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in TESTS_ONLY}
    return subprocess.run(
        [str(ROOT / "script" / "server"), *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_an_empty_folder_becomes_ready_and_ends_without_a_trace(
    tmp_path: Path, how: signal.Signals, compiled_models: dict[str, str]
) -> None:
    # Longer than a unix socket's path may be.
    data = tmp_path / ("long folder's name " * 6).strip()
    stack = Installation(data, "--port", "0", "--no-demo", **compiled_models)
    processes = stack.processes()
    state = stack.health()
    assert state["ready"]
    assert {process.name() for process in processes} > {"redis-server"}
    assert (data / "secret-key").stat().st_mode & 0o777 == 0o600
    listening = {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}

    assert stack.stop(how) == 0
    assert not [process for process in processes if process.is_running()]

    begun = time.monotonic()
    again = Installation(data, "--port", "0", "--no-demo", **compiled_models)
    assert time.monotonic() - begun < 10 * patience()
    assert again.stop() == 0


def test_a_killed_server_leaves_nothing_running(
    tmp_path: Path, compiled_models: dict[str, str]
) -> None:
    stack = Installation(tmp_path, "--port", "0", "--no-demo", **compiled_models)
    processes = stack.processes()
    assert stack.stop(signal.SIGKILL) == -signal.SIGKILL
    eventually(
        lambda: not [process for process in processes if process.is_running()],
        within=30,
        what="all processes of a killed server have ended",
    )


def test_a_killed_program_starts_again(live_stack: Installation) -> None:
    before = live_stack.program("web")
    before.kill()
    # The dead one's children answer a little longer, so an answer alone is no proof.
    eventually(lambda: replaced(live_stack, "web", before), within=30, what="another portal")
    # Only then has it bound its address.
    eventually(lambda: has_children(live_stack, "web"), within=60, what="its processes")
    eventually(lambda: live_stack.health().get("ready"), within=30, what="the portal is back")


def has_children(stack: Installation, name: str) -> bool:
    try:
        return bool(stack.program(name).children())
    except (LookupError, psutil.Error):
        return False


def replaced(stack: Installation, name: str, before: psutil.Process) -> bool:
    try:
        return stack.program(name).pid != before.pid
    except (LookupError, psutil.Error):
        return False


def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = server("--data", str(tmp_path), "--port", str(port))
    assert result.returncode == 1
    assert result.stderr == (
        f"Port {port} is in use. Stop what uses it, or choose another: "
        f"script/server --port {port + 1}\n"
    )


def test_a_folder_is_served_once(live_stack: Installation) -> None:
    result = server("--data", str(live_stack.data), "--port", "0")
    assert result.returncode == 1
    assert "already runs" in result.stderr


def test_postgresql_in_place_of_sqlite(postgres_stack: Installation) -> None:
    assert postgres_stack.health()["ready"]
    assert not list(postgres_stack.data.glob("*.sqlite3"))
