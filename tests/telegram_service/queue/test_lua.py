"""The scripts of the update queue, each by itself."""

from typing import Any

import pytest
import redis

from tests.telegram_service.lua_scripts import run_script

CHAT = "5"
GROUP = "workers"
RECEIVED_MS = 1_000
ENQUEUE_KEYS = ["id:{}", "queue", "queued", "ready", "counters", "chat", "ids", "control"]
CLAIM_KEYS = ["chat", "queue", "ready", "queued"]


@pytest.fixture
def client(redis_client: redis.Redis) -> redis.Redis:
    for stream in ("ready", "control"):
        redis_client.xgroup_create(stream, GROUP, "0", mkstream=True)
    return redis_client


def enqueue(
    client: redis.Redis,
    update_id: int,
    message: str = "",
    lane: str = "message",
    received_ms: int = RECEIVED_MS,
) -> int:
    keys = [ENQUEUE_KEYS[0].format(update_id), *ENQUEUE_KEYS[1:]]
    args = (CHAT, update_id, message, received_ms, f"payload {update_id}", lane, 60)
    return int(run_script(client, "queue/lua/enqueue.lua", keys, *args))


def read(client: redis.Redis, stream: str = "ready", worker: str = "w1") -> str:
    """Read the next message of a stream as a worker does; return its id."""
    reply: Any = client.xreadgroup(GROUP, worker, {stream: ">"}, count=1)
    return str(reply[0][1][0][0])


def messages(client: redis.Redis, stream: str) -> list[Any]:
    reply: Any = client.xrange(stream)
    return [fields for _, fields in reply]


def claim(client: redis.Redis, stream_id: str) -> Any:
    return run_script(client, "queue/lua/claim.lua", CLAIM_KEYS, stream_id, GROUP, CHAT, 8, 60)


def complete(client: redis.Redis, stream_id: str, fence: int, *update_ids: int) -> int:
    keys = ["chat", "queue", "ready", "queued", "counters", *(f"out:{n}" for n in update_ids)]
    heads = [one for update_id in update_ids for one in (update_id, RECEIVED_MS)]
    args: list[str | int] = [stream_id, GROUP, CHAT, fence, "answered", *heads]
    return int(run_script(client, "queue/lua/complete.lua", keys, *args))


def postpone(client: redis.Redis, stream_id: str, fence: int, failed: int | str = "") -> int:
    args: tuple[str | int, ...] = (stream_id, GROUP, CHAT, fence, 5_000, failed)
    keys = ["chat", "ready", "postponed"]
    return int(run_script(client, "queue/lua/postpone.lua", keys, *args))


def test_enqueue_keeps_an_update_once_and_counts_its_duplicate(client: redis.Redis) -> None:
    assert enqueue(client, 7, message="70") == 1
    assert enqueue(client, 7, message="70") == 0
    assert client.lrange("queue", 0, -1) == ["7|70|1000|payload 7"]
    assert client.hgetall("counters") == {"accepted": "1", "duplicates": "1"}
    assert client.ttl("id:7") > 0
    assert client.zrange("ids", 0, -1) == ["70"]


def test_enqueue_makes_a_chat_ready_once_however_many_updates_wait(client: redis.Redis) -> None:
    assert [enqueue(client, update_id) for update_id in (7, 8)] == [1, 1]
    assert client.smembers("queued") == {CHAT}
    assert messages(client, "ready") == [{"chat": CHAT}]


def test_enqueue_puts_a_control_update_beside_the_queue(client: redis.Redis) -> None:
    assert enqueue(client, 7, lane="control") == 1
    assert client.llen("queue") == 0
    assert messages(client, "control") == [{"chat": CHAT, "update": "7||1000|payload 7"}]


def test_enqueue_replaces_a_waiting_message_by_its_edit(client: redis.Redis) -> None:
    enqueue(client, 7, message="70")
    enqueue(client, 8, message="80")
    assert enqueue(client, 9, message="80", lane="edit") == 2
    assert client.lrange("queue", 0, -1) == ["7|70|1000|payload 7", "8|80|1000|payload 9"]
    assert client.hget("counters", "settled") == "1"


