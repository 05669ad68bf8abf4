"""Claims of two processes on one answer, on a real Redis."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from ai_core.answering.cache import AnswerCache, CacheKey, CacheMetrics
from ai_core.answering.claims import AnswerClaims
from ai_core.redis_keys import TAG
from shared.stores.redis_connection import RedisConnection

KEY = CacheKey(f"{TAG}:answer:1", b"secret")
CLAIM = f"{KEY.name}:claim"
BODY = b'{"response":"quinze jours"}'


class Process:
    """One process: its claims, and the cache it writes to."""

    def __init__(self, connection: RedisConnection) -> None:
        self.claims = AnswerClaims(connection)
        self.cache = AnswerCache(connection, CacheMetrics(CollectorRegistry()))
        self.wrote = 0

    async def answer(self, writing: asyncio.Event, *, stores: bool = True) -> bytes:
        async with self.claims.claimed(KEY) as written:
            if written is not None:
                return written
            self.wrote += 1
            await writing.wait()
            if stores:
                await self.cache.put(KEY, BODY)
            return BODY


@pytest.fixture
async def processes(connection: RedisConnection) -> tuple[Process, Process]:
    return Process(connection), Process(connection)


async def claimed(connection: RedisConnection) -> None:
    async with asyncio.timeout(20):
        while not await connection.call("EXISTS", CLAIM):
            pass


async def redis_now_ms(connection: RedisConnection) -> int:
    seconds, microseconds = await connection.call("TIME")
    return int(seconds) * 1_000 + int(microseconds) // 1_000


async def test_one_process_writes_and_the_other_waits_for_its_answer(
    connection: RedisConnection, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    writing = asyncio.Event()
    first = asyncio.create_task(one.answer(writing))
    await claimed(connection)
    second = asyncio.create_task(other.answer(writing))
    await asyncio.wait([second], timeout=0.05)
    assert not second.done()
    writing.set()

    assert list(await asyncio.gather(first, second)) == [BODY, BODY]
    assert (one.wrote, other.wrote) == (1, 0)
    assert not await connection.call("EXISTS", CLAIM)


async def test_an_answer_that_is_there_already_is_not_written_again(
    processes: tuple[Process, Process],
) -> None:
    one, other = processes
    writing = asyncio.Event()
    writing.set()

    assert [await one.answer(writing), await other.answer(writing)] == [BODY, BODY]
    assert (one.wrote, other.wrote) == (1, 0)


async def test_what_one_could_not_store_or_finish_the_next_one_writes(
    connection: RedisConnection, processes: tuple[Process, Process]
) -> None:
    one, other = processes
    writing = asyncio.Event()
    failing = asyncio.create_task(one.answer(writing))
    await claimed(connection)
    second = asyncio.create_task(other.answer(writing, stores=False))
    failing.cancel()
    async with asyncio.timeout(20):
        while await connection.call("PING") and not other.wrote:
            pass
    third = asyncio.create_task(one.answer(writing))
    writing.set()

    assert list(await asyncio.gather(second, third)) == [BODY, BODY]
    assert (one.wrote, other.wrote) == (2, 1)


async def test_the_claim_of_a_process_that_died_ends(
    connection: RedisConnection,
    processes: tuple[Process, Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ai_core.answering.claims.LEASE_MS", 100)
    await connection.call("SET", CLAIM, "of a dead process", "PX", 100)
    writing = asyncio.Event()
    writing.set()

    async with asyncio.timeout(20):
        assert await processes[0].answer(writing) == BODY
    assert processes[0].wrote == 1


async def test_a_claim_lasts_as_long_as_its_process_writes(
    connection: RedisConnection,
    processes: tuple[Process, Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ai_core.answering.claims.LEASE_MS", 1_000)
    monkeypatch.setattr("ai_core.answering.claims.RENEW_EVERY_S", 0.02)
    one, other = processes
    writing = asyncio.Event()
    first = asyncio.create_task(one.answer(writing))
    await claimed(connection)
    second = asyncio.create_task(other.answer(writing))
    began_ms = await redis_now_ms(connection)
    async with asyncio.timeout(20):
        while await redis_now_ms(connection) - began_ms <= 1_000:
            pass
    writing.set()

    assert list(await asyncio.gather(first, second)) == [BODY, BODY]
    assert other.wrote == 0


async def test_nobody_waits_longer_than_an_answer_may_take(
    connection: RedisConnection,
    processes: tuple[Process, Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ai_core.answering.claims.LONGEST_WAIT_S", 0.05)
    await connection.call("SET", CLAIM, "of a slow process", "PX", 60_000)
    writing = asyncio.Event()
    writing.set()

    assert await processes[0].answer(writing) == BODY
    assert await connection.call("GET", CLAIM) == b"of a slow process"


async def test_without_redis_everybody_writes(processes: tuple[Process, Process]) -> None:
    connection = RedisConnection("redis://127.0.0.1:1/0", TAG)
    await connection.open()
    writing = asyncio.Event()
    writing.set()
    try:
        assert await Process(connection).answer(writing) == BODY
    finally:
        await connection.close()
