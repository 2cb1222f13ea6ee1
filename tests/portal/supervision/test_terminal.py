"""Out of many log lines, the few that a person at the terminal needs."""

from pathlib import Path

import pytest

from portal.supervision.terminal import LogFollower, last_lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "web.log"
    path.write_text("2026-11-21T19:00:00+0900 ERROR portal: before the start\n")
    return path


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_alarms_are_shown_once_without_their_tracebacks(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    follower = LogFollower([log])
    append(
        log,
        "2026-11-21T19:00:01+0900 INFO portal: all is well\n"
        "2026-11-21T19:00:02+0900 ERROR portal: it broke\n"
        "2026-11-21T19:00:02+0900 ERROR portal: it broke\n"
        "Traceback (most recent call last):\n"
        '127.0.0.1 - - [21/Nov/2026] "GET /health HTTP/1.1" 200 1\n'
        "[2026-11-21 19:00:03 +0900] [7] [ERROR] Worker (pid:8) was sent SIGKILL!\n"
        "2026-11-21T19:00:04+0900 WARNING portal: half a li",
    )
    follower.read(log)
    append(log, "ne\n")
    follower.read(log)
    follower.read(log)
    assert capsys.readouterr().out.splitlines() == [
        "  web: portal: it broke",
        "  web: Worker (pid:8) was sent SIGKILL!",
        "  web: portal: half a line",
    ]


def test_a_rotated_log_is_read_from_its_beginning(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    follower = LogFollower([log])
    log.write_text("2026-11-21T19:00:01+0900 ERROR p: new\n")
    follower.read(log)
    assert capsys.readouterr().out == "  web: p: new\n"


def test_a_log_that_appears_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "batch.log"
    follower = LogFollower([path])
    follower.read(path)
    append(path, "2026-11-21T19:00:01+0900 CRITICAL p: first\n")
    follower.read(path)
    assert capsys.readouterr().out == "  batch: p: first\n"


def test_last_lines(log: Path) -> None:
    append(log, "a\nb\n")
    assert last_lines(log, 2) == ["a", "b"]
    assert last_lines(log.with_name("none.log")) == []


def test_ids_stay_in_the_file_and_json_is_read(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    follower = LogFollower([log])
    append(
        log,
        "2026-11-21T19:00:02+0900 ERROR portal: [request=0a job=1b] it broke\n"
        "2026-11-21T19:00:03+0900 ERROR portal: [request=0c] it broke\n"
        '{"at": "2026-11-21T19:00:04+0900", "level": "INFO", "logger": "a", "message": "well"}\n'
        '{"at": "2026-11-21T19:00:04+0900", "level": "ERROR", "logger": "a", "message": "not"}\n'
        '{"half": \n',
    )
    follower.read(log)
    assert capsys.readouterr().out.splitlines() == ["  web: portal: it broke", "  web: a: not"]
