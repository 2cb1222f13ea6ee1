"""Programs, queues, times and memory in deploy/ are the product's."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from portal.jobs.models import Job
from tests.deploy.said import (
    DEPLOY,
    LONGEST_TASK,
    MODELS_MEBIBYTES,
    commands,
    documents,
    files,
    mebibytes,
    options,
    pods,
    queue_of,
    seconds,
    services,
    supervised,
    units,
    variables,
)


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
