"""Commands and notices that come many at once: answered a few times, then left out.

An answer takes a second of a chat's limit at Telegram, so thirty of them would delay the next
question by half a minute.
"""

import asyncio

from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChatId
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import Vault

SAME_AT_ONCE, NOTICES_AT_ONCE, COMMANDS_AT_ONCE = 3, 2, 10
WINDOW_S, NOTICE_WINDOW_S = 2, 60
ANY_COMMAND = "any command"
PURPOSE = "telegram command"


class Repeats:
    """Counts by update ids, so that an update that is handled again counts once.

    Raises RedisUnavailable.
    """

    def __init__(self, redis: RedisConnection, vault: Vault) -> None:
        self._redis = redis
        self._vault = vault

    async def place(self, chat: ChatId, what: str, update_id: int, window_s: int = WINDOW_S) -> int:
        """Return how many came before an update, of the same kind and with no pause of a window."""
        named = self._vault.fingerprint(what, PURPOSE).hex()[:16]
        key = f"{KEY_PREFIX}:repeats:{self._vault.name(chat)}:{named}"
        *_, place = await asyncio.gather(
            self._redis.call("ZADD", key, update_id, update_id),
            self._redis.call("EXPIRE", key, window_s),
            self._redis.call("ZRANK", key, update_id),
        )
        return int(place or 0)
