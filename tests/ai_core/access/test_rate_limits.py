import asyncio
from collections.abc import Callable

import pytest

from ai_core.access.rate_limits import Decision, Limiter, RateLimits
from ai_core.redis_keys import TAG
from deploy.local.redis_server import RedisServer
from shared.stores.redis_connection import RedisConnection

CACHE_KEY = f"{TAG}:answer:1"
OPEN_KEY = f"{TAG}:open:k"


async def admitted(
    limiter: Limiter, limits: RateLimits, times: int, cost: int = 0
) -> list[Decision]:
    return list(
        await asyncio.gather(*(limiter.admit("k", limits, cost, None) for _ in range(times)))
    )


def accepted(decisions: list[Decision]) -> int:
    return sum(decision.refused is None for decision in decisions)


async def test_of_five_times_the_quota_at_once_exactly_the_quota_is_admitted(
    connection: RedisConnection,
) -> None:
    decisions = await admitted(Limiter(connection), RateLimits(requests_per_minute=60), 300)

    assert accepted(decisions) == 60
    refused = [decision for decision in decisions if decision.refused]
    assert {decision.refused for decision in refused} == {"requests"}
    assert all(59 < decision.wait_s <= 61 for decision in refused)


async def test_two_processes_share_one_quota(connection: RedisConnection) -> None:
    limits = RateLimits(requests_per_minute=50)
    both = await asyncio.gather(
        admitted(Limiter(connection), limits, 100), admitted(Limiter(connection), limits, 100)
    )

    assert accepted(both[0]) + accepted(both[1]) == 50


async def test_one_callers_quota_is_not_anothers(connection: RedisConnection) -> None:
    limiter, limits = Limiter(connection), RateLimits(requests_per_minute=1)
    await limiter.admit("one", limits, 0, None)

    assert (await limiter.admit("one", limits, 0, None)).refused
    assert (await limiter.admit("another", limits, 0, None)).refused is None


async def test_tokens_are_reserved_then_given_back(connection: RedisConnection) -> None:
    limiter, limits = (
        Limiter(connection),
        RateLimits(tokens_per_minute=1_000, tokens_per_day=10_000),
    )
    first = await limiter.admit("k", limits, 800, None)
    assert first.left == [200, 9_200]
    assert (await limiter.admit("k", limits, 300, None)).refused == "tokens-minute"

    await limiter.settle(first, 100)
    second = await limiter.admit("k", limits, 300, None)
    assert second.refused is None
    assert second.left == [600, 9_600]


async def test_tokens_settled_after_their_slot_expired_change_nothing(
    connection: RedisConnection,
) -> None:
    limiter, limits = Limiter(connection), RateLimits(tokens_per_minute=1_000)
    first = await limiter.admit("k", limits, 800, None)
    late = first._replace(decided_ms=first.decided_ms - 120_000)
    await limiter.settle(late, 0)

    assert (await limiter.admit("k", limits, 100, None)).left == [100]
    await connection.close()
    assert (await limiter.admit("k", limits, 50, None)).left == [50]


async def test_a_request_larger_than_the_whole_budget_is_admitted_alone(
    connection: RedisConnection,
) -> None:
    limiter, limits = Limiter(connection), RateLimits(tokens_per_minute=100)

    assert (await limiter.admit("k", limits, 5_000, None)).refused is None
    assert (await limiter.admit("k", limits, 1, None)).refused == "tokens-minute"


async def test_a_slot_is_free_again_when_the_request_ends(connection: RedisConnection) -> None:
    limiter, limits = Limiter(connection), RateLimits(concurrent=2)
    decisions = await admitted(limiter, limits, 10)
    assert accepted(decisions) == 2

    [first, _] = [decision for decision in decisions if decision.refused is None]
    await limiter.settle(first, 0)
    assert accepted(await admitted(limiter, limits, 10)) == 1


async def test_the_slot_of_a_process_that_died_frees_itself(connection: RedisConnection) -> None:
    limits = RateLimits(concurrent=1)
    assert accepted(await admitted(Limiter(connection), limits, 1)) == 1  # and never settles
    await connection.call("ZADD", OPEN_KEY, 1, *(await connection.call("ZRANGE", OPEN_KEY, 0, -1)))

    assert accepted(await admitted(Limiter(connection), limits, 1)) == 1


async def test_a_request_cancelled_while_redis_decides_holds_no_slot(
    connection: RedisConnection,
) -> None:
    limiter, limits = Limiter(connection), RateLimits(concurrent=1)
    request = asyncio.create_task(limiter.admit("k", limits, 0, None))
    await asyncio.sleep(0)
    request.cancel()
    await asyncio.wait([request])

    assert accepted(await admitted(limiter, limits, 1)) == 1


async def test_a_cached_reply_takes_neither_tokens_nor_a_slot(connection: RedisConnection) -> None:
    await connection.call("SET", CACHE_KEY, "kept")
    limiter, limits = Limiter(connection), RateLimits(tokens_per_minute=10, concurrent=1)
    for _ in range(20):
        decision = await limiter.admit("k", limits, 10, CACHE_KEY)
        assert decision.cached_reply == b"kept"
        assert decision.refused is None


