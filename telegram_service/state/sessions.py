"""The open conversation of a chat, by bot, chat and thread, in Redis; it expires after silence.

Never by person alone: a private conversation must not continue in a group. A conversation's id
opens it in ai_core, so it is kept encrypted.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.languages import LANGUAGES, Language
from shared.privacy.encryption import DecryptionFailed
from shared.stores.redis_connection import RedisConnection, Reply
from telegram_service.addresses import ChatAddress, ChatId, MessageId
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import SESSION, Vault

MOVED_TTL_S = 30 * 86_400
GREETED_TTL_S = 86_400
"""Who adds the bot to a group again within a day is not greeted again."""
ALBUM_TTL_S = 600
"""How late a file of an album may come: one that was slow to upload."""
CONVERSATIONS_TTL_S = 90 * 86_400
"""Longer than any ai_core keeps a conversation after its last turn."""
PSEUDONYMS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Session:
    """An open conversation: its id in ai_core, the messages of the last question, its language."""

    conversation: str | None = None
    last_question: frozenset[int] = frozenset()
    language: Language | None = None


@dataclass(frozen=True)
class Asked:
    """What was read in a message: a fingerprint of its words, and by which update."""

    update_id: int
    words: str


class Accounts(Protocol):
    """Knows our own account on the channel of a chat."""

    def account(self, chat: ChatId) -> str:
        """Return the account's id."""
        ...


