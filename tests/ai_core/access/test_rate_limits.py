import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_core.access.rate_limits import WINDOWS, Decision, Limiter, Limits, Tally
from ai_core.redis_keys import TAG
from deploy.local.redis_server import RedisServer
from shared.stores.redis_connection import RedisLink

ANSWER = f"{TAG}:answer:1"
OPEN = f"{TAG}:open:k"


async def admitted(limiter: Limiter, limits: Limits, times: int, cost: int = 0) -> list[Decision]:
    return list(
        await asyncio.gather(*(limiter.admit("k", limits, cost, None) for _ in range(times)))
    )


def accepted(decisions: list[Decision]) -> int:
    return sum(decision.refused is None for decision in decisions)


async def test_of_five_times_the_quota_at_once_exactly_the_quota_enters(link: RedisLink) -> None:
    decisions = await admitted(Limiter(link), Limits(requests_per_minute=60), 300)

    assert accepted(decisions) == 60
    refused = [decision for decision in decisions if decision.refused]
    assert {decision.refused for decision in refused} == {"requests"}
    assert all(59 < decision.wait_s <= 61 for decision in refused)


async def test_two_processes_share_one_quota(link: RedisLink) -> None:
    limits = Limits(requests_per_minute=50)
    both = await asyncio.gather(
        admitted(Limiter(link), limits, 100), admitted(Limiter(link), limits, 100)
    )

    assert accepted(both[0]) + accepted(both[1]) == 50


async def test_one_callers_quota_is_not_anothers(link: RedisLink) -> None:
    limiter, limits = Limiter(link), Limits(requests_per_minute=1)
    await limiter.admit("one", limits, 0, None)

    assert (await limiter.admit("one", limits, 0, None)).refused
    assert (await limiter.admit("another", limits, 0, None)).refused is None


async def test_tokens_are_reserved_then_given_back(link: RedisLink) -> None:
    limiter, limits = Limiter(link), Limits(tokens_per_minute=1_000, tokens_per_day=10_000)
    first = await limiter.admit("k", limits, 800, None)
    assert first.left == (-1, 200, 9_200)
    assert (await limiter.admit("k", limits, 300, None)).refused == "tokens-minute"

    await limiter.settle("k", limits, first, 800, 100)
    second = await limiter.admit("k", limits, 300, None)
    assert second.refused is None
    assert second.left == (-1, 600, 9_600)


async def test_a_visit_dearer_than_the_whole_budget_may_still_enter_alone(link: RedisLink) -> None:
    limiter, limits = Limiter(link), Limits(tokens_per_minute=100)

    assert (await limiter.admit("k", limits, 5_000, None)).refused is None
    assert (await limiter.admit("k", limits, 1, None)).refused == "tokens-minute"


async def test_a_place_is_free_again_when_the_visit_ends(link: RedisLink) -> None:
    limiter, limits = Limiter(link), Limits(concurrent=2)
    decisions = await admitted(limiter, limits, 10)
    assert accepted(decisions) == 2

    [first, _] = [decision for decision in decisions if decision.refused is None]
    await limiter.settle("k", limits, first, 0, 0)
    assert accepted(await admitted(limiter, limits, 10)) == 1


async def test_the_place_of_a_process_that_died_frees_itself(link: RedisLink) -> None:
    limits = Limits(concurrent=1)
    assert accepted(await admitted(Limiter(link), limits, 1)) == 1  # and never settles
    await link.call("ZADD", OPEN, 1, *(await link.call("ZRANGE", OPEN, 0, -1)))

    assert accepted(await admitted(Limiter(link), limits, 1)) == 1


async def test_a_visit_that_is_called_off_while_redis_decides_leaves_no_trace(
    link: RedisLink,
) -> None:
    limiter, limits = Limiter(link), Limits(concurrent=1)
    visit = asyncio.create_task(limiter.admit("k", limits, 0, None))
    await asyncio.sleep(0)
    visit.cancel()
    await asyncio.wait([visit])

    assert accepted(await admitted(limiter, limits, 1)) == 1


