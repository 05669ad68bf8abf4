import asyncio
from pathlib import Path

import pytest

from ai_core.access.keys import KeyRing, Scope, well_formed
from ai_core.redis_keys import TAG
from deploy.local import supervisor
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from shared.stores.redis_connection import RedisConnection

pytestmark = pytest.mark.slow


async def test_a_key_whose_name_only_begins_like_one_of_ours_is_not_taken_for_it(
    own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "NEO", tmp_path)
    connection = RedisConnection(own_redis.url, TAG)
    await connection.open()
    ring = KeyRing(connection, SystemClock())
    (tmp_path / "keys").mkdir()
    for name in ("admin of somebody else", "inference", "page"):
        await ring.create(name, Scope.INFERENCE)
    for name in ("admin", "inference", "page"):
        (tmp_path / "keys" / name).write_text("secret")

    environment = {"AI_CORE_REDIS__URL": own_redis.url, "AI_CORE_DATA_DIR": str(tmp_path)}
    made = await asyncio.to_thread(supervisor.make_keys, environment, rate_limits=False)
    names = [key.name for key in await ring.list()]
    await connection.close()

    assert made == ["admin"]
    assert names.count("admin") == 1
    assert (tmp_path / "keys" / "admin").read_text() != "secret"


async def test_a_key_whose_file_was_lost_gets_a_new_secret_under_its_name(
    own_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "NEO", tmp_path)
    (tmp_path / "keys").mkdir()
    environment = {"AI_CORE_REDIS__URL": own_redis.url, "AI_CORE_DATA_DIR": str(tmp_path)}
    connection = RedisConnection(own_redis.url, TAG)
    await connection.open()
    ring = KeyRing(connection, SystemClock())
    for name in ("admin", "inference", "page"):
        await ring.create(name, Scope.INFERENCE)
    for name in ("admin", "page"):
        (tmp_path / "keys" / name).write_text("secret")

    made = await asyncio.to_thread(supervisor.make_keys, environment, rate_limits=False)
    keys = await ring.list()
    await connection.close()

    assert made == ["inference"]
    assert [key.name for key in keys].count("inference") == 1
    assert well_formed((tmp_path / "keys" / "inference").read_text().strip())


def test_what_ended_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    log = tmp_path / "corpus.log"
    printed = "importing: fiches\nnpm error code ENOSPC\n"
    told = supervisor.because(log, printed)
    assert told.startswith(": the disk is full: free some space")
    assert told.endswith(f"(more in {log})")
    assert supervisor.because(log, "nobody knows\n\n") == f": nobody knows (more in {log})"
    assert supervisor.because(log, "") == f" (more in {log})"
