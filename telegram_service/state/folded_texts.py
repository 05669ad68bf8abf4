"""What answers fold away where a message cannot fold: kept sealed until a button asks for it.

For as long as a conversation lasts in silence, the newest few of a chat, until the person erases.
Nothing is kept of who keeps no history: there the answer is sent whole.
"""

from shared.privacy.encryption import DecryptionFailed
from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChatId
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import ANSWER, Vault

NEWEST = 10


class FoldedTexts:
    """Folded texts by chat, each under the number of the update that was answered."""

    def __init__(self, redis: RedisConnection, vault: Vault, hours: int) -> None:
        self._redis = redis
        self._vault = vault
        self._ttl_s = hours * 3600

    def _key(self, chat: ChatId) -> str:
        return f"{KEY_PREFIX}:folded:{self._vault.name(chat)}"

    async def put(self, chat: ChatId, update_id: int, markdown: str) -> None:
        """Keep a text, and of the older ones the newest."""
        key = self._key(chat)
        await self._redis.call("HSET", key, update_id, self._vault.seal_text(markdown, ANSWER))
        await self._redis.call("EXPIRE", key, self._ttl_s)
        kept = sorted(map(int, await self._redis.call("HKEYS", key)))
        if old := kept[:-NEWEST]:
            await self._redis.call("HDEL", key, *old)

    async def get(self, chat: ChatId, update_id: int) -> str | None:
        """Return a text, None for one that is not kept any more."""
        sealed = await self._redis.call("HGET", self._key(chat), update_id)
        try:
            return self._vault.open_text(sealed, ANSWER) if sealed else None
        except DecryptionFailed:
            return None

    async def delete(self, chat: ChatId) -> None:
        """Delete a chat's texts."""
        await self._redis.call("DEL", self._key(chat))
