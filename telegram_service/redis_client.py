"""The bot's Redis: one shared connection, every failure of it a RedisUnavailable.

Every key is `{tg}:` and a name, so that all are in one slot and a script may touch any of them on a
Redis Cluster: docs/decisions/0079-one-hash-tag-per-service.md.
"""

from collections.abc import Awaitable, Callable, Sequence

from redis.exceptions import RedisError, ResponseError

from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection, Reply
from telegram_service.errors import RedisUnavailable

KEY_PREFIX = "{tg}"


class RedisClient:
    """Commands and scripts. Raises RedisUnavailable while Redis is lost or slow."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    async def call(self, *command: RedisArg) -> Reply:
        """Send a command and return its reply."""
        return await _translated(lambda: self._connection.call(*command))

    async def run(
        self, script: LuaScript, keys: Sequence[RedisArg], args: Sequence[RedisArg]
    ) -> Reply:
        """Run a script and return its reply."""
        return await _translated(lambda: self._connection.run(script, keys, args))


async def _translated(request: Callable[[], Awaitable[Reply]]) -> Reply:
    try:
        return await request()
    except ResponseError:
        raise
    except RedisError as error:
        raise RedisUnavailable(type(error).__name__) from error
