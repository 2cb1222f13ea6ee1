"""The web image runs without the models' libraries."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.deploy.said import DEPLOY, ROOT


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
