"""A backup made while everything runs fills a new installation, which finds the same dogs.

It is made of SQLite and goes into PostgreSQL.
"""

import re
import subprocess
import sys
from pathlib import Path

import psycopg

from benchmarks import end_to_end
from benchmarks.content import images
from benchmarks.installation import ROOT, Installation


def names(answer: end_to_end.Answer) -> list[str]:
    """The dogs of an answer, most alike first."""
    return list(dict.fromkeys(re.findall(r'href="/dogs/([^/"]+)/', answer.text)))


def test_a_new_installation_filled_from_a_backup_finds_the_same_dogs(
    live_stack: Installation,
    drawn_dogs: Path,
    temporary: Path,
    compiled_models: dict[str, str],
    postgres_url: str,
) -> None:
    photo = images(drawn_dogs)[0]
    before = end_to_end.search(live_stack.url, photo)
    assert before.outcome == "matches"
    path = temporary / "pawkin.tar"
    assert "rows" in live_stack.manage("backup", str(path))
    assert "is whole" in live_stack.manage("backup", str(path), "--check")

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE restored")
    data = temporary / "restored"
    database = {"DATABASE_URL": postgres_url.replace("/postgres?", "/restored?")}
    here = {"PAWKIN_DATA": str(data), "PAWKIN_EMBEDDED": "true"}
    environment = live_stack.environment | here | database
    for command in (["migrate", "--verbosity", "0"], ["restore", str(path)]):
        result = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *command],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
    options = ("--port", "0", "--no-demo")
    with Installation(data, *options, **compiled_models, **database) as restored:
        after = end_to_end.search(restored.url, photo)
        assert after.outcome == "matches"
        assert names(after) == names(before)
        assert names(before)
