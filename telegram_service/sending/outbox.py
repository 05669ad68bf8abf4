"""What was sent for an update, so that nothing is sent twice, whoever dies in between.

Before a message leaves, a mark says so; after, its id. An edit is idempotent and needs neither. A
mark without an id means that a worker died, or that Telegram's answer was lost, in between: then
the chat is searched among the message ids nobody knows for one that is ours (is_ours), because
sendMessage has no idempotency key. See docs/decisions/0022.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from shared.stores.redis_connection import Script, Word
from telegram_service.errors import LeaseLost, TelegramLost, TelegramRefused
from telegram_service.queue.update_queue import COUNTS, KEPT_S, Lease, ids_key
from telegram_service.redis_keys import Keyspace
from telegram_service.sending.formatting import Letter
from telegram_service.sending.sender import Place, Priority, Sender

WRITE = Script.read(Path(__file__).parent / "lua" / "write.lua")
BEYOND = 10
"""Ids looked at after the newest one known: what was sent just before a crash."""
MOST_PROBES = 24
UNKNOWN = b"?"


class Record:
    """What was done for one update: parts by name, each with the id of its message."""

    def __init__(self, redis: Keyspace, sender: Sender, lease: Lease, fields: dict[str, bytes]):
        self._redis = redis
        self._sender = sender
        self._lease = lease
        self._fields = fields

    @classmethod
    async def open(cls, redis: Keyspace, sender: Sender, lease: Lease) -> "Record":
        """Read what an earlier holder of the lease has done."""
        told = await redis.call("HGETALL", lease.record_key)
        fields = {told[place].decode(): told[place + 1] for place in range(0, len(told), 2)}
        return cls(redis, sender, lease, fields)

    def get(self, name: str) -> bytes | None:
        """Return a field, or None."""
        return self._fields.get(name) or None

    def message_id(self, part: str) -> int | None:
        """Return the id of a part that was sent for certain."""
        value = self.get(part)
        return int(value) if value and not value.startswith(UNKNOWN) else None

    async def write(self, **fields: str | bytes | int) -> None:
        """Keep fields. Raises LeaseLost when another worker has taken over."""
        await self._write(fields, known="")

    async def _write(self, fields: Mapping[str, str | bytes | int], known: int | str) -> None:
        words: list[Word] = [self._lease.fence, KEPT_S, known]
        for name, value in fields.items():
            words += [name, value]
        keys = [self._lease.fence_key, self._lease.record_key, ids_key(self._lease.chat)]
        if not await self._redis.run(WRITE, keys, words):
            raise LeaseLost(self._lease.fence_key)
        self._fields |= {
            name: value if isinstance(value, bytes) else str(value).encode()
            for name, value in fields.items()
        }

    async def send(
        self, part: str, place: Place, letter: Letter, priority: Priority = Priority.REPLY
    ) -> int:
        """Send a message once, and return its id, however often this is called."""
        return await self.once(
            part, place, letter, lambda: self._sender.send(place, letter, priority)
        )

    async def send_file(
        self, part: str, place: Place, name: str, content: bytes, caption: str
    ) -> int:
        """Send a document once."""
        return await self.once(
            part,
            place,
            Letter(text=caption),
            lambda: self._sender.send_file(place, name, content, caption),
        )

    async def once(
        self, part: str, place: Place, letter: Letter, send: Callable[[], Awaitable[int]]
    ) -> int:
        """Do `send` once for this part; `letter` tells what its message looks like."""
        state = self.get(part) or b""
        if state and not state.startswith(UNKNOWN):
            return int(state)
        found = await self._search(place, letter, int(state[1:])) if state else None
        if found is None:
            newest = await self._newest(place)
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

    async def edit(self, part: str, place: Place, message_id: int, letter: Letter) -> None:
        """Turn a message of ours into its final text, and note that it was done."""
        if self.message_id(part) is None:
            await self._sender.edit(place, message_id, letter, Priority.FINAL)
            await self.write(**{part: message_id})

    async def _search(self, place: Place, letter: Letter, since: int) -> int | None:
        """Return the id of a message of ours that no record knows, sent after `since`."""
        key = ids_key(str(place.chat))
        known = {
            int(number) for number in await self._redis.call("ZRANGEBYSCORE", key, since, "+inf")
        }
        top = max(known, default=since) + BEYOND
        gaps = [number for number in range(since + 1, top + 1) if number not in known]
        for number in gaps[:MOST_PROBES]:
            if await self._sender.is_ours(place, number, letter):
                await self._redis.call("HINCRBY", COUNTS, "found_again", 1)
                return number
        if len(gaps) > MOST_PROBES:
            await self._redis.call("HINCRBY", COUNTS, "resent_blindly", 1)
        return None

    async def _newest(self, place: Place) -> int:
        key = ids_key(str(place.chat))
        told = await self._redis.call("ZREVRANGE", key, 0, 0)
        return int(told[0]) if told else 0