async def test_a_known_answer_takes_neither_tokens_nor_a_place(link: RedisLink) -> None:
    await link.call("SET", ANSWER, "kept")
    limiter, limits = Limiter(link), Limits(tokens_per_minute=10, concurrent=1)
    for _ in range(20):
        decision = await limiter.admit("k", limits, 10, ANSWER)
        assert decision.cached_reply == b"kept"
        assert decision.refused is None


async def test_without_limits_nothing_is_counted(link: RedisLink) -> None:
    await Limiter(link).admit("k", Limits(), 500, ANSWER)

    assert await link.call("KEYS", "*") == []


@pytest.mark.parametrize("fault", [RedisServer.kill, RedisServer.freeze])
async def test_the_quota_holds_while_redis_is_lost_and_when_it_is_back(
    own_redis: RedisServer, fault: Callable[[RedisServer], None]
) -> None:
    link = RedisLink(own_redis.url, TAG, timeout_s=0.2)
    await link.open()
    limiter, limits = Limiter(link), Limits(requests_per_minute=100, concurrent=1_000)
    before = await admitted(limiter, limits, 40)
    await asyncio.to_thread(fault, own_redis)
    during = await admitted(limiter, limits, 40)
    assert accepted(during) == 40
    assert all(decision.without_redis for decision in during)

    if fault is RedisServer.kill:
        await asyncio.to_thread(own_redis.start)
    own_redis.thaw()
    async with asyncio.timeout(10):
        await link.found.wait()
    for decision in before + during:
        await limiter.settle("k", limits, decision, 0, 0)
    after = await admitted(limiter, limits, 200)
    await link.close()

    assert not any(decision.without_redis for decision in after)
    assert (
        90 <= 80 + accepted(after) <= 100
    )  # it may have counted what it never answered: never more


async def test_an_emptied_redis_learns_again_what_was_used(link: RedisLink) -> None:
    limiter, limits = Limiter(link), Limits(requests_per_minute=10)
    await admitted(limiter, limits, 8)
    await link.call("FLUSHALL")
    await link.close()
    await link.open()

    assert accepted(await admitted(limiter, limits, 10)) == 2


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=40),
    st.integers(5, 20),
)
def test_no_span_as_long_as_the_window_holds_more_than_the_limit(
    visits: list[tuple[float, int]], limit: int
) -> None:
    tally, now_s = Tally(WINDOWS[0]), 0.0
    entered: list[tuple[float, int]] = []
    for pause_s, cost in visits:
        now_s += pause_s
        if tally.used(now_s) + cost <= limit:
            tally.add(now_s, cost)
            entered.append((now_s, cost))

    for start_s, _ in entered:
        span = [cost for moment_s, cost in entered if start_s <= moment_s < start_s + 60]
        assert sum(span) <= limit


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5)), min_size=1, max_size=30))
def test_after_the_wait_it_fits_and_just_before_it_does_not(
    used: list[tuple[float, int]],
) -> None:
    tally, now_s = Tally(WINDOWS[0]), 0.0
    for pause_s, amount in used:
        now_s += pause_s
        tally.add(now_s, amount)
    limit = tally.used(now_s)
    wait_s = tally.wait_s(now_s, 1)

    assert tally.used(now_s + wait_s - 0.01) == limit
    assert tally.used(now_s + wait_s + 0.01) < limit


async def test_a_long_visit_keeps_its_place_while_its_process_lives(
    link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_core.access.rate_limits.LEASE_S", 0.2)
    monkeypatch.setattr("ai_core.access.rate_limits.RENEW_EVERY_S", 0.05)
    limiter, limits = Limiter(link), Limits(concurrent=1)
    renewing = asyncio.create_task(limiter.renew_leases())
    await limiter.admit("k", limits, 0, None)
    await asyncio.sleep(0.4)
    assert accepted(await admitted(Limiter(link), limits, 1)) == 0

    renewing.cancel()
    await asyncio.wait([renewing])
    await asyncio.sleep(0.3)
    assert accepted(await admitted(Limiter(link), limits, 1)) == 1
