"""What Redis knows of WhatsApp: which messages of ours were accepted, whose window is open.

Every message carries a name of its own (`biz_opaque_callback_data`), and Meta's statuses bring it
back: after a crash between mark and reply they say whether it was sent. The name is a fingerprint
that says nothing to Meta; no id of WhatsApp, which would hold a phone number, is kept.
"""

import asyncio
import time

from shared.stores.redis_connection import RedisConnection
from telegram_service.addresses import ChatId
from telegram_service.queue.update_queue import COUNTERS, TTL_S
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import Vault

WINDOW_S = 24 * 3600
"""Free-form messages are accepted for 24 h after the person's last one (send-messages)."""
NAME_PREFIX = "cdtn:"
NAME_LENGTH = len(NAME_PREFIX) + 64
LOOK_EVERY_S = 0.1


class Receipts:
    """Raises RedisUnavailable."""

    def __init__(self, redis: RedisConnection, vault: Vault) -> None:
        self._redis = redis
        self._vault = vault

    def name(self, key: str) -> str:
        """Return the name of a message that statuses bring back, for its key in the outbox."""
        return NAME_PREFIX + self._vault.fingerprint(key, "whatsapp message").hex()

    async def note(self, name: str) -> None:
        """Note that a message was accepted; names that are not ours are ignored."""
        if name.startswith(NAME_PREFIX) and len(name) == NAME_LENGTH:
            await self._redis.call("SET", self._accepted_key(name), 1, "EX", TTL_S)

    async def accepted(self, name: str, until_s: float) -> bool:
        """Return whether a message was accepted, waiting for its status until a moment (Unix)."""
        while not await self._redis.call("EXISTS", self._accepted_key(name)):
            if time.time() >= until_s:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    async def open_window(self, chat: ChatId, age_s: float) -> None:
        """Record that a person wrote `age_s` ago; a window that is open longer stays so."""
        left_s = int(WINDOW_S - max(0.0, age_s))
        if left_s > 0:
            key = self._window_key(chat)
            if not await self._redis.call("SET", key, 1, "NX", "EX", left_s):
                await self._redis.call("EXPIRE", key, left_s, "GT")

    async def close_window(self, chat: ChatId) -> None:
        """Record that Meta says a person's window is closed."""
        await self._redis.call("DEL", self._window_key(chat))

    async def window_is_open(self, chat: ChatId) -> bool:
        """Return whether a person may be written to freely."""
        return bool(await self._redis.call("EXISTS", self._window_key(chat)))

    async def first_reminder(self, chat: ChatId) -> bool:
        """Return whether no template has gone to a person for a day, and record that one goes."""
        key = f"{KEY_PREFIX}:whatsapp:reminded:{self._vault.name(chat)}"
        return bool(await self._redis.call("SET", key, 1, "NX", "EX", WINDOW_S))

    async def count(self, name: str) -> None:
        """Raise a counter of /metrics."""
        await self._redis.call("HINCRBY", COUNTERS, name, 1)

    def _accepted_key(self, name: str) -> str:
        return f"{KEY_PREFIX}:whatsapp:accepted:{name.removeprefix(NAME_PREFIX)}"

    def _window_key(self, chat: ChatId) -> str:
        return f"{KEY_PREFIX}:whatsapp:window:{self._vault.name(chat)}"
