"""The durable queue of updates: each kept once, one chat at a time in order, chats side by side.

Deduplication: `UpdateQueue.enqueue` runs lua/enqueue.lua, which remembers an event's id for 25
hours and drops what a channel delivers again. Telegram numbers its updates; other channels' events
get the next number of a sequence, far above Telegram's.

A chat's updates wait in its own list; the stream `ready_chats` carries only the names of chats that
have something to do, so the worker that reads a name owns that chat. Each claim raises the chat's
fencing token, and every later write names it: a worker that was frozen and comes back changes
nothing. The control lane (stop, reset, buttons) is a second stream and overtakes the lists.

Redis gets an update encrypted, and a chat as its fingerprint (`Vault.name`): everywhere here `chat`
is that. What the scripts read is outside: the update's id, the message's number, the time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from redis.exceptions import ResponseError

from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection, Reply
from telegram_service.addresses import ChannelName
from telegram_service.errors import LeaseLost, RedisUnavailable
from telegram_service.queue.event import Event
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.vault import SUPERGROUP, UPDATE, Vault

LUA = Path(__file__).parent / "lua"
ENQUEUE = LuaScript.read(LUA / "enqueue.lua")
CLAIM = LuaScript.read(LUA / "claim.lua")
COMPLETE = LuaScript.read(LUA / "complete.lua")
POSTPONE = LuaScript.read(LUA / "postpone.lua")
REQUEUE_DUE = LuaScript.read(LUA / "requeue_due.lua")
RENEW = LuaScript.read(LUA / "renew.lua")
STOP_BEFORE = LuaScript.read(LUA / "stop_before.lua")
DROP_WAITING = LuaScript.read(LUA / "drop_waiting.lua")
CLAIM_CONTROL = LuaScript.read(LUA / "claim_control.lua")
COMPLETE_CONTROL = LuaScript.read(LUA / "complete_control.lua")

GROUP = "workers"
READY = f"{KEY_PREFIX}:ready_chats"
CONTROL = f"{KEY_PREFIX}:control"
POSTPONED = f"{KEY_PREFIX}:postponed_chats"
QUEUED_CHATS = f"{KEY_PREFIX}:queued_chats"
COUNTERS = f"{KEY_PREFIX}:counters"
DEAD_LETTERS = f"{KEY_PREFIX}:dead_letters"
SEQUENCE = f"{KEY_PREFIX}:sequence"
FIRST_NUMBER = 2**40
"""Events that their channel does not number begin here, far above Telegram's 32 bits."""
TTL_S = 90_000
"""25 hours: Telegram delivers an update again for up to 24."""
UPDATES_PER_CLAIM = 12
"""Enough for an album, of ten at most, and for a long text that a client split."""
MAX_DEAD_LETTERS = 1_000

Outcome = Literal["answered", "ignored", "stopped", "dead"]


@dataclass(frozen=True)
class QueuedUpdate:
    """One update as it waits: `sealed` is the channel's JSON, encrypted (`UpdateQueue.payload`)."""

    update_id: int
    received_ms: int
    sealed: bytes


@dataclass(frozen=True)
class Lease:
    """The right to work on a chat's first updates, or on one update of the control lane.

    `fence` is the fencing token, `stream_id` the message of the stream that was read. `deaths`
    counts workers that crashed on it, `failures` attempts that raised; nothing up to `stop_before`
    is to be answered.
    """

    chat: str
    stream_id: bytes
    stream: str
    fence: int
    fence_key: str
    updates: tuple[QueuedUpdate, ...]
    deaths: int = 0
    failures: int = 0
    stop_before: int = 0

    @property
    def update_id(self) -> int:
        """Return the id of the first update."""
        return self.updates[0].update_id

    @property
    def outbox_key(self) -> str:
        """Return the key of what was sent for the first update."""
        return outbox_key(self.chat, self.update_id)


