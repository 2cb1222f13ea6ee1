"""Variables of deploy/ and of the guide are those that settings read, and no other."""

import ast
import re
import shlex
from typing import Any

from tests.deploy.said import (
    DEPLOY,
    GUIDE,
    NOT_FOR_COMPOSE,
    OF_OTHERS,
    compose,
    dockerfiles,
    documents,
    instructions,
    manifests,
    pods,
    required,
    services,
    units,
    variables,
    without_comments,
)


def interpolated(text: str) -> dict[str, bool]:
    """Names in ${…} and whether compose refuses to start without them."""
    found: dict[str, bool] = {}
    for name, rest in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", text):
        found[name] = found.get(name, False) or rest.startswith(":?")
    return found


def passed_on() -> dict[str, Any]:
    return dict(compose()["x-environment"])


def test_every_variable_is_one_that_somebody_reads() -> None:
    named: dict[str, set[str]] = {}
    for name, service in services().items():
        named[f"compose {name}"] = set(service.get("environment", {}))
    for path in dockerfiles():
        text = " ".join(value for name, value in instructions(path) if name == "ENV")
        named[path.name] = {word.partition("=")[0] for word in shlex.split(text)}
    for one in manifests():
        if one["kind"] in ("ConfigMap", "Secret"):
            named[f"{one['kind']}"] = set(one.get("data") or one.get("stringData"))
    for name, _, pod in pods():
        for container in pod["containers"]:
            named[f"kubernetes {name}"] = {env["name"] for env in container.get("env", [])}
    for name, unit in units().items():
        words = " ".join(unit.get("Service.Environment", ())).split()
        named[f"systemd {name}"] = {word.partition("=")[0] for word in words}
    known = set(variables()) | OF_OTHERS
    assert {where: names - known for where, names in named.items() if names - known} == {}
    assert len([names for names in named.values() if names]) > 10


def test_compose_passes_every_variable_on() -> None:
    assert set(passed_on()) == set(variables()) - NOT_FOR_COMPOSE


def test_the_example_names_what_compose_asks_for() -> None:
    text = (DEPLOY / "compose" / "example.env").read_text()
    named = dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))
    asked = interpolated(without_comments(DEPLOY / "compose" / "compose.yaml"))
    chosen = {name for name, value in passed_on().items() if value is None}
    assert set(named) == set(asked) | chosen
    # Those without which it does not start are the empty ones, and the others stay commented out.
    empty = re.findall(r"^([A-Z][A-Z0-9_]*)=$", text, re.MULTILINE)
    assert sorted(empty) == sorted(name for name, needed in asked.items() if needed)
    assert not re.findall(r"^[A-Z][A-Z0-9_]*=.+$", text, re.MULTILINE)
    for name in chosen:
        default = variables()[name]
        if isinstance(default, ast.Constant) and default.value not in ("", None):
            assert named[name] == as_written(default.value), name


def test_nothing_starts_without_what_is_required() -> None:
    told = without_comments(DEPLOY / "compose" / "compose.yaml")
    needed = {name for name, needed in interpolated(told).items() if needed}
    for name in required():
        value = str(passed_on()[name])
        assert needed & set(interpolated(value)), name
    secret = documents(DEPLOY / "kubernetes" / "secret.example.yaml")[0]["stringData"]
    config = documents(DEPLOY / "kubernetes" / "config.yaml")[0]["data"]
    assert set(required()) <= set(secret) | set(config)


def rows_of_guide() -> dict[str, str]:
    """The guide's table of variables: names and the cell with the default."""
    text = GUIDE.read_text().partition("## Every variable")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \| ([^|]*) \|", text, re.MULTILINE)
    assert len(found) == len(dict(found)), "a variable stands there twice"
    return dict(found)


def test_the_guide_has_every_variable_and_no_other() -> None:
    assert set(rows_of_guide()) == set(variables())


def as_written(value: Any) -> str:
    """A default as one would write it into the environment; lists are empty where there are any."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None or isinstance(value, list) else str(value)


def test_the_guide_tells_defaults_as_they_are() -> None:
    rows = rows_of_guide()
    checked = 0
    for name, default in variables().items():
        if default is None:
            continue
        try:
            value = ast.literal_eval(default)
        except ValueError:
            try:
                value = eval(ast.unparse(default), {"__builtins__": {}})
            except (NameError, TypeError):
                continue
        shown = as_written(value)
        assert rows[name].strip() == (f"`{shown}`" if shown else ""), name
        checked += 1
    assert checked > 20