async def test_without_limits_nothing_is_counted(connection: RedisConnection) -> None:
    await Limiter(connection).admit("k", RateLimits(), 500, CACHE_KEY)

    assert await connection.call("KEYS", "*") == []


@pytest.mark.parametrize("fault", [RedisServer.kill, RedisServer.freeze])
async def test_the_quota_holds_while_redis_is_lost_and_when_it_is_back(
    own_redis: RedisServer, fault: Callable[[RedisServer], None]
) -> None:
    connection = RedisConnection(own_redis.url, TAG, timeout_s=0.5)
    await connection.open()
    limiter, limits = Limiter(connection), RateLimits(requests_per_minute=100, concurrent=1_000)
    before = await admitted(limiter, limits, 40)
    await asyncio.to_thread(fault, own_redis)
    during = await admitted(limiter, limits, 40)
    assert accepted(during) == 40
    assert all(decision.without_redis for decision in during)

    if fault is RedisServer.kill:
        await asyncio.to_thread(own_redis.start)
    own_redis.thaw()
    async with asyncio.timeout(30):
        await connection.found.wait()
    for decision in before + during:
        await limiter.settle(decision, 0)
    after = await admitted(limiter, limits, 200)
    await connection.close()

    assert not any(decision.without_redis for decision in after)
    assert (
        90 <= 80 + accepted(after) <= 100
    )  # it may have counted what it never answered: never more


async def test_workers_that_lose_redis_share_the_quota_and_redis_hears_of_all_of_it(
    own_redis: RedisServer,
) -> None:
    connections = [RedisConnection(own_redis.url, TAG) for _ in range(2)]
    for connection in connections:
        await connection.open()
    workers = [Limiter(connection, processes=2) for connection in connections]
    limits = RateLimits(requests_per_minute=100, concurrent=1_000)
    before = await admitted(workers[0], limits, 20)
    await asyncio.to_thread(own_redis.kill)
    for connection in connections:
        await lost(connection)
    during = [await admitted(worker, limits, 200) for worker in workers]
    assert [accepted(decisions) for decisions in during] == [30, 50]  # each has a half
    await asyncio.to_thread(own_redis.start)
    async with asyncio.timeout(30):
        for connection in connections:
            await connection.found.wait()
    after = [await admitted(worker, limits, 200) for worker in (*workers, *workers)]
    for connection in connections:
        await connection.close()

    assert accepted(before) == 20
    assert sum(map(accepted, after)) <= 50  # whoever came back first could not know of the other
    assert [accepted(decisions) for decisions in after[2:]] == [0, 0]


async def test_requests_at_the_same_time_are_shared_out_while_redis_is_lost(
    own_redis: RedisServer,
) -> None:
    connection = RedisConnection(own_redis.url, TAG)
    await connection.open()
    await asyncio.to_thread(own_redis.kill)
    await lost(connection)
    few = await admitted(Limiter(connection, processes=4), RateLimits(concurrent=9), 20)
    one = await admitted(Limiter(connection, processes=4), RateLimits(concurrent=3), 20)
    await connection.close()

    assert (accepted(few), accepted(one)) == (2, 1)


async def test_an_emptied_redis_learns_again_what_was_used(connection: RedisConnection) -> None:
    limiter, limits = Limiter(connection), RateLimits(requests_per_minute=10)
    await admitted(limiter, limits, 8)
    await connection.call("FLUSHALL")
    await connection.close()
    await connection.open()

    assert accepted(await admitted(limiter, limits, 10)) == 2


async def test_a_long_request_keeps_its_slot_while_its_process_lives(
    connection: RedisConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_core.access.rate_limits.LEASE_S", 0.2)
    monkeypatch.setattr("ai_core.access.rate_limits.RENEW_EVERY_S", 0.05)
    limiter, limits = Limiter(connection), RateLimits(concurrent=1)
    renewing = asyncio.create_task(limiter.renew_leases())
    decision = await limiter.admit("k", limits, 0, None)
    first_lease_ends_ms = decision.decided_ms + 200
    async with asyncio.timeout(30):
        while await redis_now_ms(connection) <= first_lease_ends_ms:
            pass
    assert accepted(await admitted(Limiter(connection), limits, 1)) == 0

    renewing.cancel()
    await asyncio.wait([renewing])
    async with asyncio.timeout(30):
        while not accepted(await admitted(Limiter(connection), limits, 1)):
            pass


async def lost(connection: RedisConnection) -> None:
    async with asyncio.timeout(30):
        while True:
            if not connection.found.is_set():
                return
            await asyncio.sleep(0.01)


async def redis_now_ms(connection: RedisConnection) -> int:
    seconds, microseconds = await connection.call("TIME")
    return int(seconds) * 1_000 + int(microseconds) // 1_000
