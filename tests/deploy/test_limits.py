"""Limits of bodies, addresses and figures; what kustomize and systemd say of the files."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

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
from tests.deploy.said import (
    DEPLOY,
    GUIDE,
    MEBIBYTE,
    ROOT,
    command_of,
    dockerfiles,
    documents,
    files,
    last_stage,
    manifests,
    pods,
    queue_of,
    services,
    units,
    without_comments,
)


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
    clip = settings.CLIP_MAX_BYTES + ROOM_FOR_FIELDS
    assert limits["/staff/"] >= max(many, MOST_BYTES + ROOM_FOR_FIELDS, clip)
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
