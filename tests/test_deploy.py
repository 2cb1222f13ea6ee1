"""What deploy/ says fits the product: its queues, variables, limits, commands and figures."""

import ast
import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands
from django.urls import resolve

from portal.api.calls import ROOM_FOR_FIELDS
from portal.api.photos import MOST_FILES
from portal.dogs.services import PHOTOS_PER_DOG
from portal.feeds.sources.csvzip import MOST_BYTES
from portal.jobs.models import Job

ROOT = Path(__file__).resolve().parent.parent
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


# --- They fit ---


def files() -> list[Path]:
    return sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".pyc")


@pytest.mark.parametrize(
    "path", [path for path in files() if path.suffix == ".yaml"], ids=lambda path: path.name
)
def test_yaml_is_read(path: Path) -> None:
    assert documents(path)


def test_every_queue_has_one_worker_everywhere() -> None:
    once = dict.fromkeys(Job.Queue.values, 1)
    in_compose = [
        queue_of(service.get("command", []))
        for service in services().values()
        if "profiles" not in service
    ]
    assert Counter(filter(None, in_compose)) == once
    base = documents(DEPLOY / "kubernetes" / "kustomization.yaml")[0]["resources"]
    in_base = [
        queue_of(container.get("command", []))
        for path in base
        for one in documents(DEPLOY / "kubernetes" / path)
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
    ]
    assert Counter(filter(None, in_base)) == once
    wanted = " ".join(units()["pawkin.target"]["Unit.Wants"]).split()
    started = [re.fullmatch(r"pawkin-worker@(\w+)\.service", name) for name in wanted]
    assert Counter(match[1] for match in started if match) == once


@pytest.mark.parametrize("where", sorted(commands()))
def test_commands_are_those_of_the_supervisor(where: str) -> None:
    words = commands()[where]
    told = options(words[words.index("-P") :])
    # systemd's instance is the queue.
    queue = queue_of(words)
    if "gunicorn" in words:
        known = options(supervised("web"))
        # Where it listens and how long it takes to end are the installation's; the last one is for
        # containers and systemd, where /tmp may be on a slow disk.
        for name in ("--bind", "--graceful-timeout", "--worker-tmp-dir"):
            known.pop(name, None)
            told.pop(name, None)
    elif "beat" in words:
        known = options(supervised("scheduler"))
    else:
        assert queue
        known = options(supervised("interactive"))
        known |= {"--queues": queue, "--hostname": f"{queue}@%h"}
    assert told == known


def test_there_is_exactly_one_scheduler() -> None:
    beats = [name for name, words in commands().items() if "beat" in words]
    assert sorted(beats) == [
        "compose scheduler",
        "kubernetes pawkin-scheduler",
        "systemd pawkin-scheduler.service",
    ]
    assert services()["scheduler"]["deploy"]["replicas"] == 1
    [scheduler] = [one for name, one, _ in pods() if name == "pawkin-scheduler"]
    assert scheduler["spec"]["replicas"] == 1
    assert scheduler["spec"]["strategy"] == {"type": "Recreate"}


def test_workers_have_the_time_that_their_longest_task_takes() -> None:
    checked = 0
    for service in services().values():
        if queue_of(service.get("command", [])):
            assert seconds(service["stop_grace_period"]) > LONGEST_TASK
            checked += 1
    for _, _, pod in pods():
        if any(queue_of(one.get("command", [])) for one in pod["containers"]):
            assert pod["terminationGracePeriodSeconds"] > LONGEST_TASK
            checked += 1
    worker = units()["pawkin-worker@.service"]
    assert seconds(worker["Service.TimeoutStopSec"][0]) > LONGEST_TASK
    assert worker["Service.KillMode"] == ["mixed"]
    assert checked == 6


def test_the_portal_has_the_time_that_its_requests_take() -> None:
    graceful = [
        float(options(words)["--graceful-timeout"])
        for words in commands().values()
        if "gunicorn" in words
    ]
    assert min(graceful) >= settings.API_EVENTS_SECONDS
    [pod] = [pod for name, _, pod in pods() if name == "pawkin-web"]
    given = (
        seconds(services()["web"]["stop_grace_period"]),
        pod["terminationGracePeriodSeconds"],
        seconds(units()["pawkin-web.service"]["Service.TimeoutStopSec"][0]),
    )
    assert min(given) > max(graceful)


