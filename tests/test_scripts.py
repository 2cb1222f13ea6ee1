"""What a newcomer types, on machines that lack something."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("bash", "cat", "cksum", "dirname", "env", "grep", "rm", "sed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what script/setup reads, without a virtual environment."""
    folder = tmp_path / "check out"
    shutil.copytree(ROOT / "script", folder / "script")
    for path in [*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt"]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with nothing but the shell's own company."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def command(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def setup(checkout: Path, tools: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "script" / "setup")],
        env={"PATH": str(tools), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_a_fitting_python_it_says_what_to_install(checkout: Path, tools: Path) -> None:
    command(tools, "python3.12", "echo 'not found in these versions' >&2; exit 127")
    command(tools, "python3", "exit 1")
    result = setup(checkout, tools)
    assert result.returncode == 1
    assert result.stderr.startswith("Pawkin needs Python 3.11 or 3.12: install python3.11")
    assert result.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()


def test_a_named_python_must_fit(checkout: Path, tools: Path) -> None:
    command(tools, "mine", "exit 1")
    result = setup(checkout, tools, PYTHON="mine")
    assert result.returncode == 1
    assert "PYTHON=mine is not a Python 3.11 or 3.12" in result.stderr


def test_without_a_compiler_it_says_so_before_any_download(checkout: Path, tools: Path) -> None:
    result = setup(checkout, tools, PYTHON=sys.executable)
    assert result.returncode == 1
    assert result.stderr.startswith("A C compiler is needed")
    assert "step 1" not in result.stdout


def test_a_second_run_takes_less_than_a_second() -> None:
    subprocess.run([ROOT / "script" / "setup", "--test"], check=True, capture_output=True)
    begun = time.monotonic()
    result = subprocess.run(
        [ROOT / "script" / "setup", "--test"], check=True, capture_output=True, text=True
    )
    assert time.monotonic() - begun < 1 + os.getloadavg()[0]
    assert result.stdout == ""


@pytest.mark.parametrize("script", ["setup", "server"])
def test_an_unknown_option_is_refused(script: str) -> None:
    result = subprocess.run([ROOT / "script" / script, "--nonsense"], capture_output=True)
    assert result.returncode == 2
