"""The mailboxes: every update accepted once, one chat at a time in order, chats side by side.

A chat's updates wait in its own list; the stream `ready` carries only the names of chats that have
something to do, so a worker that takes a name owns that chat. Each taking raises the chat's fence,
and every later write names its fence: a worker that was frozen and comes back changes nothing.
The control lane (stop, reset, buttons) is a second stream and overtakes the mailboxes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from redis.exceptions import RedisError, ResponseError

from shared.stores.redis_connection import RedisLink, Reply, Script, Word
from telegram_service.errors import LeaseLost, MailboxLost
from telegram_service.redis_keys import TAG

LUA = Path(__file__).parent / "lua"
ACCEPT = Script.read(LUA / "accept.lua")
TAKE = Script.read(LUA / "take.lua")
SETTLE = Script.read(LUA / "settle.lua")
POSTPONE = Script.read(LUA / "postpone.lua")
WAKE = Script.read(LUA / "wake.lua")
RENEW = Script.read(LUA / "renew.lua")
STOP = Script.read(LUA / "stop.lua")
TAKE_CONTROL = Script.read(LUA / "take_control.lua")
SETTLE_CONTROL = Script.read(LUA / "settle_control.lua")

GROUP = "workers"
READY, CONTROL, LATER = f"{TAG}:ready", f"{TAG}:control", f"{TAG}:later"
ACTIVE, COUNTS, DEAD = f"{TAG}:active", f"{TAG}:counts", f"{TAG}:dead"
KEPT_S = 90_000
"""25 hours: Telegram delivers an update again for up to 24."""
LOOKED_AT = 8
"""Entries a worker sees at once: enough for a long text that a client split."""
DEAD_KEPT = 1_000
SUPERGROUP = "-100"

Kind = Literal["post", "edit", "control"]
Outcome = Literal["answered", "ignored", "stopped", "dead"]


@dataclass(frozen=True)
class Entry:
    """One update as it waits: `payload` is Telegram's JSON."""

    update_id: int
    received_ms: int
    payload: bytes


@dataclass(frozen=True)
class Lease:
    """The right to work on a chat's first updates, or on one entry of the control lane.

    `deaths` counts workers that died over it, `failures` tries that raised; `stop_mark` is the
    update up to which the person wants no answer.
    """

    chat: str
    token: bytes
    stream: str
    fence: int
    fence_key: str
    entries: tuple[Entry, ...]
    deaths: int = 0
    failures: int = 0
    stop_mark: int = 0

    @property
    def update_id(self) -> int:
        """Return the id of the update at the head."""
        return self.entries[0].update_id

    @property
    def record_key(self) -> str:
        """Return where the outbox keeps what was sent for it."""
        return record_key(self.chat, self.update_id)


def chat_key(chat: str) -> str:
    """Return where a chat's fence and marks are."""
    return f"{TAG}:chat:{chat}"


def box_key(chat: str) -> str:
    """Return where a chat's updates wait."""
    return f"{TAG}:box:{chat}"


def record_key(chat: str, update_id: int) -> str:
    """Return where the outbox keeps what was sent for an update."""
    return f"{TAG}:out:{chat}:{update_id}"


def ids_key(chat: str) -> str:
    """Return where known message ids are: a supergroup numbers its own, other chats share."""
    return f"{TAG}:ids:{chat if chat.startswith(SUPERGROUP) else 'account'}"


def now_ms() -> int:
    """Return the time in milliseconds, as workers and ingest compare it."""
    return time.time_ns() // 1_000_000


