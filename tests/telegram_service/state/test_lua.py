"""The scripts of quotas, queue positions and statistics, each by itself."""

import pytest
import redis

from tests.telegram_service.lua_scripts import run_script

POSITION_KEYS = ["positions", "renewed", "tickets"]


def quota(client: redis.Redis, update_id: int, *limits: int) -> str:
    keys = [f"counted:{update_id}", "minute", "day", "all"]
    return str(run_script(client, "state/lua/quota.lua", keys, *limits, 60))


def position(client: redis.Redis, update_id: int, timeout_ms: int = 60_000) -> int:
    path = "state/lua/queue_position.lua"
    return int(run_script(client, path, POSITION_KEYS, update_id, timeout_ms))


@pytest.mark.parametrize(
    ("limits", "reached"), [((1, 9, 9), "minute"), ((9, 1, 9), "day"), ((9, 9, 1), "all")]
)
def test_each_limit_is_reported_when_it_is_reached(
    redis_client: redis.Redis, limits: tuple[int, int, int], reached: str
) -> None:
    assert quota(redis_client, 7, *limits) == ""
    assert quota(redis_client, 8, *limits) == reached


def test_a_question_counts_once_and_a_refused_one_not_at_all(redis_client: redis.Redis) -> None:
    assert [quota(redis_client, 7, 1, 9, 9) for _ in range(2)] == ["", ""]
    assert quota(redis_client, 8, 1, 9, 9) == "minute"
    assert redis_client.mget("minute", "day", "all") == ["1", "1", "1"]
    assert 0 < redis_client.ttl("minute") <= 60


def test_positions_follow_the_order_of_arrival(redis_client: redis.Redis) -> None:
    assert [position(redis_client, update_id) for update_id in (9, 7, 9, 8)] == [0, 1, 0, 2]


def test_a_position_that_is_not_renewed_is_dropped(redis_client: redis.Redis) -> None:
    position(redis_client, 9)
    redis_client.zadd("renewed", {"9": 1})
    assert position(redis_client, 7) == 0
    assert redis_client.zrange("positions", 0, -1) == ["7"]


def test_a_snapshot_sums_what_waits_in_queues_and_in_the_control_lane(
    redis_client: redis.Redis,
) -> None:
    redis_client.hset("counters", mapping={"accepted": 4, "settled": 1})
    redis_client.sadd("queued", "5", "6")
    redis_client.rpush("queue:5", "8||3000|payload", "9||4000|payload")
    redis_client.rpush("queue:6", "7|70|2000|payload")
    redis_client.xadd("control", {"chat": "5"})
    redis_client.zadd("postponed", {"6": 1})
    keys = ["counters", "queued", "control", "postponed"]
    reply = run_script(redis_client, "state/lua/snapshot.lua", keys, "queue:")
    assert reply == [["accepted", "4", "settled", "1"], 4, 1, "2000"]
    redis_client.flushall()
    assert run_script(redis_client, "state/lua/snapshot.lua", keys, "queue:") == [[], 0, 0, None]
