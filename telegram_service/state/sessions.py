"""The conversation a chat is in: by bot, chat and thread, in Redis, over after silence.

Never by person alone: what is said in private must not continue in a group.
"""

from dataclasses import dataclass

from telegram_service.redis_keys import TAG, Keyspace
from telegram_service.sending.sender import Place

PSEUDONYMS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Session:
    """An open conversation: its name in ai_core, and the last question's message."""

    conversation: str | None = None
    last_question: int | None = None


class Sessions:
    """Sessions of one bot; a session ends after `hours` of silence."""

    def __init__(self, redis: Keyspace, bot: str, hours: int) -> None:
        self._redis = redis
        self._bot = bot
        self._kept_s = hours * 3600

    def _key(self, place: Place) -> str:
        return f"{TAG}:session:{self._bot}:{place.chat}:{place.thread or 0}"

    async def get(self, place: Place) -> Session:
        """Return the session, an empty one when there is none."""
        told = await self._redis.call("HMGET", self._key(place), "conversation", "last")
        name, last = told
        return Session(name.decode() if name else None, int(last) if last else None)

    async def asked(self, place: Place, message_id: int) -> None:
        """Note the last question."""
        await self._set(place, "last", message_id)

    async def continued(self, place: Place, conversation: str) -> None:
        """Note the conversation's name in ai_core, for the next question and for erasure."""
        await self._set(place, "conversation", conversation)
        key = f"{TAG}:conversations:{place.chat}"
        await self._redis.call("SADD", key, conversation)
        await self._redis.call("EXPIRE", key, 90 * 86_400)

    async def end(self, place: Place) -> None:
        """Begin anew with the next question."""
        await self._redis.call("DEL", self._key(place))

    async def conversations(self, chat: int) -> list[str]:
        """Return the names ai_core may know a chat's conversations by."""
        told = await self._redis.call("SMEMBERS", f"{TAG}:conversations:{chat}")
        return sorted(name.decode() for name in told)

    async def forget(self, chat: int) -> int:
        """Remove all of a chat's sessions; return how many keys that were."""
        pattern = f"{TAG}:session:{self._bot}:{chat}:*"
        keys, cursor = [f"{TAG}:conversations:{chat}".encode()], b"0"
        while True:
            cursor, found = await self._redis.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            keys += found
            if cursor == b"0":
                return int(await self._redis.call("DEL", *keys))

    async def move(self, old: Place, new: Place) -> None:
        """Follow a group that became a supergroup."""
        exists = await self._redis.call("EXISTS", self._key(old))
        if exists:
            await self._redis.call("RENAME", self._key(old), self._key(new))

    async def pseudonym(self, place: Place, person: int) -> str:
        """Return a letter for a speaker of a group, the same for the whole session."""
        key, field = self._key(place), f"speaker:{person}"
        told = await self._redis.call("HGET", key, field)
        if not told:
            count = await self._redis.call("HINCRBY", key, "speakers", 1)
            letter = PSEUDONYMS[(int(count) - 1) % len(PSEUDONYMS)]
            await self._redis.call("HSETNX", key, field, letter)
            return letter
        return str(told, "ascii")

    async def _set(self, place: Place, field: str, value: str | int) -> None:
        await self._redis.call("HSET", self._key(place), field, value)
        await self._redis.call("EXPIRE", self._key(place), self._kept_s)
