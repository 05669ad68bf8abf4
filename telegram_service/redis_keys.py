"""Redis as the bot asks it: one shared connection, every failure of it a MailboxLost.

Every key is `{tg}:` and a name, so that all are in one slot and a script may touch any of them on a
Redis Cluster: docs/decisions/0079-one-tag-per-service.md.
"""

from collections.abc import Sequence

from redis.exceptions import RedisError, ResponseError

from shared.stores.redis_connection import RedisLink, Reply, Script, Word
from telegram_service.errors import MailboxLost

TAG = "{tg}"


class Keyspace:
    """Calls and scripts over a link. Raises MailboxLost while Redis is lost or slow."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def call(self, *command: Word) -> Reply:
        """Send a command and return its reply."""
        try:
            return await self._link.call(*command)
        except ResponseError:
            raise
        except RedisError as error:
            raise MailboxLost(type(error).__name__) from error

    async def run(self, script: Script, keys: Sequence[Word], words: Sequence[Word]) -> Reply:
        """Run a script and return its reply."""
        try:
            return await self._link.run(script, keys, words)
        except ResponseError:
            raise
        except RedisError as error:
            raise MailboxLost(type(error).__name__) from error
