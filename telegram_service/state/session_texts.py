"""Texts that a conversation needs for a short while, sealed in Redis: a document, sources.

Their keys begin with those of the chat's sessions, so that an erasure deletes them too
(`Sessions.delete`).
"""

from collections.abc import Sequence

import orjson

from shared.privacy.encryption import DecryptionFailed
from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChatAddress
from telegram_service.state.sessions import Sessions
from telegram_service.vault import SESSION, Vault


class SessionTexts:
    """Texts by chat, thread and name."""

    def __init__(self, redis: RedisConnection, vault: Vault, sessions: Sessions) -> None:
        self._redis = redis
        self._vault = vault
        self._sessions = sessions

    async def keep(self, address: ChatAddress, name: str, texts: Sequence[str], ttl_s: int) -> None:
        """Keep some texts under a name, in place of others, until `ttl_s` have passed."""
        sealed = self._vault.seal(orjson.dumps(list(texts)), SESSION)
        await self._redis.call("SET", self._key(address, name), sealed, "EX", ttl_s)

    async def get(self, address: ChatAddress, name: str) -> list[str]:
        """Return the texts of a name; none where they are not kept or nobody can read them."""
        sealed = await self._redis.call("GET", self._key(address, name))
        if sealed is None:
            return []
        try:
            texts: list[str] = orjson.loads(self._vault.open(sealed, SESSION))
        except DecryptionFailed:
            return []
        return texts

    async def forget(self, address: ChatAddress, *names: str) -> None:
        """Delete the texts of some names."""
        await self._redis.call("DEL", *(self._key(address, name) for name in names))

    def _key(self, address: ChatAddress, name: str) -> str:
        return f"{self._sessions.key(address)}:{name}"