def test_enqueue_appends_the_edit_of_a_message_being_answered(client: redis.Redis) -> None:
    enqueue(client, 7, message="70")
    claim(client, read(client))
    assert enqueue(client, 9, message="70", lane="edit") == 1
    assert client.llen("queue") == 2


def test_claim_returns_the_updates_under_a_new_fence(client: redis.Redis) -> None:
    enqueue(client, 7)
    stream_id = read(client)
    assert claim(client, stream_id) == [1, 0, 0, "", ["7||1000|payload 7"]]


def test_claim_counts_the_deaths_of_workers_over_the_same_update(client: redis.Redis) -> None:
    enqueue(client, 7)
    stream_id = read(client)
    assert [claim(client, stream_id)[:2] for _ in range(3)] == [[1, 0], [2, 1], [3, 2]]


def test_claim_of_an_empty_queue_removes_the_chat(client: redis.Redis) -> None:
    enqueue(client, 7)
    client.delete("queue")
    assert claim(client, read(client)) is None
    assert client.xlen("ready") == 0
    assert not client.exists("queued")


def test_complete_removes_the_update_and_its_outbox(client: redis.Redis) -> None:
    enqueue(client, 7)
    client.set("out:7", "sent")
    stream_id = read(client)
    fence = claim(client, stream_id)[0]
    assert complete(client, stream_id, fence, 7) == 1
    assert not client.exists("queue", "out:7", "queued")
    assert client.xlen("ready") == 0
    assert client.hgetall("counters") == {"accepted": "1", "settled": "1", "answered": "1"}


def test_complete_makes_the_chat_ready_again_when_more_waits(client: redis.Redis) -> None:
    enqueue(client, 7)
    enqueue(client, 8)
    stream_id = read(client)
    fence = claim(client, stream_id)[0]
    assert complete(client, stream_id, fence, 7) == 1
    assert client.lrange("queue", 0, -1) == ["8||1000|payload 8"]
    assert read(client) != stream_id


def test_complete_leaves_a_later_update_that_was_edited_meanwhile(client: redis.Redis) -> None:
    for update_id in (7, 8, 9):
        enqueue(client, update_id, message=f"{update_id}0")
    stream_id = read(client)
    fence = claim(client, stream_id)[0]
    assert enqueue(client, 10, message="80", lane="edit", received_ms=RECEIVED_MS + 5) == 2
    assert complete(client, stream_id, fence, 7, 8, 9) == 1
    assert client.lrange("queue", 0, -1) == ["8|80|1005|payload 10", "9|90|1000|payload 9"]
    assert client.hmget("counters", "accepted", "settled", "answered") == ["4", "2", "1"]
    assert client.hget("chat", "last") == "7"
    assert read(client) != stream_id


def test_complete_under_an_old_fence_or_of_other_updates_changes_nothing(
    client: redis.Redis,
) -> None:
    enqueue(client, 7)
    stream_id = read(client)
    old = claim(client, stream_id)[0]
    new = claim(client, stream_id)[0]
    assert complete(client, stream_id, old, 7) == 0
    assert complete(client, stream_id, new, 8) == 0
    assert client.llen("queue") == 1
    assert client.hget("counters", "settled") is None


def test_complete_counts_an_update_older_than_the_last_one(client: redis.Redis) -> None:
    for update_id in (9, 7):
        enqueue(client, update_id)
        stream_id = read(client)
        assert complete(client, stream_id, claim(client, stream_id)[0], update_id) == 1
    assert client.hget("counters", "disordered") == "1"


def test_postpone_hides_the_chat_until_it_is_due(client: redis.Redis) -> None:
    enqueue(client, 7)
    stream_id = read(client)
    assert postpone(client, stream_id, claim(client, stream_id)[0]) == 0
    assert client.xlen("ready") == 0
    assert client.zrange("postponed", 0, -1, withscores=True) == [(CHAT, 5_000.0)]
    for now_ms, requeued in ((4_999, 0), (5_000, 1), (5_001, 0)):
        keys = ["postponed", "ready"]
        assert run_script(client, "queue/lua/requeue_due.lua", keys, now_ms, 10) == requeued
    assert read(client) != stream_id


