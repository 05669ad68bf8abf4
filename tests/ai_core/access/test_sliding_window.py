"""The window's promises, and that Redis and this process decide alike."""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_core.access.rate_limits import ADMIT, REQUESTS, TOKENS_DAY, TOKENS_MINUTE
from ai_core.access.sliding_window import Charge, Usage, Window, count, decide
from ai_core.redis_keys import KEYS_VERSION, TAG
from shared.stores.redis_connection import RedisArg, RedisConnection

SPAN_MS = REQUESTS.span_s * 1_000
OPEN_KEY, USAGE_KEY, CACHE_KEY = f"{TAG}:open:k", f"{TAG}:usage:k", f"{TAG}:answer:k"
WINDOWS = (REQUESTS, TOKENS_MINUTE, TOKENS_DAY)


@given(
    st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 5)), max_size=40),
    st.integers(5, 20),
)
def test_no_span_as_long_as_the_window_holds_more_than_the_limit(
    requests: list[tuple[int, int]], limit: int
) -> None:
    usage: Usage = {}
    now_ms = 0
    admitted: list[tuple[int, int]] = []
    for pause_ms, cost in requests:
        now_ms += pause_ms
        if decide(usage, [Charge(REQUESTS, limit, cost)], now_ms, busy=False).refused is None:
            count(usage, REQUESTS, now_ms, cost)
            admitted.append((now_ms, cost))

    for start_ms, _ in admitted:
        span = [cost for at_ms, cost in admitted if start_ms <= at_ms < start_ms + SPAN_MS]
        assert sum(span) <= limit


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 5)), min_size=1, max_size=30))
def test_after_the_wait_it_fits_and_just_before_it_does_not(
    requests: list[tuple[int, int]],
) -> None:
    usage: Usage = {}
    now_ms = 0
    for pause_ms, amount in requests:
        now_ms += pause_ms
        count(usage, REQUESTS, now_ms, amount)
    used = usage[REQUESTS]
    limit = REQUESTS.total(used, now_ms)
    wait_ms = REQUESTS.wait_ms(used, now_ms, 1)

    assert REQUESTS.total(used, now_ms + wait_ms - 1) == limit
    assert REQUESTS.total(used, now_ms + wait_ms) < limit


AMOUNTS = st.dictionaries(st.integers(0, 70), st.integers(0, 9), max_size=12)
"""By age in slots."""


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(WINDOWS), AMOUNTS, st.integers(1, 30), st.integers(0, 12)),
        unique_by=lambda window: window[0],
    ),
    st.sampled_from([0, 1, 3]),
    st.integers(0, 3),
    st.booleans(),
)
async def test_redis_and_this_process_decide_alike(
    connection: RedisConnection,
    windows: list[tuple[Window, dict[int, int], int, int]],
    concurrent: int,
    open_here: int,
    is_cached: bool,
) -> None:
    await connection.call("FLUSHALL")
    if is_cached:
        await connection.call("SET", CACHE_KEY, "kept")
    now_s, _ = await connection.call("TIME")
    args: list[RedisArg] = ["id", 20_000, concurrent, open_here]
    usage: Usage = {}
    charges = []
    for window, by_age, limit, cost in windows:
        slot = int(now_s) * 1_000 // window.slot_ms
        usage[window] = {slot - age: by_age[age] for age in sorted(by_age, reverse=True)}
        args += [*window, limit, min(cost, limit), 0, 0]
        is_free = is_cached and window is not REQUESTS
        charges.append(Charge(window, limit, 0 if is_free else min(cost, limit)))

    await connection.call("SET", USAGE_KEY, packed(usage))

    keys = (KEYS_VERSION, OPEN_KEY, USAGE_KEY, CACHE_KEY)
    _, reply, now_ms, *decided = await connection.run(ADMIT, keys, args)
    busy = not is_cached and 0 < concurrent <= open_here
    verdict = decide(usage, charges, now_ms, busy=busy)
    assert (reply is not None) == is_cached
    assert decided == [(verdict.refused or "").encode(), verdict.wait_ms, *verdict.left]

    admitted = verdict.refused is None
    for window, _, cost in charges if admitted else ():
        count(usage, window, now_ms, cost)
    if usage:
        assert await stored_usage(connection) == usage
    holds_slot = admitted and concurrent > 0 and not is_cached
    assert await connection.call("ZCARD", OPEN_KEY) == int(holds_slot)


def packed(usage: Usage) -> bytes:
    flat = {window.name: sum(used.items(), ()) for window, used in usage.items()}
    return msgspec.msgpack.encode(flat)


async def stored_usage(connection: RedisConnection) -> Usage:
    stored = msgspec.msgpack.decode(await connection.call("GET", USAGE_KEY))
    return {
        window: dict(zip(stored[window.name][::2], stored[window.name][1::2], strict=True))
        for window in WINDOWS
        if window.name in stored
    }