class Sessions:
    """Sessions; one ends after `hours` of silence."""

    def __init__(
        self, redis: RedisConnection, vault: Vault, accounts: Accounts, hours: int
    ) -> None:
        self._redis = redis
        self._vault = vault
        self._accounts = accounts
        self._ttl_s = hours * 3600

    def key(self, address: ChatAddress) -> str:
        """Return the key of a session; what belongs to it begins with it."""
        return f"{self._prefix(address.chat)}:{address.thread or 0}"

    def _prefix(self, chat: ChatId) -> str:
        return f"{KEY_PREFIX}:session:{self._accounts.account(chat)}:{self._vault.name(chat)}"

    def _greeted_key(self, chat: ChatId) -> str:
        return f"{KEY_PREFIX}:greeted:{self._vault.name(chat)}"

    def _moved_key(self, chat: ChatId) -> str:
        return f"{KEY_PREFIX}:moved:{self._vault.name(chat)}"

    def _conversations_key(self, chat: ChatId) -> str:
        return f"{KEY_PREFIX}:conversations:{self._vault.name(chat)}"

    def _opened(self, sealed: bytes | None) -> str | None:
        """Return what `seal_text` made; None when its key has left the key file."""
        try:
            return self._vault.open_text(sealed, SESSION) if sealed else None
        except DecryptionFailed:
            return None

    async def get(self, address: ChatAddress) -> Session:
        """Return the session, an empty one when there is none."""
        sealed, last, spoken = await self._redis.call(
            "HMGET", self.key(address), "conversation", "last", "language"
        )
        language = next((one for one in LANGUAGES if spoken == one.encode()), None)
        numbers = frozenset(map(int, (last or b"").split()))
        return Session(self._opened(sealed), numbers, language)

    async def set_last_question(self, address: ChatAddress, asked: Sequence[MessageId]) -> None:
        """Record the messages of the last question, where they have numbers and are edited."""
        if numbers := [str(one) for one in asked if isinstance(one, int)]:
            await asyncio.gather(*self._set(address, "last", " ".join(numbers).encode()))

    async def is_first_of_album(self, address: ChatAddress, album: str, update_id: int) -> bool:
        """Return whether no other update has begun to answer an album."""
        key = f"{self.key(address)}:album:{self._vault.fingerprint(album, SESSION).hex()}"
        await self._redis.call("SET", key, update_id, "NX", "EX", ALBUM_TTL_S)
        return int(await self._redis.call("GET", key) or update_id) == update_id

    async def words_asked(self, address: ChatAddress, message_id: MessageId) -> Asked | None:
        """Return what was last read in a message for the bot; None where nothing was."""
        found = await self._redis.call("HGET", self.key(address), f"asked:{message_id}")
        if not found:
            return None
        update_id, _, words = found.decode().partition(":")
        return Asked(int(update_id), words)

    async def set_asked(
        self, address: ChatAddress, message_id: MessageId, asked: Asked, *, command: bool
    ) -> None:
        """Record what is read in a message for the bot, so that an edit can be told from it."""
        if isinstance(message_id, int):
            value = f"{asked.update_id}:{asked.words}".encode()
            commands = self._set(address, f"asked:{message_id}", value)
            if command:
                commands += self._set(address, "last_command", message_id)
            await asyncio.gather(*commands)

    async def last_command(self, address: ChatAddress) -> int | None:
        """Return the message of the last command."""
        last = await self._redis.call("HGET", self.key(address), "last_command")
        return int(last) if last else None

    async def hand_over(
        self, address: ChatAddress, message_id: MessageId, placeholder: int | None
    ) -> None:
        """Leave a question, and the placeholder of its answer, to the edit of its message."""
        await self._redis.call("HDEL", self.key(address), f"asked:{message_id}")
        if placeholder:
            value = f"{message_id}:{placeholder}".encode()
            await asyncio.gather(*self._set(address, "placeholder", value))

    async def take_placeholder(self, address: ChatAddress, message_id: MessageId) -> int | None:
        """Return the placeholder that the answer before an edit has left, once."""
        found = await self._redis.call("HGET", self.key(address), "placeholder")
        of, _, placeholder = (found or b"").decode().partition(":")
        if of != str(message_id):
            return None
        await self._redis.call("HDEL", self.key(address), "placeholder")
        return int(placeholder)

    async def set_language(self, address: ChatAddress, language: Language) -> None:
        """Record the language of the last question."""
        await asyncio.gather(*self._set(address, "language", language.encode()))

    async def set_conversation(self, address: ChatAddress, conversation: str) -> None:
        """Record the conversation's id in ai_core, for the next question and for erasure."""
        key, sealed = (
            self._conversations_key(address.chat),
            self._vault.seal_text(conversation, SESSION),
        )
        fingerprint = self._vault.fingerprint(conversation, SESSION)
        await asyncio.gather(
            *self._set(address, "conversation", sealed),
            self._redis.call("HSET", key, fingerprint, sealed),
            self._redis.call("EXPIRE", key, CONVERSATIONS_TTL_S),
        )

    async def end(self, address: ChatAddress) -> None:
        """Start a new conversation with the next question."""
        await self._redis.call("DEL", self.key(address))

    async def conversations(self, chat: ChatId) -> list[str]:
        """Return the ids in ai_core of all conversations of a chat."""
        sealed = await self._redis.call("HVALS", self._conversations_key(chat))
        return sorted(filter(None, map(self._opened, sealed)))

    async def delete(self, chat: ChatId) -> int:
        """Delete all of a chat's sessions; return how many keys that were."""
        pattern = f"{self._prefix(chat)}:*"
        keys, cursor = [self._conversations_key(chat).encode()], b"0"
        while True:
            cursor, found = await self._redis.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            keys += found
            if cursor == b"0":
                return int(await self._redis.call("DEL", *keys))

    async def move(self, old: ChatAddress, new: ChatAddress) -> None:
        """Follow a group that became a supergroup, with its session."""
        sealed = self._vault.seal_text(str(new.chat), SESSION)
        await self._redis.call("SET", self._moved_key(old.chat), sealed, "EX", MOVED_TTL_S)
        exists = await self._redis.call("EXISTS", self.key(old))
        if exists:
            await self._redis.call("RENAME", self.key(old), self.key(new))

    async def greeted_s_ago(self, chat: ChatId) -> float | None:
        """Return how long ago a group was greeted; None when that was not lately."""
        at_s = await self._redis.call("GET", self._greeted_key(chat))
        return time.time() - float(at_s) if at_s else None

    async def set_greeted(self, chat: ChatId) -> None:
        """Remember that a group is greeted now."""
        await self._redis.call("SET", self._greeted_key(chat), time.time(), "EX", GREETED_TTL_S)

    async def current_chat(self, chat: ChatId) -> ChatId:
        """Return the supergroup a chat has become, or the chat itself."""
        moved = self._opened(await self._redis.call("GET", self._moved_key(chat)))
        return int(moved) if moved else chat

    async def pseudonym(self, address: ChatAddress, person: ChatId) -> str:
        """Return a speaker's pseudonym in a group, one capital, the same for the whole session."""
        key, field = self.key(address), f"speaker:{self._vault.name(person)}"
        known = await self._redis.call("HGET", key, field)
        if not known:
            count = await self._redis.call("HINCRBY", key, "speakers", 1)
            pseudonym = PSEUDONYMS[(int(count) - 1) % len(PSEUDONYMS)]
            await self._redis.call("HSETNX", key, field, pseudonym)
            return pseudonym
        return str(known, "ascii")

    def _set(
        self, address: ChatAddress, field: str, value: bytes | int
    ) -> list[asyncio.Future[Reply]]:
        """Send the commands that set a field; their replies are awaited together."""
        key = self.key(address)
        return [
            self._redis.call("HSET", key, field, value),
            self._redis.call("EXPIRE", key, self._ttl_s),
        ]
