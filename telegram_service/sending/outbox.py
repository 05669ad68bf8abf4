"""The outbox of one update: each of its messages is sent once, even when a worker crashes.

Before a message is sent, it is marked in the outbox; afterwards its id is recorded. An edit is
idempotent and needs neither. A mark without an id means that a worker crashed, or that the
channel's reply was lost, in between: then the channel is asked whether the message was sent
(`Channel.find`). See docs/decisions/0022.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection
from telegram_service.addresses import ChatAddress, MessageId
from telegram_service.channels.channel import Channel, Priority
from telegram_service.channels.message import OutgoingMessage
from telegram_service.errors import ChannelLost, ChannelRefused, LeaseLost
from telegram_service.queue.update_queue import TTL_S, Lease, message_ids_key

WRITE_FENCED = LuaScript.read(Path(__file__).parent / "lua" / "write_fenced.lua")
UNCERTAIN = b"?"


class Outbox:
    """What was sent for one update: parts by name, each with the id of its message."""

    def __init__(
        self, redis: RedisConnection, channel: Channel, lease: Lease, fields: dict[str, bytes]
    ):
        self._redis = redis
        self._channel = channel
        self._lease = lease
        self._fields = fields

    @classmethod
    async def open(cls, redis: RedisConnection, channel: Channel, lease: Lease) -> "Outbox":
        """Load what an earlier holder of the lease has sent."""
        flat = await redis.call("HGETALL", lease.outbox_key)
        fields = {flat[n].decode(): flat[n + 1] for n in range(0, len(flat), 2)}
        return cls(redis, channel, lease, fields)

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
        """Send a message once, and return its number, however often this is called."""
        return await self.once(
            part,
            address,
            message,
            lambda key: self._channel.send(address, message, priority, key),
        )

    async def send_file(
        self, part: str, address: ChatAddress, name: str, content: bytes, caption: str
    ) -> int:
        """Send a document once."""
        return await self.once(
            part,
            address,
            OutgoingMessage(text=caption),
            lambda key: self._channel.send_file(address, name, content, caption, key),
        )

    async def once(
        self,
        part: str,
        address: ChatAddress,
        message: OutgoingMessage,
        send: Callable[[str], Awaitable[int]],
    ) -> int:
        """Call `send` once for this part; `message` is the content to recognize it by."""
        state, key = self.get(part) or b"", f"{self._lease.outbox_key}/{part}"
        if state and not state.startswith(UNCERTAIN):
            return int(state)
        found = None
        if state:
            found = await self._channel.find(address, message, state[1:].decode(), key)
        if found is None:
            await self.write(**{part: f"?{await self._channel.mark(address)}"})
            try:
                found = await send(key)
            except ChannelRefused:
                await self.write(**{part: ""})
                raise
            except ChannelLost as lost:
                if not lost.sent:
                    await self.write(**{part: ""})
                raise
        await self._write({part: found}, known=found or "")
        return found

    async def edit(
        self, part: str, address: ChatAddress, message_id: MessageId, message: OutgoingMessage
    ) -> None:
        """Replace a message of ours, and record that it was done; the channel must edit."""
        if self.message_id(part) is None:
            await self._channel.edit(address, message_id, message, Priority.FINAL)
            await self.write(**{part: message_id})
