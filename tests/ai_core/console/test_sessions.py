"""When sessions of the desk end, and what is left in them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ai_core.console.sessions import UNFINISHED_S, Sessions, Stage
from ai_core.redis_keys import TAG
from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from shared.stores.redis_connection import RedisConnection

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
IDLE_S, LONGEST_S = 600, 3_600


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOON)


@pytest.fixture
async def connection(desk_redis: RedisServer) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(desk_redis.url, TAG, timeout_s=10)
    await connection.open()
    yield connection
    await connection.close()


@pytest.fixture
def sessions(connection: RedisConnection, clock: StoppedClock) -> Sessions:
    return Sessions(connection, clock, idle_s=IDLE_S, longest_s=LONGEST_S)


async def test_a_session_ends_when_it_is_not_used_and_after_its_time_in_any_case(
    sessions: Sessions, clock: StoppedClock
) -> None:
    used = await sessions.open(7_001, Stage.OPEN, "password", "c")
    idle = await sessions.open(7_001, Stage.OPEN, "password", "c")
    for minutes in range(5, 60, 5):
        clock.set(NOON + timedelta(minutes=minutes))
        assert await sessions.find(used.token), minutes
    assert await sessions.find(idle.token) is None
    assert [one for one, _ in await sessions.of_account(7_001)] == [used.digest]
    clock.set(NOON + timedelta(seconds=LONGEST_S - 1))
    assert await sessions.find(used.token)
    clock.set(NOON + timedelta(seconds=LONGEST_S))
    assert await sessions.find(used.token) is None


async def test_an_unfinished_sign_in_waits_ten_minutes(
    sessions: Sessions, clock: StoppedClock, connection: RedisConnection
) -> None:
    waiting = await sessions.open(7_002, Stage.SECOND_FACTOR, "password", "c")
    assert not await sessions.of_account(7_002)  # it is no session to list yet
    ttl = await connection.call("TTL", f"{TAG}:console:session:{waiting.digest}")
    assert 0 < ttl <= UNFINISHED_S
    clock.set(NOON + timedelta(seconds=UNFINISHED_S))
    assert await sessions.find(waiting.token) is None


async def test_a_session_that_was_closed_is_not_brought_back_by_its_use(
    sessions: Sessions, clock: StoppedClock, connection: RedisConnection
) -> None:
    opened = await sessions.open(7_003, Stage.OPEN, "password", "c")
    clock.set(NOON + timedelta(minutes=2))
    key = f"{TAG}:console:session:{opened.digest}"
    record = await connection.call("GET", key)
    await sessions.close(7_003, opened.digest)
    assert await connection.call("SET", key, record, "XX") is None
    assert await sessions.find(opened.token) is None


async def test_what_is_left_in_a_session_is_sealed_and_taken_once(
    sessions: Sessions, connection: RedisConnection
) -> None:
    mine = await sessions.open(7_004, Stage.OPEN, "password", "c")
    other = await sessions.open(7_004, Stage.OPEN, "password", "c")
    await sessions.leave(mine, "key", "cdt_live_secret")
    stored = await connection.call("GET", f"{TAG}:console:left:{mine.digest}:key")
    assert b"cdt_live" not in stored
    assert await sessions.take(other, "key") is None
    assert await sessions.peek(mine, "key") == "cdt_live_secret"
    assert await sessions.take(mine, "key") == "cdt_live_secret"
    assert await sessions.take(mine, "key") is None
