"""The outbox of one update: each of its messages is sent once, even when a worker crashes.

Before a message is sent, it is marked in the outbox; afterwards its id is recorded. An edit is
idempotent and needs neither. A mark without an id means that a worker crashed, or that Telegram's
reply was lost, in between: then the chat is searched among the unknown message ids for one of ours
(is_ours), because sendMessage has no idempotency key. See docs/decisions/0022.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection
from telegram_service.bot_api import ChatAddress
from telegram_service.errors import LeaseLost, TelegramLost, TelegramRefused
from telegram_service.queue.update_queue import COUNTERS, TTL_S, Lease, message_ids_key
from telegram_service.sending.formatting import OutgoingMessage
from telegram_service.sending.sender import Priority, Sender

WRITE_FENCED = LuaScript.read(Path(__file__).parent / "lua" / "write_fenced.lua")
IDS_AFTER_NEWEST = 10
"""Ids probed after the newest known one: what was sent just before a crash."""
MAX_PROBES = 24
UNCERTAIN = b"?"


class Outbox:
    """What was sent for one update: parts by name, each with the id of its message."""

    def __init__(
        self, redis: RedisConnection, sender: Sender, lease: Lease, fields: dict[str, bytes]
    ):
        self._redis = redis
        self._sender = sender
        self._lease = lease
        self._fields = fields

    @classmethod
    async def open(cls, redis: RedisConnection, sender: Sender, lease: Lease) -> "Outbox":
        """Load what an earlier holder of the lease has sent."""
        flat = await redis.call("HGETALL", lease.outbox_key)
        fields = {flat[n].decode(): flat[n + 1] for n in range(0, len(flat), 2)}
        return cls(redis, sender, lease, fields)

    def get(self, name: str) -> bytes | None:
        """Return a field, or None."""
        return self._fields.get(name) or None

    def message_id(self, part: str) -> int | None:
        """Return the id of a part that is known to be sent."""
        value = self.get(part)
        return int(value) if value and not value.startswith(UNCERTAIN) else None

    async def write(self, **fields: str | bytes | int) -> None:
        """Store fields. Raises LeaseLost when another worker has taken over."""
        await self._write(fields, known="")

    async def _write(self, fields: Mapping[str, str | bytes | int], known: int | str) -> None:
        args: list[RedisArg] = [self._lease.fence, TTL_S, known]
        for name, value in fields.items():
            args += [name, value]
        keys = [self._lease.fence_key, self._lease.outbox_key, message_ids_key(self._lease.chat)]
        if not await self._redis.run(WRITE_FENCED, keys, args):
            raise LeaseLost(self._lease.fence_key)
        self._fields |= {
            name: value if isinstance(value, bytes) else str(value).encode()
            for name, value in fields.items()
        }

    async def send(
        self,
        part: str,
        address: ChatAddress,
        message: OutgoingMessage,
        priority: Priority = Priority.REPLY,
    ) -> int:
        """Send a message once, and return its id, however often this is called."""
        return await self.once(
            part, address, message, lambda: self._sender.send(address, message, priority)
        )

    async def send_file(
        self, part: str, address: ChatAddress, name: str, content: bytes, caption: str
    ) -> int:
        """Send a document once."""
        return await self.once(
            part,
            address,
            OutgoingMessage(text=caption),
            lambda: self._sender.send_file(address, name, content, caption),
        )

    async def once(
        self,
        part: str,
        address: ChatAddress,
        message: OutgoingMessage,
        send: Callable[[], Awaitable[int]],
    ) -> int:
        """Call `send` once for this part; `message` is the content to recognize it by."""
        state = self.get(part) or b""
        if state and not state.startswith(UNCERTAIN):
            return int(state)
        found = await self._search(address, message, int(state[1:])) if state else None
        if found is None:
            newest = await self._newest(address)
            await self.write(**{part: f"?{newest}"})
            try:
                found = await send()
            except TelegramRefused:
                await self.write(**{part: ""})
                raise
            except TelegramLost as lost:
                if not lost.sent:
                    await self.write(**{part: ""})
                raise
        await self._write({part: found}, known=found)
        return found

    async def edit(
        self, part: str, address: ChatAddress, message_id: int, message: OutgoingMessage
    ) -> None:
        """Replace the text of a message of ours, and record that it was done."""
        if self.message_id(part) is None:
            await self._sender.edit(address, message_id, message, Priority.FINAL)
            await self.write(**{part: message_id})

    async def _search(
        self, address: ChatAddress, message: OutgoingMessage, since: int
    ) -> int | None:
        """Return the id of a message of ours that no outbox knows, sent after `since`."""
        key = message_ids_key(self._sender.name(address))
        known = {
            int(number) for number in await self._redis.call("ZRANGEBYSCORE", key, since, "+inf")
        }
        top = max(known, default=since) + IDS_AFTER_NEWEST
        gaps = [number for number in range(since + 1, top + 1) if number not in known]
        for number in gaps[:MAX_PROBES]:
            if await self._sender.is_ours(address, number, message):
                await self._redis.call("HINCRBY", COUNTERS, "found_again", 1)
                return number
        if len(gaps) > MAX_PROBES:
            await self._redis.call("HINCRBY", COUNTERS, "resent_blindly", 1)
        return None

    async def _newest(self, address: ChatAddress) -> int:
        key = message_ids_key(self._sender.name(address))
        newest = await self._redis.call("ZREVRANGE", key, 0, 0)
        return int(newest[0]) if newest else 0