def test_postpone_counts_the_failures_of_the_head(client: redis.Redis) -> None:
    enqueue(client, 7)
    stream_id = read(client)
    counts = [postpone(client, stream_id, claim(client, stream_id)[0], 7) for _ in range(2)]
    assert counts == [1, 2]
    assert claim(client, stream_id)[1:3] == [0, 2]


def test_postpone_under_an_old_fence_changes_nothing(client: redis.Redis) -> None:
    enqueue(client, 7)
    stream_id = read(client)
    claim(client, stream_id)
    claim(client, stream_id)
    assert postpone(client, stream_id, 1, 7) == -1
    assert not client.exists("postponed")


def test_renew_tells_what_was_lost_and_what_is_to_stop(client: redis.Redis) -> None:
    enqueue(client, 7)
    stream_id = read(client)
    fence = claim(client, stream_id)[0]
    client.hset("other chat", mapping={"fence": 3})
    args = (GROUP, "w2", stream_id, fence, "0-1", 2)
    keys = ["ready", "chat", "other chat"]
    assert run_script(client, "queue/lua/renew.lua", keys, *args) == ["", "lost"]
    [pending] = client.xpending_range("ready", GROUP, "-", "+", 1)
    assert pending["consumer"] == "w2"
    run_script(client, "queue/lua/stop_before.lua", ["chat"], 8, 60)
    assert run_script(client, "queue/lua/renew.lua", keys, *args) == ["8", "lost"]


def test_the_stop_mark_only_moves_forward(client: redis.Redis) -> None:
    for update_id in (8, 6):
        run_script(client, "queue/lua/stop_before.lua", ["chat"], update_id, 60)
    assert client.hget("chat", "stop_before") == "8"


def test_a_control_update_is_completed_only_under_the_newest_fence(client: redis.Redis) -> None:
    enqueue(client, 7, lane="control")
    client.set("out", "sent")
    stream_id = read(client, "control")
    claims = [run_script(client, "queue/lua/claim_control.lua", ["fence"], 60) for _ in range(2)]
    assert claims == [[1, 0], [2, 1]]
    keys, path = ["fence", "control", "counters", "out"], "queue/lua/complete_control.lua"
    assert run_script(client, path, keys, stream_id, GROUP, 1, "answered") == 0
    assert client.exists("out")
    assert run_script(client, path, keys, stream_id, GROUP, 2, "answered") == 1
    assert not client.exists("out", "fence")
    assert client.hmget("counters", "settled", "answered") == ["1", "1"]


def test_a_control_update_that_was_postponed_did_not_kill_its_worker(client: redis.Redis) -> None:
    path = "queue/lua/claim_control.lua"
    deaths = []
    for _ in range(12):
        deaths.append(run_script(client, path, ["fence"], 60)[1])
        client.hincrby("fence", "postponed", 1)
    assert deaths == [0] * 12
    for _ in range(3):  # and three that did
        died = run_script(client, path, ["fence"], 60)[1]
    assert died == 2


def drop_waiting(client: redis.Redis, until_ms: int) -> int:
    keys = ["queue", "chat", "counters"]
    return int(run_script(client, "queue/lua/drop_waiting.lua", keys, "out:", until_ms))


def test_drop_waiting_deletes_what_no_worker_has_begun(client: redis.Redis) -> None:
    for update_id in (7, 8, 9):
        enqueue(client, update_id)
        client.hset(f"out:{update_id}", "final/0", "1")
    fence = claim(client, stream_id := read(client))[0]
    assert drop_waiting(client, 1_000) == 2
    assert client.lrange("queue", 0, -1) == ["7||1000|payload 7"]
    assert client.exists("out:7", "out:8", "out:9") == 1
    assert complete(client, stream_id, fence, 7) == 1
    assert client.hgetall("counters") == {
        "accepted": "3", "settled": "3", "stopped": "2", "answered": "1",
    }  # fmt: skip


def test_drop_waiting_leaves_what_came_later(client: redis.Redis) -> None:
    enqueue(client, 7)
    assert drop_waiting(client, 999) == 0
    assert client.lrange("queue", 0, -1) == ["7||1000|payload 7"]
    assert drop_waiting(client, 1_000) == 1
    assert claim(client, read(client)) is None