class Mailbox:
    """The ingest side and the workers' side of the same keys.

    `reader` is a second link, for reads that wait; ingest needs none. Raises MailboxLost whenever
    Redis does not answer.
    """

    def __init__(self, redis: RedisLink, reader: RedisLink | None = None) -> None:
        self._redis = redis
        self._reader = reader

    async def accept(
        self, update_id: int, chat: str, message_id: int | None, kind: Kind, payload: bytes
    ) -> bool:
        """Keep an update; False when it was here before. Once this returns, it is not lost."""
        keys = [
            f"{TAG}:seen:{update_id}", box_key(chat), ACTIVE, READY, COUNTS,
            chat_key(chat), ids_key(chat), CONTROL,
        ]  # fmt: skip
        words: list[Word] = [chat, update_id, message_id or "", now_ms(), payload, kind, KEPT_S]
        try:
            return bool(await self._redis.run(ACCEPT, keys, words))
        except RedisError as error:
            raise MailboxLost(type(error).__name__, retry_after_s=2) from error

    async def prepare(self) -> None:
        """Make the streams and their group when they are not there."""
        for stream in (READY, CONTROL):
            try:
                await self._call("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def wait(
        self, worker: str, streams: Sequence[str], count: int, wait_ms: int
    ) -> list[tuple[str, bytes, list[bytes]]]:
        """Wait for the next tokens of some streams, `count` of each: stream, token, fields.

        One command for all streams: two would wait for each other on the one connection.
        """
        if self._reader is None:
            raise MailboxLost("no reader")
        try:
            told = await self._reader.call(
                "XREADGROUP", "GROUP", GROUP, worker, "COUNT", count, "BLOCK", wait_ms,
                "STREAMS", *streams, *(">" for _ in streams),
            )  # fmt: skip
        except ResponseError:
            await self.prepare()
            return []
        except RedisError as error:
            raise MailboxLost(type(error).__name__) from error
        return [
            (stream.decode(), token, fields)
            for stream, entries in told or []
            for token, fields in entries
        ]

    async def abandoned(
        self, worker: str, stream: str, idle_s: float, count: int
    ) -> list[tuple[bytes, list[bytes]]]:
        """Claim tokens whose worker has been silent for `idle_s`."""
        told = await self._call(
            "XAUTOCLAIM", stream, GROUP, worker, int(idle_s * 1000), "0-0", "COUNT", count
        )
        return [(token, fields) for token, fields in told[1] if fields]

    async def take(self, token: bytes, chat: str) -> Lease | None:
        """Begin with a chat's head; None when there is nothing after all."""
        keys = [chat_key(chat), box_key(chat), READY, ACTIVE]
        told = await self._run(TAKE, keys, [token, GROUP, chat, LOOKED_AT, KEPT_S])
        if told is None:
            return None
        fence, deaths, failures, stop, entries = told
        return Lease(
            chat, token, READY, fence, chat_key(chat), tuple(map(read_entry, entries)),
            deaths, failures, int(stop or 0),
        )  # fmt: skip

    async def take_control(self, token: bytes, chat: str, entry: bytes) -> Lease:
        """Begin with an entry of the control lane."""
        read = read_entry(entry)
        fence_key = f"{CONTROL}:{read.update_id}"
        fence, deaths = await self._run(TAKE_CONTROL, [fence_key], [KEPT_S])
        return Lease(chat, token, CONTROL, fence, fence_key, (read,), deaths)

    async def settle(self, lease: Lease, outcome: Outcome, entries: Sequence[Entry]) -> None:
        """End the work on the first entries of a chat. Raises LeaseLost."""
        if lease.stream == CONTROL:
            keys = [lease.fence_key, CONTROL, COUNTS, lease.record_key]
            words: list[Word] = [lease.token, GROUP, lease.fence, outcome]
            done = await self._run(SETTLE_CONTROL, keys, words)
        else:
            ids = [entry.update_id for entry in entries]
            records = [record_key(lease.chat, update_id) for update_id in ids]
            keys = [lease.fence_key, box_key(lease.chat), READY, ACTIVE, COUNTS, *records]
            words = [lease.token, GROUP, lease.chat, lease.fence, outcome, *ids]
            done = await self._run(SETTLE, keys, words)
        if not done:
            raise LeaseLost(lease.fence_key)

    async def postpone(self, lease: Lease, delay_s: float, *, failed: bool = False) -> int:
        """Put the chat aside for `delay_s`; return how often its head has failed so far.

        An entry of the control lane is simply left to be claimed again.
        """
        if lease.stream == CONTROL:
            return int(await self._call("HINCRBY", lease.fence_key, "failures", int(failed)))
        keys = [chat_key(lease.chat), READY, LATER]
        due = now_ms() + int(delay_s * 1000)
        mark = lease.update_id if failed else ""
        words: list[Word] = [lease.token, GROUP, lease.chat, lease.fence, due, mark]
        failures = int(await self._run(POSTPONE, keys, words))
        if failures < 0:
            raise LeaseLost(lease.fence_key)
        return failures

    async def look(self, lease: Lease) -> tuple[Entry, ...]:
        """Return the first entries of a chat as they are now."""
        told = await self._call("LRANGE", box_key(lease.chat), 0, LOOKED_AT - 1)
        return tuple(map(read_entry, told))

    async def wake(self) -> int:
        """Make the chats ready whose time has come; return how many."""
        return int(await self._run(WAKE, [LATER, READY], [now_ms(), 100]))

    async def renew(self, worker: str, leases: Sequence[Lease]) -> list[int | None]:
        """Say we are alive; for each lease its stop mark, or None when it was lost."""
        told: list[int | None] = []
        for stream in (READY, CONTROL):
            mine = [lease for lease in leases if lease.stream == stream]
            if not mine:
                continue
            keys = [stream, *(lease.fence_key for lease in mine)]
            facts = [fact for lease in mine for fact in (lease.token, lease.fence)]
            marks = await self._run(RENEW, keys, [GROUP, worker, *facts])
            told += [None if mark == b"lost" else int(mark or 0) for mark in marks]
        return told

    async def stop_before(self, chat: str, update_id: int) -> None:
        """Ask that nothing older than `update_id` be answered in a chat."""
        await self._run(STOP, [chat_key(chat)], [update_id, KEPT_S])

    async def bury(self, lease: Lease, reason: str, sealed: bytes) -> None:
        """Keep what could not be handled, sealed, for an operator to look at."""
        await self._call(
            "XADD", DEAD, "MAXLEN", DEAD_KEPT, "*",
            "update", lease.update_id, "chat", lease.chat, "reason", reason, "sealed", sealed,
        )  # fmt: skip

    async def exhume(self, chat: str) -> int:
        """Remove a chat's dead letters for good; return how many."""
        told = await self._call("XRANGE", DEAD, "-", "+")
        wanted = chat.encode()
        tokens = [token for token, fields in told if fields[fields.index(b"chat") + 1] == wanted]
        return int(await self._call("XDEL", DEAD, *tokens)) if tokens else 0

    async def forget_worker(self, worker: str) -> None:
        """Remove a worker that ends well; its tokens, if any, are first left to the others."""
        for stream in (READY, CONTROL):
            pending = await self._call("XPENDING", stream, GROUP, "-", "+", 1, worker)
            if not pending:
                await self._call("XGROUP", "DELCONSUMER", stream, GROUP, worker)

    async def _call(self, *command: Word) -> Reply:
        try:
            return await self._redis.call(*command)
        except RedisError as error:
            raise await self._understood(error) from error

    async def _run(self, script: Script, keys: Sequence[str], words: Sequence[Word]) -> Reply:
        try:
            return await self._redis.run(script, keys, words)
        except RedisError as error:
            raise await self._understood(error) from error

    async def _understood(self, error: RedisError) -> Exception:
        """Return what an error of Redis means; make the group again when Redis came back empty."""
        if isinstance(error, ResponseError) and "NOGROUP" not in str(error):
            return error
        if isinstance(error, ResponseError):
            await self.prepare()
        return MailboxLost(type(error).__name__)


def read_entry(stored: bytes) -> Entry:
    """Read an entry back: update id, message id, time and payload between bars."""
    update_id, _, received, payload = stored.split(b"|", 3)
    return Entry(int(update_id), int(received), payload)
