"""What every test may use. Real servers and the browser are in `stack.py` and `browser/`."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings
from redis import RedisError

pytest_plugins = ["tests.stack", "tests.bucket"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", help="keep the browser tests' screenshots in this folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first, so that a mistake shows before the servers start."""
    for item in items:
        for kind in ("live", "browser"):
            if Path("tests", kind) in item.path.relative_to(item.config.rootpath).parents:
                item.add_marker(kind)
    items.sort(key=lambda item: [bool(item.get_closest_marker(k)) for k in ("browser", "live")])


@pytest.fixture(autouse=True)
def nothing_is_away() -> Iterator[None]:
    """What an earlier test found to be away is asked again, and what it did is not counted."""
    yield
    # Settings are configured only once pytest-django has begun.
    from django.core.cache import cache as counts

    from portal import bucket, cache
    from portal.jobs import services

    services.broker_absence.end()
    cache.absence.end()
    bucket.absence.end()
    # A test may have left a cache that is away.
    with suppress(RedisError):
        counts.clear()


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """Uploaded and stored files of this test only."""
    folder = tmp_path / "media"
    settings.MEDIA_ROOT = str(folder)
    return folder