def test_workers_have_the_memory_that_a_photo_may_take() -> None:
    least = MODELS_MEBIBYTES + variable_number("TASK_MEMORY_MB")
    given = [
        mebibytes(service["deploy"]["resources"]["limits"]["memory"])
        for service in services().values()
        if queue_of(service.get("command", []))
    ]
    given += [
        mebibytes(container["resources"]["limits"]["memory"])
        for _, _, pod in pods()
        for container in pod["containers"]
        if queue_of(container.get("command", []))
    ]
    given.append(mebibytes(units()["pawkin-worker@.service"]["Service.MemoryMax"][0]))
    assert len(given) == 7
    assert min(given) >= least


def test_everything_has_a_limit_of_memory_and_of_logs() -> None:
    for name, service in services().items():
        assert mebibytes(service["deploy"]["resources"]["limits"]["memory"]), name
        if service.get("restart") != "no":
            assert service["logging"]["options"]["max-size"], name
    for name, _, pod in pods():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert mebibytes(container["resources"]["limits"]["memory"]), name
    for name, unit in units().items():
        if name.endswith(".service"):
            assert unit["Service.MemoryMax"], name


def variable_number(name: str) -> float:
    default = variables()[name]
    assert default is not None
    return float(ast.literal_eval(default))


# --- Variables ---


def interpolated(text: str) -> dict[str, bool]:
    """Names in ${…} and whether compose refuses to start without them."""
    found: dict[str, bool] = {}
    for name, rest in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", text):
        found[name] = found.get(name, False) or rest.startswith(":?")
    return found


def passed_on() -> dict[str, Any]:
    return dict(compose()["x-environment"])


def without_comments(path: Path) -> str:
    return "\n".join(
        line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")
    )


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


# --- Secrets, users, rights ---


def test_no_file_holds_a_secret() -> None:
    secret = documents(DEPLOY / "kubernetes" / "secret.example.yaml")[0]
    assert set(secret["stringData"].values()) == {""}
    assert "secret.example.yaml" not in without_comments(
        DEPLOY / "kubernetes" / "kustomization.yaml"
    )
    value = re.compile(
        r"(?:PASSWORD|password|SECRET_KEY|TOKEN|SECRET_KEYS|DSN)\s*[:=][ \t]*[\"']?([^\s\"'#$]+)"
    )
    for path in files():
        # What compose fills in, with the sentence for those who gave nothing, is no value.
        text = re.sub(r"\$\{[^}]*\}", "", without_comments(path).replace("\\\n", ""))
        assert not value.findall(text), path
        # An address with a password in it.
        assert not re.findall(r"://[^\s/$:]*:[^\s@/$\\]+@", text), path
        assert "BEGIN" not in text, path


@pytest.mark.parametrize("path", dockerfiles(), ids=lambda path: path.name)
def test_images_run_as_nobody_in_particular_and_end_well(path: Path) -> None:
    stage = last_stage(path)
    told = dict(stage)
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", told["USER"])
    names = [name for name, _ in stage]
    assert names.index("USER") < names.index("CMD")
    assert told["STOPSIGNAL"] == "SIGTERM"
    assert re.search(r'CMD \["python", "-P", ', told["HEALTHCHECK"])
    assert "PYTHONUNBUFFERED=1" in told["ENV"]
    # What compiles stays in the stage before.
    assert not re.search(r"apt-get|pip install", " ".join(value for _, value in stage))
    assert not any(name == "ARG" and "SECRET" in value for name, value in instructions(path))


def test_what_images_copy_is_sent_to_the_builder() -> None:
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        word
        for path in dockerfiles()
        for name, value in instructions(path)
        if name == "COPY" and "--from" not in value
        for word in value.split()[:-1]
    }
    for word in copied:
        assert (ROOT / word).exists(), word
        assert any(word == one or word.startswith(f"{one}/") for one in kept), word


def test_pods_keep_to_the_restricted_standard() -> None:
    for name, _, pod in pods():
        whole = pod["securityContext"]
        assert whole["runAsNonRoot"] is True, name
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True, name
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name


def test_containers_of_our_own_have_nothing_to_become() -> None:
    for name, service in services().items():
        if "build" in service:
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_one_user_owns_the_volumes() -> None:
    numbers = {dict(last_stage(path))["USER"].partition(":")[0] for path in dockerfiles()}
    numbers |= {str(pod["securityContext"]["runAsUser"]) for _, _, pod in pods()}
    numbers |= {str(pod["securityContext"]["fsGroup"]) for _, _, pod in pods()}
    assert len(numbers) == 1


