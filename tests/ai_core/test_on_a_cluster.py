"""ai_core with a Redis Cluster: every script runs there, and what was used outlives its node."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import ai_core.access.rate_limits
from ai_core.access.keys import KeyRing, Scope
from ai_core.access.rate_limits import Limiter, RateLimits
from ai_core.answering.conversations import ConversationStore, new_id
from ai_core.engines.base import ChatMessage
from ai_core.redis_keys import TAG
from shared.clock import StoppedClock
from shared.stores.redis_connection import LuaScript, RedisConnection
from tests.servers.redis_cluster import RedisCluster

pytestmark = pytest.mark.needs("redis-server")
LUA = Path(ai_core.access.rate_limits.__file__).parent / "lua"
SCRIPTS = {path.name: LuaScript.read(path).sha1 for path in sorted(LUA.glob("*.lua"))}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FAILOVER_S = 20
TURNS = (ChatMessage("user", "Quel préavis ?"), ChatMessage("assistant", "Deux mois."))


@pytest.fixture
async def connection(cluster: RedisCluster) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(cluster.stranger(TAG).url, TAG)
    await connection.open()
    await connection.call("FLUSHALL")
    yield connection
    await connection.close()


async def test_every_script_runs_on_a_cluster(
    cluster: RedisCluster, connection: RedisConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ai_core.access.rate_limits, "RENEW_EVERY_S", 0.02)
    limiter, limits = Limiter(connection), RateLimits(tokens_per_minute=100, concurrent=1)
    await KeyRing(connection, StoppedClock(NOON)).create("test", Scope.INFERENCE)
    decision = await limiter.admit("k", limits, 60, f"{TAG}:answer:1")
    lease = ("ZRANGE", f"{TAG}:open:k", 0, -1, "WITHSCORES")
    taken = await connection.call(*lease)
    renewing = asyncio.create_task(limiter.renew_leases())
    async with asyncio.timeout(30):
        while await connection.call(*lease) == taken:
            pass
    renewing.cancel()
    await limiter.settle(decision, 10)
    assert (await limiter.admit("k", limits, 90, None)).left == [0]
    assert not decision.without_redis

    conversations = ConversationStore(connection, silence_s=60, turns_kept=6)
    name = new_id()
    await conversations.add(name, "caller", TURNS, new=True)
    assert await conversations.recall(name, "caller") == TURNS
    known = await connection.call("SCRIPT", "EXISTS", *SCRIPTS.values())
    assert [name for name, yes in zip(SCRIPTS, known, strict=True) if not yes] == []


async def test_keys_quotas_and_conversations_outlive_the_node_they_were_on(
    cluster: RedisCluster, connection: RedisConnection
) -> None:
    ring, limiter = KeyRing(connection, StoppedClock(NOON)), Limiter(connection)
    limits, name = RateLimits(tokens_per_day=100), new_id()
    conversations = ConversationStore(connection, silence_s=60, turns_kept=6)
    made = await ring.create("test", Scope.INFERENCE)
    await limiter.admit("k", limits, 60, None)
    await conversations.add(name, "caller", TURNS, new=True)
    async with asyncio.timeout(30):  # a busy machine replicates late
        while await connection.call("WAIT", 1, 900) == 0:
            pass

    epoch = connection.epoch
    cluster.owner(TAG).kill()
    assert (await Limiter(connection).admit("k", limits, 60, None)).without_redis
    async with asyncio.timeout(FAILOVER_S):
        while connection.epoch == epoch or not connection.found.is_set():  # noqa: ASYNC110 - lost meanwhile
            await asyncio.sleep(0.02)

    await ring.refresh()
    assert ring.find(made.secret) == made.key
    refused = await Limiter(connection).admit("k", limits, 60, None)
    assert (refused.refused, refused.without_redis) == ("tokens-day", False)
    assert await conversations.recall(name, "caller") == TURNS