def chat_key(chat: str) -> str:
    """Return the key of a chat's fencing token, failures and stop mark."""
    return f"{KEY_PREFIX}:chat:{chat}"


def queue_key(chat: str) -> str:
    """Return the key of a chat's waiting updates."""
    return f"{KEY_PREFIX}:queue:{chat}"


def outbox_key(chat: str, update_id: int | str) -> str:
    """Return the key of what was sent for an update."""
    return f"{KEY_PREFIX}:outbox:{chat}:{update_id}"


def message_ids_key(chat: str, channel: ChannelName = "telegram") -> str:
    """Return the key of known message ids.

    In Telegram a supergroup numbers its own, other chats share; elsewhere a channel's are one row.
    """
    if channel != "telegram":
        return f"{KEY_PREFIX}:message_ids:{channel}"
    return f"{KEY_PREFIX}:message_ids:{chat if chat.startswith(SUPERGROUP) else 'account'}"


def now_ms() -> int:
    """Return the wall-clock time, as workers and ingest compare it."""
    return time.time_ns() // 1_000_000


class UpdateQueue:
    """The ingest side and the workers' side of the same keys.

    `blocking_redis` is a second connection, for reads that wait; ingest needs none. Raises
    RedisUnavailable whenever Redis does not answer.
    """

    def __init__(
        self, redis: RedisConnection, vault: Vault, blocking_redis: RedisConnection | None = None
    ) -> None:
        self._redis = redis
        self._vault = vault
        self._blocking_redis = blocking_redis

    async def enqueue(self, event: Event, payload: bytes, *, update_id: int | None = None) -> bool:
        """Encrypt and store an event; False for a duplicate.

        Once this returns, it is not lost. `update_id` is its number where the channel gives one.
        """
        chat = self._vault.name(event.chat)
        keys = [
            self._event_key(event), queue_key(chat), QUEUED_CHATS, READY, COUNTERS,
            chat_key(chat), message_ids_key(chat, event.channel), CONTROL, SEQUENCE,
        ]  # fmt: skip
        args: list[RedisArg] = [
            chat,
            "" if update_id is None else update_id,
            event.message_id or "",
            now_ms(),
            self._vault.seal(event.channel.encode() + b"\n" + payload, UPDATE),
            event.lane,
            TTL_S,
            FIRST_NUMBER,
        ]
        try:
            return bool(await self._redis.run(ENQUEUE, keys, args))
        except RedisUnavailable as error:
            error.retry_after_s = 2
            raise
        except ResponseError as error:
            raise RedisUnavailable(type(error).__name__, retry_after_s=2) from error

    def _event_key(self, event: Event) -> str:
        """Return the key that remembers an event; ids of WhatsApp hold a phone number."""
        if event.channel == "telegram":
            return f"{KEY_PREFIX}:update_ids:{event.event_id}"
        name = self._vault.fingerprint(event.event_id, "event id").hex()[:32]
        return f"{KEY_PREFIX}:update_ids:{event.channel}:{name}"

    def payload(self, update: QueuedUpdate) -> tuple[str, bytes]:
        """Return an update's channel, and its JSON. Raises DecryptionFailed."""
        channel, _, payload = self._vault.open(update.sealed, UPDATE).partition(b"\n")
        return channel.decode(), payload

    async def create_streams(self) -> None:
        """Create the streams and their consumer group unless they exist."""
        for stream in (READY, CONTROL):
            try:
                await self._call("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def read(
        self, worker: str, streams: Sequence[str], count: int, timeout_ms: int
    ) -> list[tuple[str, bytes, list[bytes]]]:
        """Wait for new messages of some streams, `count` of each: stream, message id, fields.

        One command for all streams: two would wait for each other on the one connection.
        """
        if self._blocking_redis is None:
            raise RedisUnavailable("no connection for blocking reads")
        try:
            reply = await self._blocking_redis.call(
                "XREADGROUP", "GROUP", GROUP, worker, "COUNT", count, "BLOCK", timeout_ms,
                "STREAMS", *streams, *(">" for _ in streams),
            )  # fmt: skip
        except ResponseError:
            await self.create_streams()
            return []
        return [
            (stream.decode(), stream_id, fields)
            for stream, messages in reply or []
            for stream_id, fields in messages
        ]

    async def read_abandoned(
        self, worker: str, stream: str, idle_s: float, count: int
    ) -> list[tuple[bytes, list[bytes]]]:
        """Take over messages whose worker has been silent for `idle_s`."""
        reply = await self._call(
            "XAUTOCLAIM", stream, GROUP, worker, int(idle_s * 1000), "0-0", "COUNT", count
        )
        return [(stream_id, fields) for stream_id, fields in reply[1] if fields]

    async def claim(self, stream_id: bytes, chat: str) -> Lease | None:
        """Lease a chat's first updates; None when nothing waits after all."""
        keys = [chat_key(chat), queue_key(chat), READY, QUEUED_CHATS]
        reply = await self._run(CLAIM, keys, [stream_id, GROUP, chat, UPDATES_PER_CLAIM, TTL_S])
        if reply is None:
            return None
        fence, deaths, failures, stop_before, stored = reply
        return Lease(
            chat, stream_id, READY, fence, chat_key(chat), tuple(map(parse_queued_update, stored)),
            deaths, failures, int(stop_before or 0),
        )  # fmt: skip

    async def claim_control(self, stream_id: bytes, chat: str, stored: bytes) -> Lease:
        """Lease an update of the control lane."""
        update = parse_queued_update(stored)
        fence_key = f"{CONTROL}:{update.update_id}"
        fence, deaths = await self._run(CLAIM_CONTROL, [fence_key], [TTL_S])
        return Lease(chat, stream_id, CONTROL, fence, fence_key, (update,), deaths)

    async def complete(
        self, lease: Lease, outcome: Outcome, updates: Sequence[QueuedUpdate]
    ) -> None:
        """Remove the first updates of a chat and end the lease. Raises LeaseLost.

        One after the first whose message was edited meanwhile waits on, to be answered as an edit.
        """
        if lease.stream == CONTROL:
            keys = [lease.fence_key, CONTROL, COUNTERS, lease.outbox_key]
            args: list[RedisArg] = [lease.stream_id, GROUP, lease.fence, outcome]
            done = await self._run(COMPLETE_CONTROL, keys, args)
        else:
            outboxes = [outbox_key(lease.chat, update.update_id) for update in updates]
            heads = [one for each in updates for one in (each.update_id, each.received_ms)]
            keys = [lease.fence_key, queue_key(lease.chat), READY, QUEUED_CHATS, COUNTERS]
            args = [lease.stream_id, GROUP, lease.chat, lease.fence, outcome, *heads]
            done = await self._run(COMPLETE, [*keys, *outboxes], args)
        if not done:
            raise LeaseLost(lease.fence_key)

    async def postpone(self, lease: Lease, delay_s: float, *, failed: bool = False) -> int:
        """End the lease and hide the chat for `delay_s`; return how often its head has failed.

        An update of the control lane is left to be claimed again. Raises LeaseLost.
        """
        if lease.stream == CONTROL:
            counted = "failures" if failed else "postponed"
            return int(await self._call("HINCRBY", lease.fence_key, counted, 1))
        keys = [chat_key(lease.chat), READY, POSTPONED]
        due_ms = now_ms() + int(delay_s * 1000)
        failed_update = lease.update_id if failed else ""
        args: list[RedisArg] = [
            lease.stream_id,
            GROUP,
            lease.chat,
            lease.fence,
            due_ms,
            failed_update,
        ]
        failures = int(await self._run(POSTPONE, keys, args))
        if failures < 0:
            raise LeaseLost(lease.fence_key)
        return failures

    async def peek(self, lease: Lease) -> tuple[QueuedUpdate, ...]:
        """Return the first updates of a chat as they are now."""
        stored = await self._call("LRANGE", queue_key(lease.chat), 0, UPDATES_PER_CLAIM - 1)
        return tuple(map(parse_queued_update, stored))

    async def is_edited(self, lease: Lease) -> bool:
        """Return whether the message at hand was edited meanwhile: the edit waits as an update."""
        if lease.stream == CONTROL:
            return False
        edited = await self._call("HGET", chat_key(lease.chat), "edited")
        return edited is not None and int(edited) == lease.update_id

    async def requeue_due(self) -> int:
        """Make postponed chats ready whose time has come; return how many."""
        return int(await self._run(REQUEUE_DUE, [POSTPONED, READY], [now_ms(), 100]))

    async def renew(self, worker: str, leases: Sequence[Lease]) -> list[int | None]:
        """Extend leases; for each its stop mark, or None when it was lost.

        `leases` has those of the ready lane first: the result is in that order.
        """
        stops: list[int | None] = []
        for stream in (READY, CONTROL):
            mine = [lease for lease in leases if lease.stream == stream]
            if not mine:
                continue
            keys = [stream, *(lease.fence_key for lease in mine)]
            args = [arg for lease in mine for arg in (lease.stream_id, lease.fence)]
            reply = await self._run(RENEW, keys, [GROUP, worker, *args])
            stops += [None if stop == b"lost" else int(stop or 0) for stop in reply]
        return stops

    async def stop_before(self, chat: str, update_id: int) -> None:
        """Ask that nothing older than `update_id` be answered in a chat."""
        await self._run(STOP_BEFORE, [chat_key(chat)], [update_id, TTL_S])

    async def add_dead_letter(self, lease: Lease, reason: str, person: str) -> None:
        """Store an update that could not be handled, encrypted, for an operator.

        `person` is its sender's fingerprint, empty when it cannot be read.
        """
        await self._call(
            "XADD", DEAD_LETTERS, "MAXLEN", MAX_DEAD_LETTERS, "*", "update", lease.update_id,
            "chat", lease.chat, "person", person, "reason", reason,
            "received_ms", lease.updates[0].received_ms, "sealed", lease.updates[0].sealed,
        )  # fmt: skip

    async def drop_waiting(self, chat: str, received_ms: int) -> int:
        """Delete a chat's updates received up to a moment that no worker has begun.

        Return how many. They count as stopped.
        """
        prefix = outbox_key(chat, "")
        keys = [queue_key(chat), chat_key(chat), COUNTERS]
        return int(await self._run(DROP_WAITING, keys, [prefix, received_ms]))

    async def remove_worker(self, worker: str) -> None:
        """Remove a worker that ends well from the group, unless messages are still its own."""
        for stream in (READY, CONTROL):
            pending = await self._call("XPENDING", stream, GROUP, "-", "+", 1, worker)
            if not pending:
                await self._call("XGROUP", "DELCONSUMER", stream, GROUP, worker)

    async def _call(self, *command: RedisArg) -> Reply:
        try:
            return await self._redis.call(*command)
        except ResponseError as error:
            await self._recreate_streams(error)
            raise

    async def _run(self, script: LuaScript, keys: Sequence[str], args: Sequence[RedisArg]) -> Reply:
        try:
            return await self._redis.run(script, keys, args)
        except ResponseError as error:
            await self._recreate_streams(error)
            raise

    async def _recreate_streams(self, refusal: ResponseError) -> None:
        """Recreate the group when Redis restarted empty, and raise RedisUnavailable."""
        if "NOGROUP" in str(refusal):
            await self.create_streams()
            raise RedisUnavailable(type(refusal).__name__) from refusal


def parse_queued_update(stored: bytes) -> QueuedUpdate:
    """Parse what enqueue.lua stored: update id, message id, time and payload between bars."""
    update_id, _, received_ms, sealed = stored.split(b"|", 3)
    return QueuedUpdate(int(update_id), int(received_ms), sealed)
