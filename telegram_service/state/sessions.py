"""The open conversation of a chat, by bot, chat and thread, in Redis; it expires after silence.

Never by person alone: a private conversation must not continue in a group.
"""

import asyncio
from dataclasses import dataclass

from shared.stores.redis_connection import RedisConnection, Reply
from telegram_service.bot_api import ChatAddress
from telegram_service.redis_client import KEY_PREFIX

MOVED_TTL_S = 30 * 86_400
PSEUDONYMS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Session:
    """An open conversation: its id in ai_core, and the message of the last question."""

    conversation: str | None = None
    last_question: int | None = None


class Sessions:
    """Sessions of one bot; a session ends after `hours` of silence."""

    def __init__(self, redis: RedisConnection, bot: str, hours: int) -> None:
        self._redis = redis
        self._bot = bot
        self._ttl_s = hours * 3600

    def _key(self, address: ChatAddress) -> str:
        return f"{KEY_PREFIX}:session:{self._bot}:{address.chat}:{address.thread or 0}"

    def _moved_key(self, chat: int) -> str:
        return f"{KEY_PREFIX}:moved:{chat}"

    async def get(self, address: ChatAddress) -> Session:
        """Return the session, an empty one when there is none."""
        name, last = await self._redis.call("HMGET", self._key(address), "conversation", "last")
        return Session(name.decode() if name else None, int(last) if last else None)

    async def set_last_question(self, address: ChatAddress, message_id: int) -> None:
        """Record the message of the last question."""
        await asyncio.gather(*self._set(address, "last", message_id))

    async def set_conversation(self, address: ChatAddress, conversation: str) -> None:
        """Record the conversation's id in ai_core, for the next question and for erasure."""
        key = f"{KEY_PREFIX}:conversations:{address.chat}"
        await asyncio.gather(
            *self._set(address, "conversation", conversation),
            self._redis.call("SADD", key, conversation),
            self._redis.call("EXPIRE", key, 90 * 86_400),
        )

    async def end(self, address: ChatAddress) -> None:
        """Start a new conversation with the next question."""
        await self._redis.call("DEL", self._key(address))

    async def conversations(self, chat: int) -> list[str]:
        """Return the ids in ai_core of all conversations of a chat."""
        ids = await self._redis.call("SMEMBERS", f"{KEY_PREFIX}:conversations:{chat}")
        return sorted(each.decode() for each in ids)

    async def delete(self, chat: int) -> int:
        """Delete all of a chat's sessions; return how many keys that were."""
        pattern = f"{KEY_PREFIX}:session:{self._bot}:{chat}:*"
        keys, cursor = [f"{KEY_PREFIX}:conversations:{chat}".encode()], b"0"
        while True:
            cursor, found = await self._redis.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            keys += found
            if cursor == b"0":
                return int(await self._redis.call("DEL", *keys))

    async def move(self, old: ChatAddress, new: ChatAddress) -> None:
        """Follow a group that became a supergroup, with its session."""
        await self._redis.call("SET", self._moved_key(old.chat), new.chat, "EX", MOVED_TTL_S)
        exists = await self._redis.call("EXISTS", self._key(old))
        if exists:
            await self._redis.call("RENAME", self._key(old), self._key(new))

    async def current_chat(self, chat: int) -> int:
        """Return the supergroup a chat has become, or the chat itself."""
        moved = await self._redis.call("GET", self._moved_key(chat))
        return int(moved) if moved else chat

    async def pseudonym(self, address: ChatAddress, person: int) -> str:
        """Return a speaker's pseudonym in a group, one capital, the same for the whole session."""
        key, field = self._key(address), f"speaker:{person}"
        known = await self._redis.call("HGET", key, field)
        if not known:
            count = await self._redis.call("HINCRBY", key, "speakers", 1)
            pseudonym = PSEUDONYMS[(int(count) - 1) % len(PSEUDONYMS)]
            await self._redis.call("HSETNX", key, field, pseudonym)
            return pseudonym
        return str(known, "ascii")

    def _set(
        self, address: ChatAddress, field: str, value: str | int
    ) -> list[asyncio.Future[Reply]]:
        """Send the commands that set a field; their replies are awaited together."""
        key = self._key(address)
        return [
            self._redis.call("HSET", key, field, value),
            self._redis.call("EXPIRE", key, self._ttl_s),
        ]
