"""The bot's Redis: every failure of a connection is a RedisUnavailable.

Every key is `{tg}:` and a name, so that all are in one slot and a script may touch any of them on a
Redis Cluster: docs/decisions/0079-one-hash-tag-per-service.md.
"""

from redis.exceptions import RedisError

from shared.stores.redis_connection import RedisConnection
from telegram_service.errors import RedisUnavailable

KEY_PREFIX = "{tg}"


def redis_client(url: str, timeout_s: float) -> RedisConnection:
    """Return a connection, not open yet, that raises RedisUnavailable while Redis is lost or slow.

    A command that Redis refuses is a ResponseError.
    """
    return RedisConnection(url, KEY_PREFIX, timeout_s=timeout_s, failure=_unavailable)


def _unavailable(error: RedisError) -> RedisUnavailable:
    return RedisUnavailable(type(error).__name__)
