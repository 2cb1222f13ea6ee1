"""The directions in which modules may import, and what light code must not load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {
    "cv2",
    "faiss",
    "matplotlib",
    "mmcv",
    "mmengine",
    "mmpose",
    "onnx",
    "onnxruntime",
    "openvino",
    "safetensors",
    "scipy",
    "timm",
    "torch",
    "torchvision",
}
# Limits with their sentences, the measures of a dog, what makes two alike and what a network is
# unsure of exist once, and need Pillow and NumPy only.
LIGHT_ML = {
    "ml.errors",
    "ml.images",
    "ml.containers",
    "ml.geometry",
    "ml.skeleton",
    "ml.fusion",
    "ml.ranking",
    "ml.teaching",
}
# An app may import those before it.
APPS = (
    "accounts",
    "shelters",
    "dogs",
    "matching",
    "clips",
    "annotations",
    "enquiries",
    "feeds",
    "publishing",
    "insights",
    "api",
)


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    """Full names of all that a file imports, wherever in it; `from a import b` gives a and a.b."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            source = ".".join([*start, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_imports_are_read_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "portal" / "dogs" / "views.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import a.b\ndef late():\n    from ..jobs import services\n    from . import c\n"
    )
    assert set(imports(path)) == {
        "a.b",
        "portal.jobs",
        "portal.jobs.services",
        "portal.dogs",
        "portal.dogs.c",
    }


@pytest.mark.parametrize("path", modules("portal"), ids=str)
def test_the_portal_knows_no_models(path: Path) -> None:
    for name in imports(path):
        assert name.partition(".")[0] not in HEAVY, name
        assert not within(name, "workers", "benchmarks", "tests"), name
        if within(name, "ml"):
            assert name == "ml" or within(name, *LIGHT_ML), name


@pytest.mark.parametrize("path", modules("ml"), ids=str)
def test_ml_knows_no_users_and_no_database(path: Path) -> None:
    for name in imports(path):
        assert not within(name, "django", "celery", "portal", "workers", "benchmarks"), name


@pytest.mark.parametrize("path", modules("portal"), ids=str)
def test_apps_import_in_one_direction(path: Path) -> None:
    place = path.relative_to(ROOT / "portal").parts[0]
    if place == "jobs":
        forbidden = APPS
    elif place in APPS:
        forbidden = APPS[APPS.index(place) + 1 :]
    else:
        return
    for name in imports(path):
        assert not within(name, *(f"portal.{app}" for app in forbidden)), name
        assert not within(name, "portal.supervision", "portal.urls", "portal.health"), name


@pytest.mark.parametrize(
    ("library", "doors"),
    [
        ("faiss", ("ml/index.py", "ml/coarse.py", "benchmarks/search.py")),
        ("mmpose", ("ml/networks/pose.py", "ml/compat.py", "ml/training/keypoints/")),
    ],
)
def test_some_libraries_have_one_door(library: str, doors: tuple[str, ...]) -> None:
    for folder in ("ml", "workers", "portal", "benchmarks"):
        for path in modules(folder):
            if any(within(name, library) for name in imports(path)):
                assert path.relative_to(ROOT).as_posix().startswith(doors)


@pytest.mark.parametrize(
    "statement",
    [
        "import portal.urls",
        "import portal.celery; portal.celery.app.loader.import_default_modules()",
    ],
    ids=["the portal", "the scheduler"],
)
def test_light_processes_load_no_heavy_library(statement: str) -> None:
    program = f"import sys, django; django.setup(); {statement}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert "django" in loaded
    assert not loaded & HEAVY