# --- The web image without models ---


def left_out() -> list[str]:
    text = (DEPLOY / "containers" / "web-leaves-out.txt").read_text()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_the_web_image_leaves_out_what_is_there() -> None:
    asked = re.findall(r"^([\w.-]+)[\[=]", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert left_out() == sorted(left_out())
    assert set(left_out()) <= set(asked)
    # Not what its own steps and commands run.
    text = (DEPLOY / "containers" / "web.Dockerfile").read_text()
    run = set(re.findall(r'-m[",\s]+(\w+)', text))
    assert run >= {"babel", "gunicorn"}
    assert not set(left_out()) & run


def test_the_portal_and_the_scheduler_run_without_what_is_left_out() -> None:
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in left_out()} | {"torch", "mmpose"}
    modules = sorted(
        module
        for module, sources in packages_distributions().items()
        if {re.sub(r"[-_.]+", "-", name).lower() for name in sources} <= normal
    )
    assert {"torch", "faiss", "scipy", "supervisor"} <= set(modules)
    program = (
        f"import sys\nfor name in {modules}: sys.modules[name] = None\n"
        "import django; django.setup()\n"
        "from django.core.management import call_command, get_commands, load_command_class\n"
        "import portal.urls, portal.wsgi, portal.celery\n"
        "portal.celery.app.loader.import_default_modules()\n"
        "call_command('check')\n"
        "for name, app in get_commands().items():\n"
        "    if app.startswith('portal.'): load_command_class(app, name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


# --- Limits of bodies, addresses and figures ---


def nginx() -> str:
    return without_comments(DEPLOY / "nginx" / "pawkin.conf")


def body_limits() -> dict[str, float]:
    """nginx's limits on the site's own server in bytes, by the start of a path."""
    [site] = [one for one in nginx().split("\nserver {") if "limit_except" not in one
              and "client_max_body_size" in one]  # fmt: skip
    found = {"/": re.search(r"^    client_max_body_size (\d+)m;", site, re.MULTILINE)}
    for place in re.finditer(r"location (/\S*) \{(.*?)\n    \}", site, re.DOTALL):
        limit = re.search(r"client_max_body_size (\d+)m;", place[2])
        if limit:
            found[place[1]] = limit
    return {path: int(match[1]) * MEBIBYTE for path, match in found.items() if match}


def test_nginx_lets_everything_through_that_the_product_takes() -> None:
    one = settings.UPLOAD_MAX_BYTES + ROOM_FOR_FIELDS
    many = settings.UPLOAD_MAX_BYTES * max(MOST_FILES, PHOTOS_PER_DOG) + ROOM_FOR_FIELDS
    limits = body_limits()
    assert limits["/"] >= one
    assert limits["/api/v1/dogs/"] >= many
    assert limits["/staff/"] >= max(many, MOST_BYTES + ROOM_FOR_FIELDS)
    # And no more than it takes: what is refused later has been received in vain.
    assert limits["/"] < 2 * one
    ingresses = {
        one["metadata"]["name"]: int(
            one["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"][:-1]
        )
        * MEBIBYTE
        for one in manifests()
        if one["kind"] == "Ingress"
    }
    assert ingresses["pawkin"] == limits["/"]
    assert ingresses["pawkin-uploads"] == max(limits.values())
    [uploads] = [
        one
        for one in manifests()
        if one["kind"] == "Ingress" and one["metadata"]["name"] == "pawkin-uploads"
    ]
    paths = {path["path"] for rule in uploads["spec"]["rules"] for path in rule["http"]["paths"]}
    assert paths == set(limits) - {"/"}


def test_every_server_of_nginx_has_logs_without_secrets() -> None:
    servers = nginx().split("\nserver {")[1:]
    assert len(servers) == 4
    for server in servers:
        assert re.search(r"access_log (off|/var/log/nginx/access\.log pawkin);", server)
        assert "error_log /var/log/nginx/error.log crit;" in server
    formatted = re.search(r"log_format pawkin(.*?);", nginx(), re.DOTALL)
    assert formatted
    logged = set(re.findall(r"\$(\w+)", formatted[1]))
    telling = {"request", "request_uri", "uri", "args", "query_string", "http_referer"}
    assert "request_id" in logged
    assert not logged & telling


def test_checks_ask_addresses_and_commands_that_there_are() -> None:
    told = " ".join(without_comments(path) for path in files())
    probes = {
        container[probe]["httpGet"]["path"]
        for _, _, pod in pods()
        for container in pod["containers"]
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        if "httpGet" in container.get(probe, {})
    }
    assert probes == {"/health/live", "/ready"}
    for path in probes | {"/metrics"}:
        assert path in told
        assert resolve(path)
    named = set(re.findall(r"manage\.py[\"',\s]+([a-z_]+)", told))
    assert named >= {"migrate", "worker_alive", "backup", "collectstatic"}
    assert named <= set(get_commands())


def test_workers_are_asked_about_their_own_queue() -> None:
    asked = 0
    for path in dockerfiles():
        check = dict(last_stage(path))["HEALTHCHECK"]
        if "worker_alive" in check:
            assert check.endswith(f'"--queue", "{queue_of(command_of(path))}"]')
            asked += 1
    for service in services().values():
        queue = queue_of(service.get("command", []))
        if queue:
            assert service["healthcheck"]["test"][-1] == queue
            asked += 1
    for _, _, pod in pods():
        for container in pod["containers"]:
            queue = queue_of(container.get("command", []))
            for probe in ("startupProbe", "livenessProbe") if queue else ():
                assert container[probe]["exec"]["command"][-1] == queue
                asked += 1
    assert asked == 2 + 3 + 6


def test_figures_that_are_watched_are_told() -> None:
    source = (ROOT / "portal" / "insights" / "metrics.py").read_text()
    told = {f"pawkin_{name}" for name in re.findall(r'gauge\(\s*"(\w+)"', source)}
    watched = (DEPLOY / "prometheus" / "alerts.yaml").read_text() + GUIDE.read_text()
    watched += (DEPLOY / "kubernetes" / "autoscaling" / "scaledobjects.yaml").read_text()
    named = set(re.findall(r"\bpawkin_[a-z_]+\b", watched))
    assert "pawkin_queue_oldest_seconds" in named
    assert named <= told
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]["triggers"][0]["metadata"]["query"]
        for one in manifests()
        if one["kind"] == "ScaledObject"
    }
    assert scaled == {
        f"pawkin-worker-{queue}": f'max(pawkin_queue_oldest_seconds{{queue="{queue}"}})'
        for queue in Job.Queue.values
    }


