"""What the product and deploy/ say, read for the tests that hold the two together."""

import ast
import configparser
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "docs" / "deployment.md"
MEBIBYTE = 1024 * 1024
# A worker's models, measured; what a photo may take on top is TASK_MEMORY_MB.
MODELS_MEBIBYTES = 1024
LONGEST_TASK = settings.CELERY_TASK_TIME_LIMIT

# Read by Python, Django, and libraries; by PostgreSQL, Redis and nginx; by Docker's GPU support.
OF_OTHERS = {
    *("PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "HOME"),
    *("PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK", "DJANGO_SETTINGS_MODULE"),
    *("XDG_CACHE_HOME", "MPLCONFIGDIR", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
    *("POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "REDISCLI_AUTH"),
    *("PAWKIN_HOST", "PAWKIN_MEDIA_HOST", "PAWKIN_UPSTREAM", "PAWKIN_RESOLVER"),
    "NGINX_ENVSUBST_FILTER",
    # Parts of ALLOWED_HOSTS in Kubernetes.
    *("POD_IP", "SITE_HOSTS"),
}
# Set by the images, or for a machine of one's own: nobody chooses them in compose's .env.
NOT_FOR_COMPOSE = {
    *("PAWKIN_EMBEDDED", "PAWKIN_DATA", "DEBUG", "MEDIA_ROOT", "STATIC_ROOT"),
    *("MODEL_WEIGHTS_DIR", "MODEL_CACHE_DIR", "MODEL_KEPT_DIR"),
}


# --- What the product says ---


def variables() -> dict[str, ast.expr | None]:
    """Every variable that portal/settings reads, with the expression of its default."""
    found: dict[str, ast.expr | None] = {}
    for path in sorted((ROOT / "portal" / "settings").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "env"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                continue
            name = node.args[0].value
            default = next((k.value for k in node.keywords if k.arg == "default"), None)
            # Some are asked for twice, once only whether they are there.
            if name not in found or found[name] is None:
                found[name] = default
    return found


def required() -> tuple[str, ...]:
    tree = ast.parse((ROOT / "portal" / "settings" / "environment.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REQUIRED":
            return tuple(ast.literal_eval(node.value))
    raise AssertionError("portal/settings/environment.py names no REQUIRED")


def supervised(program: str) -> list[str]:
    """The arguments after Python with which script/server starts a program."""
    parser = configparser.RawConfigParser()
    parser.read(ROOT / "portal" / "supervision" / "supervisord.conf")
    words = shlex.split(parser[f"program:{program}"]["command"].replace("%%", "%"))
    return words[words.index("-P") :]


def options(words: list[str]) -> dict[str, str]:
    """A command as what it runs and its options: {"": "-m gunicorn …", "--workers": "2"}."""
    found = {"": ""}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            found[name] = value
        else:
            found[name] = f"{found[name]} {word}".strip()
    return found


# --- What deploy/ says ---


def documents(path: Path) -> list[Any]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one is not None]


def compose() -> dict[str, Any]:
    return documents(DEPLOY / "compose" / "compose.yaml")[0]


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def manifests() -> list[dict[str, Any]]:
    paths = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    return [one for path in paths for one in documents(path)]


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, whole manifest and pod of each Deployment and Job."""
    for one in manifests():
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one, one["spec"]["template"]["spec"]


def units() -> dict[str, dict[str, list[str]]]:
    """Each systemd unit as lists of values by "Section.Key"."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((DEPLOY / "systemd").iterdir()):
        values: dict[str, list[str]] = {}
        section = ""
        for line in path.read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                values.setdefault(f"{section}.{key}", []).append(value)
        found[path.name] = values
    return found


def dockerfiles() -> list[Path]:
    return sorted((DEPLOY / "containers").glob("*.Dockerfile"))


def instructions(path: Path) -> list[tuple[str, str]]:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    found = (re.match(r"([A-Z]+)\s+(.*)", line) for line in text.splitlines())
    return [(match[1], match[2].strip()) for match in found if match]


def last_stage(path: Path) -> list[tuple[str, str]]:
    every = instructions(path)
    start = max(number for number, (name, _) in enumerate(every) if name == "FROM")
    return every[start:]


def command_of(path: Path) -> list[str]:
    [command] = [json.loads(value) for name, value in last_stage(path) if name == "CMD"]
    return list(command)


def queue_of(command: list[str]) -> str | None:
    """The queue that a Celery worker's command names; None for any other command."""
    if "celery" not in command or "worker" not in command:
        return None
    return command[command.index("--queues") + 1]


def commands() -> dict[str, list[str]]:
    """Every long-running command of our own, by where it stands."""
    found = {path.name: command_of(path) for path in dockerfiles()}
    found |= {
        f"compose {name}": service["command"]
        for name, service in services().items()
        if "celery" in service.get("command", ())
    }
    for name, _, pod in pods():
        for container in pod["containers"]:
            if "celery" in container.get("command", ()):
                found[f"kubernetes {name}"] = container["command"]
    for name, unit in units().items():
        for line in unit.get("Service.ExecStart", ()):
            if "gunicorn" in line or "celery" in line:
                found[f"systemd {name}"] = shlex.split(line.replace("%%", "%"))
    return found


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)\s*(s|min|h|)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"": 1, "s": 1, "min": 60, "h": 3600}[unit]


def mebibytes(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)\s*([gGmM])i?", text).groups()  # type: ignore[union-attr]
    return float(number) * (1024 if unit in "gG" else 1)


def files() -> list[Path]:
    return sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".pyc")


def without_comments(path: Path) -> str:
    return "\n".join(
        line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")
    )
