"""What the product imports is asked for by name: nothing that only the test tools bring."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = {"portal", "workers", "ml"}
# Asked for in another file: torch by script/setup, by the exact version in constraints.txt.
ELSEWHERE = {"torch"}
# Celery's own, which it declares and which come with it.
WITH_CELERY = {"billiard", "kombu"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for() -> set[str]:
    lines = [
        line
        for name in ("requirements.txt", "requirements-nodeps.txt")
        for line in (ROOT / name).read_text().splitlines()
    ]
    found = (re.match(r"([\w.-]+)(?:\[.*\])?==", line) for line in lines)
    return {normal(match[1]) for match in found if match}


def imported() -> Iterator[tuple[str, Path]]:
    for folder in OURS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                else:
                    continue
                for name in names:
                    yield name.partition(".")[0], path


def test_every_import_is_asked_for_by_name() -> None:
    known, there = asked_for(), packages_distributions()
    missing = {}
    for name, path in imported():
        if name in OURS or name in sys.stdlib_module_names or name in ELSEWHERE | WITH_CELERY:
            continue
        told = {normal(dist) for dist in there.get(name, [])}
        if told and not told & known:
            missing.setdefault(name, str(path.relative_to(ROOT)))
    assert missing == {}
