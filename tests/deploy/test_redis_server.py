from pathlib import Path

import pytest

from deploy.local.redis_server import RedisServer, bundled_redis, find_redis
from deploy.local.server import ServerNotStarted


def test_the_settings_with_the_password_are_readable_by_their_owner_only(
    own_redis: RedisServer,
) -> None:
    settings = own_redis.directory / "redis.conf"

    assert own_redis.password in settings.read_text(encoding="utf-8")
    assert settings.stat().st_mode & 0o077 == 0


def test_data_of_a_newer_redis_are_not_opened_by_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "written-by").write_text("valkey 99", encoding="ascii")

    with pytest.raises(ServerNotStarted, match="99"):
        RedisServer(tmp_path, binary=bundled_redis()).start()


def test_a_redis_that_cannot_start_says_why(tmp_path: Path, own_redis: RedisServer) -> None:
    with pytest.raises(ServerNotStarted, match="in use"):
        RedisServer(tmp_path, binary=find_redis(), port=own_redis.port).start()
