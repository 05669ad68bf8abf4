import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisLost
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from ai_core.redis_keys import TAG
from deploy.local.redis_server import RedisServer, bundled_redis, system_redis
from shared.stores.redis_connection import CONNECT_TIMEOUT_S, LuaScript, RedisConnection

KEY = f"{TAG}:b"
PATIENCE_S = 30
COUNT = LuaScript("return redis.call('INCR', KEYS[1])")
BOTH_REDIS = pytest.mark.parametrize(
    "binary",
    [
        pytest.param(bundled_redis, id="valkey-9"),
        pytest.param(system_redis, id="redis-7", marks=pytest.mark.needs("redis-server")),
    ],
)


async def test_commands_of_one_turn_leave_together_and_each_gets_its_own_reply(
    connection: RedisConnection,
) -> None:
    replies = await asyncio.gather(*(connection.call("ECHO", number) for number in range(2_000)))

    assert replies == [b"%d" % number for number in range(2_000)]


async def test_a_refused_command_is_an_error_of_its_own_caller_only(
    connection: RedisConnection,
) -> None:
    refused, answered = connection.call("NO-SUCH-COMMAND"), connection.call("ECHO", "here")

    with pytest.raises(ResponseError):
        await refused
    assert await answered == b"here"


async def test_a_caller_that_goes_away_does_not_shift_the_replies(
    connection: RedisConnection,
) -> None:
    gone, stays = connection.call("ECHO", "gone"), connection.call("ECHO", "stays")
    gone.cancel()

    assert await stays == b"stays"


async def test_a_script_runs_also_when_redis_has_forgotten_it(connection: RedisConnection) -> None:
    script = LuaScript("return ARGV[1] .. KEYS[1]")
    assert await connection.run(script, [KEY], ["a"]) == b"a{ai}:b"
    await connection.call("SCRIPT", "FLUSH")

    assert await connection.run(script, [KEY], ["a"]) == b"a{ai}:b"


async def test_a_wrong_password_is_a_lost_redis_not_a_crash(supported_redis: RedisServer) -> None:
    connection = RedisConnection(
        supported_redis.url.replace(supported_redis.password, "wrong"), TAG
    )
    await connection.open()

    assert not connection.found.is_set()
    with pytest.raises(RedisLost):
        await connection.call("PING")
    await connection.close()


async def test_a_killed_redis_fails_at_once_and_is_found_again_within_two_seconds(
    own_redis: RedisServer,
) -> None:
    connection = RedisConnection(own_redis.url, TAG)
    await connection.open()
    await connection.call("SET", "kept", "yes")
    await asyncio.to_thread(own_redis.kill)

    started_s = time.monotonic()
    for _ in range(20):
        with pytest.raises(RedisLost):
            await connection.call("PING")
    assert time.monotonic() - started_s < 1

    await asyncio.to_thread(own_redis.start)
    async with asyncio.timeout(2):
        await connection.found.wait()
    assert await connection.call("GET", "kept") == b"yes"
    await connection.close()


async def test_a_frozen_redis_is_waited_for_once_not_by_each_caller(
    own_redis: RedisServer,
) -> None:
    connection = RedisConnection(own_redis.url, TAG, timeout_s=0.2)
    await connection.open()
    own_redis.freeze()
    with pytest.raises(RedisTimeout):
        await connection.call("PING")

    started_s = time.monotonic()
    for _ in range(100):
        with pytest.raises(RedisLost):
            await connection.call("PING")
    assert time.monotonic() - started_s < 2  # each waiting would take 20 s

    own_redis.thaw()
    async with asyncio.timeout(2):
        await connection.found.wait()
    assert await connection.call("PING") == b"PONG"
    await connection.close()


async def test_every_caller_of_a_lost_or_slow_redis_gets_the_error_of_its_service(
    own_redis: RedisServer,
) -> None:
    connection = RedisConnection(
        own_redis.url, TAG, timeout_s=0.2, failure=lambda error: LookupError(type(error).__name__)
    )
    await connection.open()
    with pytest.raises(ResponseError):
        await connection.call("NO-SUCH-COMMAND")
    own_redis.freeze()
    slow = await asyncio.gather(
        *(connection.call("PING") for _ in range(2)), return_exceptions=True
    )
    with pytest.raises(LookupError, match="ConnectionError"):
        await connection.call("PING")

    assert [repr(error) for error in slow] == ["LookupError('TimeoutError')"] * 2
    assert slow[0] is not slow[1]  # or each would add to the other's traceback
    own_redis.thaw()
    async with asyncio.timeout(2):
        await connection.found.wait()
    assert await connection.call("PING") == b"PONG"
    await connection.close()


@BOTH_REDIS
@pytest.mark.parametrize(
    ("refuse", "allow"),
    [
        ("REPLICAOF 127.0.0.1 9", "REPLICAOF NO ONE"),
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0"),
    ],
)
async def test_a_redis_that_takes_no_writes_is_lost_until_it_does(
    binary: Callable[[], Path], tmp_path: Path, refuse: str, allow: str
) -> None:
    redis = RedisServer(tmp_path, binary=binary())
    await asyncio.to_thread(redis.start)
    connection = RedisConnection(redis.url, TAG)
    await connection.open()

    await asyncio.to_thread(redis.ask, refuse)
    with pytest.raises(RedisLost):
        await connection.run(COUNT, [KEY], [])
    await asyncio.sleep(0.5)  # long enough for several attempts, none of which may succeed
    assert not connection.found.is_set()

    await asyncio.to_thread(redis.ask, allow)
    async with asyncio.timeout(2):
        await connection.found.wait()
    assert await connection.run(COUNT, [KEY], []) == 1
    await connection.close()
    await asyncio.to_thread(redis.stop)


def blocked_clients(redis: RedisServer) -> int:
    with Redis.from_url(redis.url) as client:
        return int(client.info("clients")["blocked_clients"])


@BOTH_REDIS
async def test_a_read_that_waits_ends_when_its_redis_becomes_a_replica(
    binary: Callable[[], Path], tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path, binary=binary())
    await asyncio.to_thread(redis.start)
    reader = RedisConnection(redis.url, TAG, timeout_s=10)
    await reader.open()
    read = reader.call("XREAD", "BLOCK", 8_000, "STREAMS", KEY, "$")
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(blocked_clients, redis) == 0:
            pass

    await asyncio.to_thread(redis.ask, "REPLICAOF 127.0.0.1 9")
    with pytest.raises(RedisLost):
        await asyncio.wait_for(read, 2)
    await reader.close()
    await asyncio.to_thread(redis.stop)


async def test_an_address_that_does_not_answer_is_passed_over_in_time(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, own_redis.port))
        for address in ("127.0.0.2", "127.0.0.1")
    ]

    def look_up(host: str, *more: Any, **named: Any) -> Any:
        return found if host == "redis.example" else real(host, *more, **named)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with socket.create_server(("127.0.0.2", own_redis.port)):  # takes connections, never replies
        connection = RedisConnection(own_redis.url.replace("127.0.0.1", "redis.example"), TAG)
        started_s = time.monotonic()
        await connection.open()
        assert time.monotonic() - started_s < CONNECT_TIMEOUT_S
        assert await connection.call("PING") == b"PONG"
    await connection.close()
