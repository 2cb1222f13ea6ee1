"""The embedded Redis is for this machine and this user only."""

from pathlib import Path

import pytest

from portal.supervision.broker import NoRedis, configure_redis, redis_binary


def test_a_password_made_for_this_run_only(tmp_path: Path) -> None:
    first = configure_redis(tmp_path)
    configuration = (tmp_path / "redis.conf").read_text()
    password = first.partition("redis://:")[2].partition("@")[0]
    assert len(password) > 30
    assert f"requirepass {password}" in configuration
    assert "bind 127.0.0.1" in configuration
    assert configure_redis(tmp_path) != first
    for name in ("redis.conf", "redis-url"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_the_systems_redis_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tmp_path / "redis-server"
    system.write_text("")
    system.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_binary() == system
    system.unlink()
    assert redis_binary().is_file(), "the wheel's own stands in"
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(NoRedis, match="REDIS_URL"):
        redis_binary()