def test_kustomizations_name_files_that_there_are() -> None:
    named = set()
    for path in sorted((DEPLOY / "kubernetes").rglob("kustomization.yaml")):
        for name in documents(path)[0]["resources"]:
            assert (path.parent / name).is_file(), name
            named.add(path.parent / name)
    there = {
        path
        for path in (DEPLOY / "kubernetes").rglob("*.yaml")
        if path.name not in ("kustomization.yaml", "secret.example.yaml")
    }
    assert named == there


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="There is no kubectl here.")
def test_kustomize_builds_everything(tmp_path: Path) -> None:
    # It follows no absolute path, and no link out of its root.
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "base")
    parts = {"resources": ["../base"], "components": []}
    parts["components"] = [f"../base/{name}" for name in ("gpu", "autoscaling", "monitoring")]
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "kustomization.yaml").write_text(yaml.safe_dump(parts))
    built = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path / "overlay")], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    found = [one for one in yaml.safe_load_all(built.stdout) if one]
    assert {one["metadata"].get("namespace") for one in found if one["kind"] != "Namespace"} == {
        "pawkin"
    }
    scaled = {"pawkin-worker-interactive", "pawkin-worker-batch"}
    for one in found:
        if one["kind"] == "Deployment":
            assert ("replicas" in one["spec"]) is (one["metadata"]["name"] not in scaled)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="There is no systemd here.")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/opt/pawkin/.venv/bin/python", sys.executable)
        (tmp_path / path.name).write_text(text)
    names = [name for name in units() if "@" not in name] + ["pawkin-worker@interactive.service"]
    shutil.copy(tmp_path / "pawkin-worker@.service", tmp_path / names[-1])
    checked = subprocess.run(
        ["systemd-analyze", "verify", *(f"./{name}" for name in names)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    complaints = [line for line in checked.stderr.splitlines() if "pawkin" in line]
    assert complaints == []
