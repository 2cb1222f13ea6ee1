"""No secret stands in a file, and nothing may do more than it needs."""

import re
from pathlib import Path

import pytest

from tests.deploy.said import (
    DEPLOY,
    ROOT,
    dockerfiles,
    documents,
    files,
    instructions,
    last_stage,
    pods,
    services,
    without_comments,
)


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
