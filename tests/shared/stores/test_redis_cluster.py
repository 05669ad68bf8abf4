"""The connection on a cluster: it finds who has its slot, and who took the place of a dead node."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisLost
from redis.exceptions import RedisError, ResponseError

from shared.stores.redis_connection import LuaScript, RedisConnection
from tests.servers.redis_cluster import RedisCluster

pytestmark = pytest.mark.needs("redis-server")
TAG = "{any}"
KEY = f"{TAG}:key"
FAILOVER_S = 20


@pytest.fixture
async def connection(cluster: RedisCluster) -> AsyncIterator[RedisConnection]:
    """A connection whose URL names a node that has nothing to do with its tag."""
    connection = RedisConnection(cluster.stranger(TAG).url, TAG, timeout_s=0.5)
    await connection.open()
    await connection.call("FLUSHALL")
    yield connection
    await connection.close()


async def found(connection: RedisConnection, epoch: int) -> None:
    """Wait until Redis was found again since `epoch`."""
    async with asyncio.timeout(FAILOVER_S):
        while connection.epoch == epoch or not connection.found.is_set():  # noqa: ASYNC110 - lost meanwhile
            await asyncio.sleep(0.02)


async def test_any_node_leads_to_the_one_that_has_our_slot(
    cluster: RedisCluster, connection: RedisConnection
) -> None:
    await connection.call("SET", KEY, "here")

    assert cluster.owner(TAG).keys() == 1


async def test_a_script_that_reaches_for_another_slot_is_refused(
    connection: RedisConnection,
) -> None:
    reach = LuaScript("return redis.call('GET', ARGV[1])")

    with pytest.raises(ResponseError, match="non local key"):
        await connection.run(reach, [KEY], ["{ai}:key"])
    assert await connection.call("PING") == b"PONG"


async def test_while_our_slot_moves_redis_is_lost_then_it_is_found_where_the_slot_went(
    cluster: RedisCluster, connection: RedisConnection
) -> None:
    slot, old = key_slot(TAG.encode()), cluster.owner(TAG)
    new = cluster.owner("{tg}")
    assert new is not old
    names = {node: cluster.ask(node, "CLUSTER MYID").decode() for node in (old, new)}
    cluster.ask(new, f"CLUSTER SETSLOT {slot} IMPORTING {names[old]}")
    cluster.ask(old, f"CLUSTER SETSLOT {slot} MIGRATING {names[new]}")
    with pytest.raises(RedisLost):
        await connection.call("GET", KEY)
    await asyncio.sleep(0.5)  # long enough for several attempts, none of which may succeed
    assert not connection.found.is_set()

    epoch = connection.epoch
    for node in (new, old):
        cluster.ask(node, f"CLUSTER SETSLOT {slot} NODE {names[new]}")
    await found(connection, epoch)
    await connection.call("SET", KEY, "there")
    assert (old.keys(), new.keys()) == (0, 1)


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_when_the_owner_fails_its_replica_serves_us_with_all_that_it_had(
    cluster: RedisCluster, connection: RedisConnection, fault: str
) -> None:
    owner, epoch = cluster.owner(TAG), connection.epoch
    await asyncio.gather(*(connection.call("RPUSH", KEY, number) for number in range(500)))
    async with asyncio.timeout(30):  # a busy machine replicates late
        while await connection.call("WAIT", 1, 400) == 0:
            pass

    await asyncio.to_thread(getattr(owner, fault))
    with pytest.raises(RedisError):
        await connection.call("PING")
    await found(connection, epoch)

    assert await connection.call("LRANGE", KEY, 0, -1) == [b"%d" % number for number in range(500)]
    assert await connection.call("RPUSH", KEY, "more") == 501
    assert cluster.owner(TAG) is not owner
    cluster.mend()
    assert await connection.call("RPUSH", KEY, "and more") == 502
