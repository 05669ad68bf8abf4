import asyncio
import time

import pytest
from redis.exceptions import ConnectionError as RedisLost
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from deploy.local.redis_server import RedisServer
from shared.redis_link import RedisLink, Script


async def test_commands_of_one_turn_leave_together_and_each_gets_its_own_reply(
    link: RedisLink,
) -> None:
    replies = await asyncio.gather(*(link.call("ECHO", number) for number in range(2_000)))

    assert replies == [b"%d" % number for number in range(2_000)]


async def test_a_refused_command_is_an_error_of_its_own_caller_only(link: RedisLink) -> None:
    refused, answered = link.call("NO-SUCH-COMMAND"), link.call("ECHO", "here")

    with pytest.raises(ResponseError):
        await refused
    assert await answered == b"here"


async def test_a_caller_that_goes_away_does_not_shift_the_replies(link: RedisLink) -> None:
    gone, stays = link.call("ECHO", "gone"), link.call("ECHO", "stays")
    gone.cancel()

    assert await stays == b"stays"


async def test_a_script_runs_also_when_redis_has_forgotten_it(link: RedisLink) -> None:
    script = Script("return ARGV[1] .. KEYS[1]")
    assert await link.run(script, ["b"], ["a"]) == b"ab"
    await link.call("SCRIPT", "FLUSH")

    assert await link.run(script, ["b"], ["a"]) == b"ab"


async def test_a_wrong_password_is_a_lost_redis_not_a_crash(redis_server: RedisServer) -> None:
    link = RedisLink(f"redis://:wrong@127.0.0.1:{redis_server.port}/0")
    await link.open()

    assert not link.found.is_set()
    with pytest.raises(RedisLost):
        await link.call("PING")
    await link.close()


async def test_a_killed_redis_fails_at_once_and_is_found_again_within_two_seconds(
    own_redis: RedisServer,
) -> None:
    link = RedisLink(own_redis.url)
    await link.open()
    await link.call("SET", "kept", "yes")
    await asyncio.to_thread(own_redis.kill)

    started_s = time.monotonic()
    for _ in range(20):
        with pytest.raises(RedisLost):
            await link.call("PING")
    assert time.monotonic() - started_s < 1

    await asyncio.to_thread(own_redis.start)
    async with asyncio.timeout(2):
        await link.found.wait()
    assert await link.call("GET", "kept") == b"yes"
    await link.close()


async def test_a_frozen_redis_is_waited_for_once_not_by_each_caller(
    own_redis: RedisServer,
) -> None:
    link = RedisLink(own_redis.url, timeout_s=0.2)
    await link.open()
    own_redis.freeze()
    with pytest.raises(RedisTimeout):
        await link.call("PING")

    started_s = time.monotonic()
    for _ in range(100):
        with pytest.raises(RedisLost):
            await link.call("PING")
    assert time.monotonic() - started_s < 0.1

    own_redis.thaw()
    async with asyncio.timeout(2):
        await link.found.wait()
    assert await link.call("PING") == b"PONG"
    await link.close()
