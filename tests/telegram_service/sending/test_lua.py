"""The scripts of the channel Telegram and the outbox, each by itself."""

import redis

from tests.telegram_service.lua_scripts import run_script

RATE_KEYS = ["bot", "chat", "bot retry", "chat retry"]
RETRY_KEYS = ["bot retry", "chat retry", "refused", "counters"]


def acquire(client: redis.Redis, *, chat_burst: int = 2, bot: int = 0, chat: int = 0) -> int:
    """Ask for a call at 10/s for the bot and 1/s for the chat; `bot` and `chat` stay in reserve."""
    args = (10, 10, 1, chat_burst, bot, chat)
    return int(run_script(client, "channels/lua/acquire_rate.lua", RATE_KEYS, *args))


def record_429(client: redis.Redis, wait_ms: int, chat: str = "5", many: int = 3) -> None:
    path = "channels/lua/record_retry_after.lua"
    run_script(client, path, RETRY_KEYS, wait_ms, chat, many)


def test_calls_within_the_burst_go_and_the_next_waits_for_a_token(
    redis_client: redis.Redis,
) -> None:
    assert [acquire(redis_client) for _ in range(2)] == [0, 0]
    assert 900 < acquire(redis_client) <= 1_000


def test_a_call_that_waits_takes_no_token(redis_client: redis.Redis) -> None:
    acquire(redis_client, chat_burst=1)
    tokens = redis_client.hget("bot", "tokens")
    assert acquire(redis_client, chat_burst=1) > 0
    assert redis_client.hget("bot", "tokens") == tokens


def test_a_call_leaves_its_reserve_to_others(redis_client: redis.Redis) -> None:
    assert acquire(redis_client, chat=2) > 0
    assert acquire(redis_client, bot=10) > 0
    assert acquire(redis_client, chat=1) == 0


def test_a_429_blocks_its_chat_until_its_deadline_which_is_never_shortened(
    redis_client: redis.Redis,
) -> None:
    record_429(redis_client, 5_000)
    record_429(redis_client, 100)
    assert 4_000 < acquire(redis_client) <= 5_000
    assert not redis_client.exists("bot retry")
    assert redis_client.hget("counters", "refused_429") == "2"


def test_429s_of_many_chats_block_the_bot(redis_client: redis.Redis) -> None:
    for chat in ("5", "6", "7"):
        record_429(redis_client, 5_000, chat)
    assert 4_000 < redis_client.pttl("bot retry") <= 5_000


def test_an_outbox_is_written_only_under_the_current_fence(redis_client: redis.Redis) -> None:
    redis_client.hset("chat", "fence", "2")
    keys, path = ["chat", "outbox", "ids"], "sending/lua/write_fenced.lua"
    assert run_script(redis_client, path, keys, 1, 60, "", "final/0", "?9") == 0
    assert not redis_client.exists("outbox")
    assert run_script(redis_client, path, keys, 2, 60, "", "final/0", "?9") == 1
    assert not redis_client.exists("ids")
    assert run_script(redis_client, path, keys, 2, 60, 10, "final/0", "10", "answer", "x") == 1
    assert redis_client.hgetall("outbox") == {"final/0": "10", "answer": "x"}
    assert redis_client.zrange("ids", 0, -1) == ["10"]
    assert 0 < redis_client.ttl("outbox") <= 60
